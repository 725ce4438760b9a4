//! Preprocessing: a photo becomes the 224 × 224 square that is embedded, and that square the network's input.
//!
//! Shorter side to 256 (bilinear, antialiased), centre crop 224, ImageNet mean and standard deviation:
//! torchvision's evaluation transform for ResNet-18, in the arithmetic of Pillow (8 bits between the steps).
//! One code for native files, uploads and camera frames.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use crate::{Error, Photo};

/// Side of the square in pixels.
pub const SIDE: usize = 224;
/// What the photo's shorter side is resized to before the crop, in pixels.
pub const SHORTER_SIDE: usize = 256;
/// ImageNet's mean per channel (red, green, blue), of values in 0..1.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// ImageNet's standard deviation per channel.
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];

const PIXELS: usize = SIDE * SIDE;

/// The exact pixels that are embedded: RGB, 8 bits, [`SIDE`] × [`SIDE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Square {
    rgb: Vec<u8>,
}

impl Square {
    /// Resizes and crops a photo.
    ///
    /// # Errors
    /// [`Error::PhotoCorrupt`] where the resize refuses the photo's size.
    pub fn from_photo(photo: &Photo) -> Result<Self, Error> {
        let corrupt = |reason: String| Error::PhotoCorrupt { reason };
        let (width, height) = (photo.width(), photo.height());
        let source = ImageRef::new(width, height, photo.rgb(), PixelType::U8x3).map_err(|e| corrupt(e.to_string()))?;
        let window = CropWindow::centre(width, height);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false)
            .crop(window.left, window.top, window.width, window.height);
        let mut target = Image::new(SIDE as u32, SIDE as u32, PixelType::U8x3);
        Resizer::new()
            .resize(&source, &mut target, &options)
            .map_err(|e| corrupt(e.to_string()))?;
        Ok(Self { rgb: target.into_vec() })
    }

    /// Takes an already cropped square as [`Square::rgba`] gave it; alpha is ignored.
    ///
    /// # Errors
    /// [`Error::PixelCount`].
    pub fn from_rgba(rgba: &[u8]) -> Result<Self, Error> {
        if rgba.len() != PIXELS * 4 {
            return Err(Error::PixelCount {
                expected: PIXELS as u64 * 4,
                got: rgba.len() as u64,
            });
        }
        let rgb = rgba
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        Ok(Self { rgb })
    }

    /// A fixed pattern with edges, gradients and colours, the same everywhere: it tells whether a backend computes right.
    pub fn test_pattern() -> Self {
        let mut rgb = Vec::with_capacity(PIXELS * 3);
        for y in 0..SIDE {
            for x in 0..SIDE {
                let checker = if (x / 28 + y / 28) % 2 == 0 { 96 } else { 0 };
                let ring = (x * x + y * y) / 97 % 160;
                rgb.extend([checker + ring, x * 255 / SIDE, (y * 5 + x * y / 16) % 256].map(|value| value as u8));
            }
        }
        Self { rgb }
    }

    /// RGBA pixels, opaque, row by row.
    pub fn rgba(&self) -> Vec<u8> {
        self.rgb
            .chunks_exact(3)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
            .collect()
    }

    /// The network's input: `[3, SIDE, SIDE]`, channel after channel, (value / 255 − mean) / std.
    pub fn normalised(&self) -> Vec<f32> {
        let mut input = Vec::with_capacity(PIXELS * 3);
        for channel in 0..3 {
            let plane = self.rgb.iter().skip(channel).step_by(3);
            input.extend(plane.map(|&value| (f32::from(value) / 255.0 - MEAN[channel]) / STD[channel]));
        }
        input
    }
}

/// The part of a photo that ends up in the square, in the photo's own pixels.
#[derive(Debug, PartialEq)]
struct CropWindow {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl CropWindow {
    /// Where the centre crop lies once the shorter side is [`SHORTER_SIDE`]. Taking the window first spares the
    /// resize of everything outside it, and the filter still sees the pixels beyond its edge.
    fn centre(width: u32, height: u32) -> Self {
        let (width, height) = (f64::from(width), f64::from(height));
        let shrink = SHORTER_SIDE as f64 / width.min(height);
        let axis = |length: f64| {
            let resized = (length * shrink).round();
            let start = ((resized - SIDE as f64) / 2.0).floor();
            (start * length / resized, SIDE as f64 * length / resized)
        };
        let ((left, width), (top, height)) = (axis(width), axis(height));
        Self {
            left,
            top,
            width,
            height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_of_a_landscape_photo() {
        let window = CropWindow::centre(512, 256);
        assert_eq!(
            window,
            CropWindow {
                left: 144.0,
                top: 16.0,
                width: 224.0,
                height: 224.0
            }
        );
    }

    #[test]
    fn a_flat_photo_stays_flat_at_every_size() {
        for (width, height) in [(1, 1), (1, 3000), (12_000, 40), (224, 224), (640, 480)] {
            let rgba = [12, 200, 77, 255].repeat(width as usize * height as usize);
            let photo = Photo::from_rgba(&rgba, width, height).unwrap();
            let square = Square::from_photo(&photo).unwrap();
            assert!(
                square.rgba().chunks_exact(4).all(|pixel| pixel == [12, 200, 77, 255]),
                "{width}×{height}"
            );
        }
    }

    #[test]
    fn the_centre_is_kept() {
        // Left third black, middle third red, right third black: only red remains.
        let row: Vec<u8> = (0..900)
            .flat_map(|x| {
                if (300..600).contains(&x) {
                    [255, 0, 0, 255]
                } else {
                    [0, 0, 0, 255]
                }
            })
            .collect();
        let photo = Photo::from_rgba(&row.repeat(300), 900, 300).unwrap();
        let square = Square::from_photo(&photo).unwrap();
        assert!(square.rgba().chunks_exact(4).all(|pixel| pixel == [255, 0, 0, 255]));
    }

    #[test]
    fn rgba_round_trips() {
        let square = Square::test_pattern();
        assert_eq!(Square::from_rgba(&square.rgba()).unwrap(), square);
        assert_eq!(Square::from_rgba(&[0; 8]).unwrap_err().code(), "pixel-count");
    }

    #[test]
    fn normalised_is_channel_first() {
        let mut rgba = [0, 0, 0, 255].repeat(PIXELS);
        rgba[4] = 255; // red of the second pixel
        let input = Square::from_rgba(&rgba).unwrap().normalised();
        assert_eq!(input.len(), 3 * PIXELS);
        assert!((input[1] - (1.0 - MEAN[0]) / STD[0]).abs() < 1e-6);
        assert!((input[PIXELS + 1] + MEAN[1] / STD[1]).abs() < 1e-6);
    }
}
