//! Preprocessing: a photo becomes a picture of fixed scale, and that the squares that the network sees.
//!
//! A picture is the photo with its shorter side at 256 pixels (bilinear, antialiased), of which the centre 224 × 224 is
//! torchvision's evaluation transform for ResNet-18, in the arithmetic of Pillow (8 bits between the steps). It is
//! what the page keeps of a photo: every view comes out of it, exactly, whenever it is needed again. One code for
//! native files, uploads and camera frames.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{self, CompressionType, PngEncoder},
};

use crate::{
    Error, Photo, Square,
    square::{MEAN, SIDE, mirrored},
};

/// Length of a picture's shorter side in pixels.
pub const SHORTER_SIDE: usize = 256;
/// Greatest length of its longer side; what a longer photo has beyond it is left out on both ends.
pub const LONGEST_SIDE: usize = 512;
/// Squares that [`Picture::views`] gives.
pub const VIEWS: usize = 8;
/// How many parts [`Picture::part`] knows, of two squares each.
pub const PARTS: usize = VIEWS / 2;
/// Side of the part of the picture that [`Picture::zoomed`] enlarges, in pixels.
const ZOOM: usize = 160;

/// A photo at the scale of the network: RGB, 8 bits, shorter side [`SHORTER_SIDE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
}

impl Picture {
    /// Resizes a photo.
    ///
    /// # Errors
    /// [`Error::PhotoCorrupt`] where the resize refuses the photo's size.
    pub fn from_photo(photo: &Photo) -> Result<Self, Error> {
        let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
        let scale = SHORTER_SIDE as f64 / width.min(height);
        let (x, y) = (Span::of(width, scale), Span::of(height, scale));
        let rgb = resize(photo.rgb(), [photo.width(), photo.height()], [x, y])?;
        Ok(Self {
            rgb,
            width: x.pixels,
            height: y.pixels,
        })
    }

    /// Takes RGB pixels, row by row.
    ///
    /// # Errors
    /// [`Error::PictureSize`] where the shorter side is not [`SHORTER_SIDE`] or the longer one beyond
    /// [`LONGEST_SIDE`]; [`Error::PixelCount`].
    pub fn from_rgb(rgb: Vec<u8>, width: usize, height: usize) -> Result<Self, Error> {
        if width.min(height) != SHORTER_SIDE || width.max(height) > LONGEST_SIDE {
            return Err(Error::PictureSize { width, height });
        }
        if rgb.len() != width * height * 3 {
            return Err(Error::PixelCount {
                expected: (width * height) as u64,
                got: (rgb.len() / 3) as u64,
            });
        }
        Ok(Self { rgb, width, height })
    }

    /// Takes back what [`Picture::png`] gave, or a PNG of the same size from elsewhere.
    ///
    /// # Errors
    /// Those of [`Photo::decode`]; [`Error::PictureSize`].
    pub fn from_png(png: &[u8]) -> Result<Self, Error> {
        let photo = Photo::decode(png)?;
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        Self::from_rgb(photo.into_rgb(), width, height)
    }

    /// A PNG file, in which every pixel is kept. It is packed with middling effort: more takes longer and saves little.
    ///
    /// # Errors
    /// [`Error::PhotoCorrupt`], none in practice.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let mut png = Vec::new();
        let (width, height) = (self.width as u32, self.height as u32);
        PngEncoder::new_with_quality(&mut png, CompressionType::Level(4), png::FilterType::Paeth)
            .write_image(&self.rgb, width, height, ExtendedColorType::Rgb8)
            .map_err(|error| Error::PhotoCorrupt {
                reason: error.to_string(),
            })?;
        Ok(png)
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// RGB pixels, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Left and right exchanged.
    pub fn mirrored(&self) -> Self {
        Self {
            rgb: mirrored(&self.rgb, self.width),
            ..*self
        }
    }

    /// The centre 224 × 224 pixels: torchvision's crop.
    ///
    /// # Errors
    /// None for a picture as it is made here.
    pub fn centre(&self) -> Result<Square, Error> {
        let (left, top) = ((self.width - SIDE) / 2, (self.height - SIDE) / 2);
        let mut rgb = Vec::with_capacity(SIDE * SIDE * 3);
        for row in self.rgb.chunks_exact(self.width * 3).skip(top).take(SIDE) {
            rgb.extend_from_slice(&row[left * 3..(left + SIDE) * 3]);
        }
        Square::from_rgb(rgb)
    }

    /// The largest square in the middle, shrunk: an eighth more than the centre on every side.
    ///
    /// # Errors
    /// Those of the resize, none in practice.
    pub fn whole(&self) -> Result<Square, Error> {
        self.middle(SHORTER_SIDE)
    }

    /// All of the picture, shrunk until it fits; what it does not fill has ImageNet's mean colour.
    ///
    /// # Errors
    /// Those of the resize, none in practice.
    pub fn padded(&self) -> Result<Square, Error> {
        let scale = SIDE as f64 / self.width.max(self.height) as f64;
        let all = |length: usize| Span {
            start: 0.0,
            length: length as f64,
            pixels: (length as f64 * scale).round() as usize,
        };
        let [x, y] = [all(self.width), all(self.height)];
        let inner = resize(&self.rgb, [self.width as u32, self.height as u32], [x, y])?;
        let (left, top) = ((SIDE - x.pixels) / 2, (SIDE - y.pixels) / 2);
        let mut rgb = MEAN.map(|value| (value * 255.0).round() as u8).repeat(SIDE * SIDE);
        for (row, inner_row) in rgb
            .chunks_exact_mut(SIDE * 3)
            .skip(top)
            .zip(inner.chunks_exact(x.pixels * 3))
        {
            row[left * 3..left * 3 + inner_row.len()].copy_from_slice(inner_row);
        }
        Square::from_rgb(rgb)
    }

    /// The middle square of so many pixels, resized.
    fn middle(&self, side: usize) -> Result<Square, Error> {
        let span = |length: usize| Span {
            start: ((length - side) / 2) as f64,
            length: side as f64,
            pixels: SIDE,
        };
        let spans = [span(self.width), span(self.height)];
        Square::from_rgb(resize(&self.rgb, [self.width as u32, self.height as u32], spans)?)
    }

    /// The middle 160 × 160 pixels, enlarged: what lies in the centre alone.
    ///
    /// # Errors
    /// Those of the resize, none in practice.
    pub fn zoomed(&self) -> Result<Square, Error> {
        self.middle(ZOOM)
    }

    /// What a photo is learnt from: [`Picture::centre`], [`Picture::whole`], [`Picture::padded`], [`Picture::zoomed`],
    /// and their mirror images.
    ///
    /// # Errors
    /// Those of the resize, none in practice.
    pub fn views(&self) -> Result<Vec<Square>, Error> {
        let upright = [self.upright(0)?, self.upright(1)?].concat();
        let mirrored: Vec<Square> = upright.iter().map(Square::mirrored).collect();
        Ok(upright.into_iter().chain(mirrored).collect())
    }

    /// One of the [`PARTS`] of what [`Picture::views`] gives, which one after the other are all of it; nothing where there is
    /// no such part.
    ///
    /// # Errors
    /// Those of the resize, none in practice.
    pub fn part(&self, part: usize) -> Result<Vec<Square>, Error> {
        match part {
            0 | 1 => self.upright(part),
            2 | 3 => Ok(self.upright(part - 2)?.iter().map(Square::mirrored).collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// The first two views, or the next two.
    fn upright(&self, pair: usize) -> Result<Vec<Square>, Error> {
        match pair {
            0 => Ok(vec![self.centre()?, self.whole()?]),
            _ => Ok(vec![self.padded()?, self.zoomed()?]),
        }
    }
}

/// A stretch of one axis of the source, and how many pixels it becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub start: f64,
    pub length: f64,
    pub pixels: usize,
}

impl Span {
    /// Of an axis that is resized by `scale`: all of it, or the middle [`LONGEST_SIDE`] pixels. Taking the window first
    /// spares the resize of everything outside it, and the filter still sees the pixels beyond its edge.
    fn of(length: f64, scale: f64) -> Self {
        let resized = (length * scale).round();
        let kept = resized.min(LONGEST_SIDE as f64);
        let start = ((resized - kept) / 2.0).floor();
        Self {
            start: start * length / resized,
            length: kept * length / resized,
            pixels: kept as usize,
        }
    }
}

/// RGB pixels `size` (width, height) → the window `[x, y]`, bilinear with antialias. The images are typed: by `Resizer::resize`
/// every kind of pixel would be compiled into this crate, and make up most of it.
pub(crate) fn resize(rgb: &[u8], size: [u32; 2], [x, y]: [Span; 2]) -> Result<Vec<u8>, Error> {
    let corrupt = |reason: String| Error::PhotoCorrupt { reason };
    let source = TypedImageRef::<U8x3>::from_buffer(size[0], size[1], rgb).map_err(|e| corrupt(e.to_string()))?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false)
        .crop(x.start, y.start, x.length, y.length);
    let mut target = TypedImage::<U8x3>::new(x.pixels as u32, y.pixels as u32);
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(|e| corrupt(e.to_string()))?;
    Ok(target.pixels().iter().flat_map(|pixel| pixel.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(width: u32, height: u32, colour: [u8; 4]) -> Picture {
        let rgba = colour.repeat(width as usize * height as usize);
        Picture::from_photo(&Photo::from_rgba(&rgba, width, height).unwrap()).unwrap()
    }

    #[test]
    fn a_landscape_photo_keeps_its_shape() {
        let picture = flat(640, 480, [1, 2, 3, 255]);
        assert_eq!((picture.width(), picture.height()), (341, 256));
        let long = Span::of(12_000.0, 256.0 / 40.0);
        assert_eq!((long.start, long.length, long.pixels), (5960.0, 80.0, 512));
    }

    #[test]
    fn a_flat_photo_stays_flat_at_every_size() {
        for (width, height) in [(1, 1), (1, 3000), (12_000, 40), (224, 224), (640, 480)] {
            let picture = flat(width, height, [12, 200, 77, 255]);
            for square in [picture.centre().unwrap(), picture.whole().unwrap()] {
                let pixels = square.rgba();
                assert!(
                    pixels.chunks_exact(4).all(|pixel| pixel == [12, 200, 77, 255]),
                    "{width}×{height}"
                );
            }
        }
    }

    #[test]
    fn the_centre_is_kept() {
        // Left third black, middle third red, right third black: the crops hold only red, the padded view all three.
        let row: Vec<u8> = (0..900)
            .flat_map(|x| match (300..600).contains(&x) {
                true => [255, 0, 0, 255],
                false => [0, 0, 0, 255],
            })
            .collect();
        let photo = Photo::from_rgba(&row.repeat(300), 900, 300).unwrap();
        let picture = Picture::from_photo(&photo).unwrap();
        let red = |square: &Square| square.rgba().chunks_exact(4).filter(|p| *p == [255, 0, 0, 255]).count();
        assert_eq!(red(&picture.centre().unwrap()), SIDE * SIDE);
        let padded = picture.padded().unwrap();
        // 512 of 768 pixels are kept, so the middle 256 become 112 of 224 columns and rows.
        assert!((110 * 112..=112 * 112).contains(&red(&padded)), "{}", red(&padded));
        assert_eq!(&padded.rgba()[..3], [124, 116, 104], "the mean colour above");
    }

    #[test]
    fn views_come_with_their_mirror_images() {
        let views = flat(300, 400, [9, 9, 9, 255]).views().unwrap();
        assert_eq!(views.len(), VIEWS);
        for index in 0..VIEWS / 2 {
            assert_eq!(views[index].mirrored(), views[index + VIEWS / 2]);
        }
    }

    #[test]
    fn parts_are_all_views_in_their_order() {
        let row: Vec<u8> = (0..400)
            .flat_map(|x| [(x % 256) as u8, (x * x % 251) as u8, 7, 255])
            .collect();
        let picture = Picture::from_photo(&Photo::from_rgba(&row.repeat(300), 400, 300).unwrap()).unwrap();
        let parts: Vec<Square> = (0..PARTS).flat_map(|part| picture.part(part).unwrap()).collect();
        assert_eq!(parts, picture.views().unwrap());
        assert!(picture.part(PARTS).unwrap().is_empty());
    }

    #[test]
    fn a_mirrored_picture_is_that_of_the_mirrored_photo() {
        let pixel = |x: u32| [(x * 255 / 640) as u8, (x * x % 251) as u8, 7, 255];
        let picture = |row: Vec<u8>| {
            let photo = Photo::from_rgba(&row.repeat(480), 640, 480).unwrap();
            Picture::from_photo(&photo).unwrap()
        };
        let there = picture((0..640).flat_map(pixel).collect()).mirrored();
        let back = picture((0..640).rev().flat_map(pixel).collect());
        assert_eq!((there.width(), there.height()), (back.width(), back.height()));
        assert_ne!(there, there.mirrored());
        let difference = there.rgb().iter().zip(back.rgb()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(difference <= Some(1), "{difference:?}");
    }

    #[test]
    fn pngs_keep_every_pixel() {
        let mut picture = flat(300, 400, [9, 99, 9, 255]);
        picture
            .rgb
            .iter_mut()
            .enumerate()
            .for_each(|(index, value)| *value ^= (index * index) as u8);
        assert_eq!(Picture::from_png(&picture.png().unwrap()).unwrap(), picture);
    }

    #[test]
    fn pictures_of_another_size_are_refused() {
        let code = |rgb: &[u8], width, height| Picture::from_rgb(rgb.to_vec(), width, height).unwrap_err().code();
        assert_eq!(code(&[0; 8], 256, 300), "pixel-count");
        for (width, height) in [(255, 300), (300, 300), (256, 513)] {
            assert_eq!(code(&[], width, height), "picture-size");
        }
    }
}
