//! What a photo looks like in training: torchvision's `RandomResizedCrop` and `RandomHorizontalFlip` (Szegedy et al.,
//! "Going Deeper with Convolutions", 2015). Photo of any size → `[3, side, side]`, normalised.

use rand_chacha::{ChaCha8Rng, rand_core::RngCore};

use crate::{
    Error, Photo,
    episode::below,
    picture::{Span, resize},
    square::{mirrored, normalised},
};

/// Width over height of a crop: between 3 / 4 and its inverse.
const NARROWEST: f64 = 3.0 / 4.0;
/// Crops drawn before the middle of the photo is taken.
const ATTEMPTS: usize = 10;

/// How photos are changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// Side of the square in pixels.
    pub side: usize,
    /// The least share of the photo's area that a crop shows, above 0 and at most 1; torchvision's is 0.08.
    pub least_area: f64,
}

impl Augmentation {
    /// A random look at a photo.
    ///
    /// # Errors
    /// [`Error::PhotoCorrupt`] where the resize refuses the photo's size.
    pub fn look(&self, photo: &Photo, random: &mut ChaCha8Rng) -> Result<Vec<f32>, Error> {
        let size = [photo.width(), photo.height()];
        let [x, y] = self.window(size.map(|length| length as usize), random);
        let span = |[start, length]: [usize; 2]| Span {
            start: start as f64,
            length: length as f64,
            pixels: self.side,
        };
        let rgb = resize(photo.rgb(), size, [span(x), span(y)])?;
        Ok(normalised(&match random.next_u32().is_multiple_of(2) {
            true => mirrored(&rgb, self.side),
            false => rgb,
        }))
    }

    /// Start and length of a crop along x and y, in a photo of this width and height.
    fn window(&self, [width, height]: [usize; 2], random: &mut ChaCha8Rng) -> [[usize; 2]; 2] {
        let area = (width * height) as f64;
        for _ in 0..ATTEMPTS {
            let target = area * between(self.least_area, 1.0, random);
            let ratio = between(NARROWEST.ln(), -NARROWEST.ln(), random).exp();
            let wide = (target * ratio).sqrt().round() as usize;
            let high = (target / ratio).sqrt().round() as usize;
            if (1..=width).contains(&wide) && (1..=height).contains(&high) {
                return [
                    [below(random, width - wide + 1), wide],
                    [below(random, height - high + 1), high],
                ];
            }
        }
        middle(width, height)
    }
}

/// The largest window in the middle that is neither too wide nor too high.
fn middle(width: usize, height: usize) -> [[usize; 2]; 2] {
    let most = |other: usize| ((other as f64 / NARROWEST).round() as usize).max(1);
    let (wide, high) = (width.min(most(height)), height.min(most(width)));
    [[(width - wide) / 2, wide], [(height - high) / 2, high]]
}

/// Uniform in `low`..`high`.
fn between(low: f64, high: f64, random: &mut ChaCha8Rng) -> f64 {
    low + (high - low) * unit(random)
}

/// Uniform in 0..1.
pub(super) fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const AUGMENTATION: Augmentation = Augmentation {
        side: 32,
        least_area: 0.08,
    };

    #[test]
    fn windows_lie_in_the_photo_and_keep_to_the_bounds() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut areas = Vec::new();
        for _ in 0..1000 {
            let [[left, wide], [top, high]] = AUGMENTATION.window([400, 300], &mut random);
            assert!(left + wide <= 400 && top + high <= 300);
            let ratio = wide as f64 / high as f64;
            assert!((0.74..1.35).contains(&ratio), "{ratio}");
            areas.push((wide * high) as f64 / (400.0 * 300.0));
        }
        areas.sort_by(f64::total_cmp);
        assert!(areas[0] >= 0.078 && areas[0] < 0.1, "{}", areas[0]);
        assert!(areas[999] <= 1.0 && areas[999] > 0.9, "{}", areas[999]);
        // The median would be 0.54 if large windows fitted as often as small ones; NumPy, drawing the same way, has 0.42.
        assert!((0.38..0.46).contains(&areas[500]), "{}", areas[500]);
    }

    #[test]
    fn a_thin_photo_gives_its_middle() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let all = Augmentation {
            least_area: 1.0,
            ..AUGMENTATION
        };
        assert_eq!(all.window([900, 30], &mut random), [[430, 40], [0, 30]]);
        assert_eq!(all.window([1, 1000], &mut random), [[0, 1], [499, 1]]);
    }

    #[test]
    fn half_of_the_looks_are_mirror_images() {
        // The left half is red: a look at all of it has red either left or right.
        let row: Vec<u8> = (0..64)
            .flat_map(|x| if x < 32 { [255, 0, 0, 255] } else { [0, 0, 0, 255] })
            .collect();
        let photo = Photo::from_rgba(&row.repeat(64), 64, 64).unwrap();
        let all = Augmentation {
            least_area: 0.99,
            ..AUGMENTATION
        };
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let looks = (0..200).map(|_| all.look(&photo, &mut random).unwrap());
        let mirrored = looks.filter(|look| look[0] < look[31]).count();
        assert!((75..125).contains(&mirrored), "{mirrored}");
    }
}
