//! Episodes: few-shot tasks drawn at random from a pool of classes, the way few-shot learning is measured.
//!
//! Vinyals et al., "Matching Networks for One Shot Learning", 2016. Knows indices only: neither photos nor embeddings.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::Error;

/// Unknown classes that an episode holds at most, beside its own.
pub const UNKNOWN_CLASSES: usize = 5;

/// The size of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Classes to tell apart, at least 2.
    pub way: usize,
    /// Support images per class, at least 1.
    pub shot: usize,
    /// Query images per class, at least 1.
    pub query: usize,
}

/// One image of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Index of its class in the pool.
    pub class: usize,
    /// Index of the image in its class.
    pub image: usize,
}

/// A task: learn from `support`, name `query`, and refuse `unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// The pool's classes that take part, `[way]`.
    pub classes: Vec<usize>,
    /// `[way][shot]`, in the order of `classes`.
    pub support: Vec<Vec<Item>>,
    /// `[way][query]`, none of them in `support`.
    pub query: Vec<Vec<Item>>,
    /// Images of up to [`UNKNOWN_CLASSES`] classes that take no part, `query` of each;
    /// empty where no class is left.
    pub unknown: Vec<Item>,
}

/// Draws episodes: the same seed and pool give the same episodes, whatever is measured on them.
#[derive(Debug)]
pub struct Sampler {
    random: ChaCha8Rng,
    shape: Shape,
    /// Images per class.
    pool: Vec<usize>,
}

impl Sampler {
    /// `pool` holds the number of images of each class.
    ///
    /// # Errors
    /// [`Error::Option`] where the shape is no task; [`Error::PoolClasses`], [`Error::PoolImages`] where the pool is
    /// too small for it.
    pub fn new(pool: Vec<usize>, shape: Shape, seed: u64) -> Result<Self, Error> {
        for (name, least, got) in [
            ("way", 2, shape.way),
            ("shot", 1, shape.shot),
            ("query", 1, shape.query),
        ] {
            if got < least {
                let expected = if least == 2 { "at least 2" } else { "at least 1" };
                let got = got.to_string();
                return Err(Error::Option { name, expected, got });
            }
        }
        if pool.len() < shape.way {
            return Err(Error::PoolClasses {
                expected: shape.way,
                got: pool.len(),
            });
        }
        let expected = shape.shot + shape.query;
        if let Some((class, &got)) = pool.iter().enumerate().find(|(_, images)| **images < expected) {
            return Err(Error::PoolImages { class, expected, got });
        }
        Ok(Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            shape,
            pool,
        })
    }

    /// The next episode; classes and images are drawn without replacement.
    pub fn draw(&mut self) -> Episode {
        let Shape { way, shot, query } = self.shape;
        let order = draw(
            &mut self.random,
            self.pool.len(),
            (way + UNKNOWN_CLASSES).min(self.pool.len()),
        );
        let (classes, unknown_classes) = order.split_at(way);
        let mut episode = Episode {
            classes: classes.to_vec(),
            support: Vec::with_capacity(way),
            query: Vec::with_capacity(way),
            unknown: Vec::new(),
        };
        for &class in classes {
            let images = self.items(class, shot + query);
            episode.support.push(images[..shot].to_vec());
            episode.query.push(images[shot..].to_vec());
        }
        for &class in unknown_classes {
            let images = self.items(class, query);
            episode.unknown.extend(images);
        }
        episode
    }

    fn items(&mut self, class: usize, count: usize) -> Vec<Item> {
        let images = draw(&mut self.random, self.pool[class], count);
        images.into_iter().map(|image| Item { class, image }).collect()
    }
}

/// `count` different numbers below `bound`, in random order: the first steps of a Fisher–Yates shuffle.
pub(crate) fn draw(random: &mut ChaCha8Rng, bound: usize, count: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..bound).collect();
    for index in 0..count {
        let other = index + below(random, bound - index);
        all.swap(index, other);
    }
    all.truncate(count);
    all
}

/// A random number below `bound`, each equally likely: numbers from the incomplete last stretch are thrown again.
pub(crate) fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = bound as u64;
    let complete = u64::MAX - u64::MAX % bound;
    loop {
        let number = random.next_u64();
        if number < complete {
            return (number % bound) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SHAPE: Shape = Shape {
        way: 5,
        shot: 2,
        query: 3,
    };

    fn sampler(pool: Vec<usize>, seed: u64) -> Result<Sampler, Error> {
        Sampler::new(pool, SHAPE, seed)
    }

    #[test]
    fn nothing_is_drawn_twice() {
        let mut sampler = sampler(vec![7; 12], 1).unwrap();
        for _ in 0..50 {
            let episode = sampler.draw();
            let images: Vec<Item> = [
                episode.support.concat(),
                episode.query.concat(),
                episode.unknown.clone(),
            ]
            .concat();
            assert_eq!(images.len(), 5 * (2 + 3) + 5 * 3);
            assert_eq!(images.iter().collect::<BTreeSet<_>>().len(), images.len());
            assert!(
                episode
                    .unknown
                    .iter()
                    .all(|item| !episode.classes.contains(&item.class))
            );
            for (class, items) in episode.classes.iter().zip(&episode.query) {
                assert!(items.iter().all(|item| item.class == *class));
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        let first = |seed| sampler(vec![9; 30], seed).unwrap().draw();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn every_class_and_image_has_its_turn() {
        let mut sampler = sampler(vec![6; 8], 3).unwrap();
        let mut counts = [[0_u32; 6]; 8];
        for _ in 0..800 {
            for item in sampler.draw().support.concat() {
                counts[item.class][item.image] += 1;
            }
        }
        // 800 · 10 draws over 48 images: 167 each, standard deviation below 13.
        assert!(
            counts.iter().flatten().all(|&count| (100..240).contains(&count)),
            "{counts:?}"
        );
    }

    #[test]
    fn no_class_is_left_to_refuse() {
        assert!(sampler(vec![9; 5], 1).unwrap().draw().unknown.is_empty());
        assert_eq!(sampler(vec![9; 7], 1).unwrap().draw().unknown.len(), 2 * 3);
    }

    #[test]
    fn a_pool_too_small_is_refused() {
        assert!(matches!(
            sampler(vec![9; 4], 1),
            Err(Error::PoolClasses { expected: 5, got: 4 })
        ));
        let few = sampler(vec![9, 9, 4, 9, 9], 1);
        assert!(matches!(
            few,
            Err(Error::PoolImages {
                class: 2,
                expected: 5,
                got: 4
            })
        ));
        let one_way = Shape { way: 1, ..SHAPE };
        assert_eq!(Sampler::new(vec![9; 4], one_way, 1).unwrap_err().code(), "option");
    }
}
