//! Photos: encoded bytes or raw pixels in, upright RGB out. Nothing here knows of crops or networks.
//!
//! Every check that can be made on a header is made before the pixels are decoded.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

use crate::Error;

/// The largest photo that is decoded, in megapixels of 2^20 pixels.
pub const MEGAPIXEL_LIMIT: u64 = 64;

/// Bytes the decoder may ask for: the largest photo at 16 bits and four channels.
const DECODER_BYTES: u64 = MEGAPIXEL_LIMIT * (1 << 20) * 8;

/// An upright RGB photo of any size, at least 1 × 1.
#[derive(Debug, Clone)]
pub struct Photo {
    rgb: RgbImage,
}

impl Photo {
    /// Decodes JPEG, PNG, WebP, GIF (first frame) or BMP; applies EXIF orientation; lays transparency over white.
    ///
    /// # Errors
    /// [`Error::PhotoEmpty`], [`Error::PhotoNotImage`], [`Error::PhotoFormat`], [`Error::PhotoTooLarge`]
    /// (before decoding) and [`Error::PhotoCorrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::PhotoEmpty);
        }
        let format = readable_format(bytes)?;
        let mut decoder = ImageReader::with_format(Cursor::new(bytes), format)
            .into_decoder()
            .map_err(corrupt)?;
        let (width, height) = decoder.dimensions();
        check_size(width.into(), height.into())?;
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(DECODER_BYTES);
        decoder.set_limits(limits).map_err(corrupt)?;
        if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
            return Err(Error::PhotoCorrupt {
                reason: "the JPEG's end is missing".into(),
            });
        }
        let orientation = decoder.orientation().map_err(corrupt)?;
        let mut picture = DynamicImage::from_decoder(decoder).map_err(corrupt)?;
        picture.apply_orientation(orientation);
        Ok(Self {
            rgb: over_white(picture),
        })
    }

    /// Takes upright RGBA pixels, row by row, as a canvas gives them; lays transparency over white.
    ///
    /// # Errors
    /// [`Error::PixelCount`] where the pixels do not fill `width` × `height`, or that is 0; [`Error::PhotoTooLarge`].
    pub fn from_rgba(rgba: &[u8], width: u32, height: u32) -> Result<Self, Error> {
        check_size(width.into(), height.into())?;
        let expected = u64::from(width) * u64::from(height) * 4;
        if expected == 0 || expected != rgba.len() as u64 {
            return Err(Error::PixelCount {
                expected: expected.max(4),
                got: rgba.len() as u64,
            });
        }
        let rgb = RgbImage::from_fn(width, height, |x, y| {
            let start = (y as usize * width as usize + x as usize) * 4;
            blend_white([rgba[start], rgba[start + 1], rgba[start + 2], rgba[start + 3]])
        });
        Ok(Self { rgb })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.rgb.width()
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.rgb.height()
    }

    /// The pixels: RGB, row by row, `3 · width · height` bytes.
    pub fn rgb(&self) -> &[u8] {
        self.rgb.as_raw()
    }

    /// The same, taken out of it.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb.into_raw()
    }
}

/// The format, if it is one of ours; otherwise the error that says what the bytes are instead.
fn readable_format(bytes: &[u8]) -> Result<ImageFormat, Error> {
    if let Ok(format) = image::guess_format(bytes)
        && format.reading_enabled()
    {
        return Ok(format);
    }
    let found = match imagesize::image_type(bytes) {
        Ok(kind) => format!("{kind:?}"),
        Err(_) => match image::guess_format(bytes) {
            Ok(format) => format!("{format:?}"),
            Err(_) => return Err(Error::PhotoNotImage),
        },
    };
    if let Ok(size) = imagesize::blob_size(bytes) {
        check_size(size.width as u64, size.height as u64)?;
    }
    Err(Error::PhotoFormat { found })
}

fn check_size(width: u64, height: u64) -> Result<(), Error> {
    if width.saturating_mul(height) > MEGAPIXEL_LIMIT << 20 {
        return Err(Error::PhotoTooLarge {
            width,
            height,
            limit: MEGAPIXEL_LIMIT,
        });
    }
    Ok(())
}

fn corrupt(error: ImageError) -> Error {
    Error::PhotoCorrupt {
        reason: error.to_string(),
    }
}

/// True where an end-of-image marker follows the last start-of-scan marker.
/// The decoder fills what is missing with grey, and a grey half would be learnt.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    match (last([0xFF, 0xDA]), last([0xFF, 0xD9])) {
        (Some(scan), Some(end)) => end > scan,
        _ => false,
    }
}

fn over_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| blend_white(rgba.get_pixel(x, y).0))
}

fn blend_white([r, g, b, alpha]: [u8; 4]) -> image::Rgb<u8> {
    let blend = |value: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        // (value·alpha + 255·(255 − alpha)) / 255, rounded: at most 255.
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    image::Rgb([blend(r), blend(g), blend(b)])
}
