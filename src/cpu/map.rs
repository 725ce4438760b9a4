//! Feature maps: `[c / 8, y, x, 8]`, eight channels side by side, so that one SIMD vector is one pixel of one group.
//!
//! Where numbers lie, and nothing of what is computed from them.

use wide::f32x8;

/// Channels that lie side by side.
pub const GROUP: usize = 8;
/// Zeros around a map: the padding of a 3 × 3 convolution.
pub const BORDER: usize = 1;
/// Side of the tiles in which maps are read and written. A map has room for whole tiles, filled up with zeros.
pub const TILE: usize = 4;

/// The map of one image, square, within a border of zeros. Only what lies inside the border is ever written, so that
/// convolutions need not look where the edge is.
#[derive(Debug, Clone)]
pub struct Map {
    side: usize,
    bordered_side: usize,
    values: Vec<f32x8>,
}

impl Map {
    /// Zeros. `channels` is a multiple of [`GROUP`].
    pub fn new(channels: usize, side: usize) -> Self {
        let bordered_side = side.next_multiple_of(TILE) + 2 * BORDER;
        Self {
            side,
            bordered_side,
            values: vec![f32x8::ZERO; channels / GROUP * bordered_side * bordered_side],
        }
    }

    /// Rows and columns, without the border.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.values.len() / (self.bordered_side * self.bordered_side) * GROUP
    }

    /// Row `y` of a group from column `x` to the end, both counted from the border's corner, border included.
    #[inline]
    pub fn bordered_row(&self, group: usize, y: usize, x: usize) -> &[f32x8] {
        let start = (group * self.bordered_side + y) * self.bordered_side;
        &self.values[start + x..start + self.bordered_side]
    }

    /// Row `y` of a group from column `x` to the end, without the border.
    #[inline]
    pub fn row(&self, group: usize, y: usize, x: usize) -> &[f32x8] {
        let start = (group * self.bordered_side + y + BORDER) * self.bordered_side + BORDER;
        &self.values[start + x..start + self.side]
    }

    /// [`Map::row`], to be written.
    #[inline]
    pub fn row_mut(&mut self, group: usize, y: usize, x: usize) -> &mut [f32x8] {
        let start = (group * self.bordered_side + y + BORDER) * self.bordered_side + BORDER;
        &mut self.values[start + x..start + self.side]
    }

    /// The spatial mean: one number per channel.
    pub fn mean(&self) -> Vec<f32> {
        let pixels = f32x8::splat((self.side * self.side) as f32);
        let mut means = Vec::with_capacity(self.channels());
        for group in 0..self.channels() / GROUP {
            let rows = (0..self.side).flat_map(|y| self.row(group, y, 0));
            let sum = rows.fold(f32x8::ZERO, |sum, &pixel| sum + pixel);
            means.extend((sum / pixels).to_array());
        }
        means
    }

    /// The spatial standard deviation (of all pixels, not of a sample): one number per channel.
    pub fn deviation(&self) -> Vec<f32> {
        let pixels = f32x8::splat((self.side * self.side) as f32);
        let mut deviations = Vec::with_capacity(self.channels());
        for group in 0..self.channels() / GROUP {
            let rows = || (0..self.side).flat_map(|y| self.row(group, y, 0));
            let mean = rows().fold(f32x8::ZERO, |sum, &pixel| sum + pixel) / pixels;
            let squares = rows().fold(f32x8::ZERO, |sum, &pixel| sum + (pixel - mean) * (pixel - mean));
            deviations.extend((squares / pixels).sqrt().to_array());
        }
        deviations
    }

    /// The values as `[c, y, x]`, row-major.
    pub fn to_channels_first(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.channels() * self.side * self.side);
        for channel in 0..self.channels() {
            for y in 0..self.side {
                let row = self.row(channel / GROUP, y, 0);
                values.extend(row.iter().map(|pixel| pixel.as_array()[channel % GROUP]));
            }
        }
        values
    }

    /// Takes the values of `[c, y, x]`, row-major, of the map's own size.
    pub fn fill(&mut self, values: &[f32]) {
        let side = self.side;
        for (index, row) in values.chunks_exact(side).enumerate() {
            let (channel, y) = (index / side, index % side);
            for (pixel, value) in self.row_mut(channel / GROUP, y, 0).iter_mut().zip(row) {
                pixel.as_mut_array()[channel % GROUP] = *value;
            }
        }
    }

    /// A map from `[c, y, x]`, row-major.
    #[cfg(test)]
    pub fn from_channels_first(values: &[f32], side: usize) -> Self {
        let mut map = Self::new(values.len() / (side * side), side);
        map.fill(values);
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_first_round_trips() {
        let values: Vec<f32> = (0..16 * 25).map(|value| value as f32).collect();
        let map = Map::from_channels_first(&values, 5);
        assert_eq!((map.channels(), map.side()), (16, 5));
        assert_eq!(map.to_channels_first(), values);
        assert_eq!(map.mean()[3], 3.0 * 25.0 + 12.0);
        // Of 0 … 24: √((25² − 1) / 12).
        assert!((map.deviation()[3] - 52.0_f32.sqrt()).abs() < 1e-4);
    }

    #[test]
    fn the_border_is_zero() {
        let map = Map::from_channels_first(&[1.0; 8 * 25], 5);
        let total: f32 = (0..10)
            .flat_map(|y| map.bordered_row(0, y, 0))
            .map(|p| p.reduce_add())
            .sum();
        assert_eq!(total, 8.0 * 25.0);
        assert!(map.bordered_row(0, 0, 0).iter().all(|pixel| *pixel == f32x8::ZERO));
    }
}
