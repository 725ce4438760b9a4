//! Where in a picture the evidence for a class lies: how much less sure the classifier would be without each spot.
//!
//! A spot is one of the 7 × 7 places of layer 4's map, of which an embedding holds the means and deviations. Leaving one
//! place out of both gives the embedding of the picture without that spot, and every classifier can be asked about it,
//! linear or not. Where a classifier is linear in the means, wᵢ · mean − wᵢ · mean without p is wᵢ · (a_p − mean) / 48: the
//! class activation map (Zhou et al., "Learning Deep Features for Discriminative Localization", 2016) but for a constant
//! and a factor. Grad-CAM (Selvaraju et al., 2017), made for all others, needs a gradient for every method; this needs none.

use crate::{
    Embedding, Error,
    architecture::{EMBEDDING, Pooled},
    vector::deviation,
};

/// Rows and columns of spots.
pub const SIDE: usize = 7;
/// How many spots there are.
pub const SPOTS: usize = SIDE * SIDE;
/// What a class's probability is taken for at least, so that its logarithm is finite.
const LEAST: f32 = 1e-12;

/// What layer 4 sees in the square of a picture, `[512, 7, 7]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer4Map {
    values: Vec<f32>,
}

impl Layer4Map {
    /// Takes the numbers channel by channel, row by row.
    ///
    /// # Errors
    /// [`Error::Maps`] where they are not as many as there should be.
    pub fn new(values: Vec<f32>) -> Result<Self, Error> {
        match values.len() == EMBEDDING * SPOTS {
            true => Ok(Self { values }),
            false => Err(Error::Maps {
                reason: format!("{} numbers of layer 4, expected {}", values.len(), EMBEDDING * SPOTS),
            }),
        }
    }

    /// The numbers, as [`Layer4Map::new`] takes them.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The embedding of the square.
    ///
    /// # Errors
    /// [`Error::EmbeddingNotFinite`].
    pub fn embedding(&self) -> Result<Embedding, Error> {
        self.embedding_of(|_| true)
    }

    /// The embedding of the square without one spot.
    ///
    /// # Errors
    /// [`Error::EmbeddingNotFinite`].
    pub fn embedding_without(&self, spot: usize) -> Result<Embedding, Error> {
        self.embedding_of(|other| other != spot)
    }

    fn embedding_of(&self, takes: impl Fn(usize) -> bool) -> Result<Embedding, Error> {
        let (mut means, mut deviations) = (Vec::with_capacity(EMBEDDING), Vec::with_capacity(EMBEDDING));
        for channel in self.values.chunks_exact(SPOTS) {
            let spots = channel.iter().enumerate().filter(|(spot, _)| takes(*spot));
            let taken: Vec<f32> = spots.map(|(_, value)| *value).collect();
            means.push(taken.iter().sum::<f32>() / taken.len() as f32);
            deviations.push(deviation(&taken));
        }
        Embedding::from_views(&[Pooled {
            means: [Vec::new(), Vec::new(), Vec::new(), means],
            deviations,
        }])
    }
}

/// How much each spot speaks for each class, `[n_way][SPOTS]`: by how much the class's log odds fall without it. Negative
/// where it speaks against the class.
///
/// # Errors
/// [`Error::EmbeddingNotFinite`].
pub fn evidence(map: &Layer4Map, probabilities: impl Fn(&Embedding) -> Vec<f32>) -> Result<Vec<Vec<f32>>, Error> {
    let with = log_odds(&probabilities(&map.embedding()?));
    let mut evidence = vec![Vec::with_capacity(SPOTS); with.len()];
    for spot in 0..SPOTS {
        let without = log_odds(&probabilities(&map.embedding_without(spot)?));
        for (class, (with, without)) in evidence.iter_mut().zip(with.iter().zip(without)) {
            class.push(with - without);
        }
    }
    Ok(evidence)
}

/// ln(pᵢ / Σ pⱼ of all others). The sum, not 1 − pᵢ, of which a likely class would leave a few digits.
fn log_odds(probabilities: &[f32]) -> Vec<f32> {
    let others = |class: usize| -> f32 {
        let others = probabilities.iter().enumerate().filter(|(other, _)| *other != class);
        others.map(|(_, probability)| probability).sum()
    };
    let odds = |(class, probability): (usize, &f32)| probability.max(LEAST).ln() - others(class).max(LEAST).ln();
    probabilities.iter().enumerate().map(odds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Head, vector::dot};

    /// Channel 0 is in spot 8 alone, channel 1 in spot 40 alone; all other channels are everywhere the same.
    fn map() -> Layer4Map {
        let mut values = vec![1.0; EMBEDDING * SPOTS];
        values[..2 * SPOTS].fill(0.0);
        values[8] = 30.0;
        values[SPOTS + 40] = 20.0;
        Layer4Map::new(values).unwrap()
    }

    fn head() -> Head {
        let mut weight = vec![vec![0.0; EMBEDDING]; 2];
        weight[0][0] = 1.0;
        weight[1][1] = 1.0;
        Head {
            weight,
            bias: vec![0.0; 2],
            scale: 2.0,
        }
    }

    #[test]
    fn a_square_embeds_as_the_network_pools_it() {
        let embedding = map().embedding().unwrap();
        assert!((embedding.first()[0] - 30.0 / 49.0).abs() < 1e-6);
        let deviation = (30.0_f32.powi(2) / 49.0 - (30.0_f32 / 49.0).powi(2)).sqrt();
        assert!((embedding.pooled()[EMBEDDING] - deviation).abs() < 1e-4);
        assert_eq!(map().embedding_without(8).unwrap().first()[0], 0.0);
        assert_eq!(Layer4Map::new(vec![0.0; 5]).unwrap_err().code(), "maps");
    }

    #[test]
    fn each_class_has_its_spot() {
        let head = head();
        let evidence = evidence(&map(), |embedding| head.probabilities(&embedding.direction())).unwrap();
        let strongest = |class: &Vec<f32>| (0..SPOTS).max_by(|a, b| class[*a].total_cmp(&class[*b])).unwrap();
        assert_eq!(evidence.iter().map(strongest).collect::<Vec<_>>(), [8, 40]);
        assert!(evidence[0][40] < 0.0, "what speaks for one speaks against the other");
        assert!(
            evidence[0][0].abs() < 0.1 * evidence[0][8],
            "elsewhere there is nothing"
        );
    }

    /// In a head that is linear in the means, the evidence is the class activation map from which its mean was taken, over 48.
    #[test]
    fn where_the_head_is_linear_it_is_the_class_activation_map() {
        let (map, head) = (map(), head());
        let linear = |embedding: &Embedding| head.probabilities(embedding.first());
        let evidence = evidence(&map, linear).unwrap();
        let activation = |class: usize, spot: usize| {
            let pixel: Vec<f32> = (0..EMBEDDING)
                .map(|channel| map.values[channel * SPOTS + spot])
                .collect();
            head.scale * dot(&head.weight[class], &pixel)
        };
        let contrast = |spot| activation(0, spot) - activation(1, spot);
        let mean = (0..SPOTS).map(contrast).sum::<f32>() / SPOTS as f32;
        for (spot, got) in evidence[0].iter().enumerate() {
            let expected = (contrast(spot) - mean) / (SPOTS - 1) as f32;
            assert!((got - expected).abs() < 1e-4, "spot {spot}: {got}, by hand {expected}");
        }
    }
}
