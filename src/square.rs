//! The square that the network sees: 224 × 224 pixels of 8 bits, and their normalisation by ImageNet's mean and
//! standard deviation. How a photo becomes squares is `picture.rs`'s.

use crate::Error;

/// Side of the square in pixels.
pub const SIDE: usize = 224;
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
    /// Takes the pixels of a square: RGB, row by row.
    ///
    /// # Errors
    /// [`Error::PixelCount`].
    pub fn from_rgb(rgb: Vec<u8>) -> Result<Self, Error> {
        match rgb.len() == PIXELS * 3 {
            true => Ok(Self { rgb }),
            false => Err(Error::PixelCount {
                expected: PIXELS as u64 * 3,
                got: rgb.len() as u64,
            }),
        }
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
        let mut rgb = vec![0; PIXELS * 3];
        for (to, pixel) in rgb.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
            to.copy_from_slice(&pixel[..3]);
        }
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

    /// Left and right exchanged.
    pub fn mirrored(&self) -> Self {
        Self {
            rgb: mirrored(&self.rgb, SIDE),
        }
    }

    /// RGBA pixels, opaque, row by row.
    pub fn rgba(&self) -> Vec<u8> {
        let mut rgba = vec![255; PIXELS * 4];
        for (to, pixel) in rgba.chunks_exact_mut(4).zip(self.rgb.chunks_exact(3)) {
            to[..3].copy_from_slice(pixel);
        }
        rgba
    }

    /// The network's input: `[3, SIDE, SIDE]`, channel after channel, (value / 255 − mean) / std.
    pub fn normalised(&self) -> Vec<f32> {
        normalised(&self.rgb)
    }
}

/// RGB pixels in rows of `width` with left and right exchanged.
pub(crate) fn mirrored(rgb: &[u8], width: usize) -> Vec<u8> {
    let mut mirrored = Vec::with_capacity(rgb.len());
    for row in rgb.as_chunks::<3>().0.chunks_exact(width) {
        mirrored.extend(row.iter().rev().flatten());
    }
    mirrored
}

/// RGB pixels → channel after channel, (value / 255 − mean) / std.
pub(crate) fn normalised(rgb: &[u8]) -> Vec<f32> {
    let mut input = Vec::with_capacity(rgb.len());
    let (pixels, _) = rgb.as_chunks::<3>();
    for channel in 0..3 {
        let numbers: [f32; 256] = std::array::from_fn(|value| (value as f32 / 255.0 - MEAN[channel]) / STD[channel]);
        input.extend(pixels.iter().map(|pixel| numbers[usize::from(pixel[channel])]));
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rgba_round_trips() {
        let square = Square::test_pattern();
        assert_eq!(Square::from_rgba(&square.rgba()).unwrap(), square);
        assert_eq!(Square::from_rgba(&[0; 8]).unwrap_err().code(), "pixel-count");
    }

    #[test]
    fn mirroring_turns_rows_round() {
        let square = Square::test_pattern();
        let (there, pixels) = (square.mirrored(), square.rgba());
        assert_eq!(there.rgba()[..3], pixels[(SIDE - 1) * 4..][..3]);
        assert_ne!(there, square);
        assert_eq!(there.mirrored(), square);
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
