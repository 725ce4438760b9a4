//! The support set: classes and the embeddings of their shots. It never embeds: adding a shot takes its embedding,
//! removing one computes nothing. Both are in the order of their ids, so that the same set gives the same answers whatever
//! was embedded first.

use crate::{Embedding, Error};

/// One photo of a class.
#[derive(Debug, Clone)]
pub struct Shot {
    /// The caller's id, unique in the support set.
    pub id: u32,
    /// Its embedding.
    pub embedding: Embedding,
}

/// A class: a thing to recognise.
#[derive(Debug, Clone)]
pub struct Class {
    /// The caller's id, unique in the support set.
    pub id: u32,
    /// False while the class is switched off.
    pub active: bool,
    /// Its shots, by their ids.
    pub shots: Vec<Shot>,
}

/// All classes, by their ids.
#[derive(Debug, Clone, Default)]
pub struct SupportSet {
    classes: Vec<Class>,
    revision: u64,
}

impl SupportSet {
    /// Adds a shot to a class, which begins here if it is new; a shot with the same id is replaced.
    pub fn set_shot(&mut self, class: u32, shot: u32, embedding: Embedding) {
        self.remove_shot(shot);
        let shots = &mut self.class_mut(class).shots;
        let place = shots.partition_point(|other| other.id < shot);
        shots.insert(place, Shot { id: shot, embedding });
        self.revision += 1;
    }

    /// Removes a shot; nothing happens where there is none of that id.
    pub fn remove_shot(&mut self, shot: u32) {
        for class in &mut self.classes {
            if let Some(index) = class.shots.iter().position(|candidate| candidate.id == shot) {
                class.shots.remove(index);
                self.revision += 1;
            }
        }
    }

    /// Removes a class and its shots.
    pub fn remove_class(&mut self, class: u32) {
        let before = self.classes.len();
        self.classes.retain(|candidate| candidate.id != class);
        if self.classes.len() != before {
            self.revision += 1;
        }
    }

    /// Switches a class on or off; a new class begins here.
    pub fn set_active(&mut self, class: u32, active: bool) {
        let entry = self.class_mut(class);
        if entry.active != active {
            entry.active = active;
            self.revision += 1;
        }
    }

    /// All classes.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The classes that take part in predictions: switched on, with at least one shot.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`] where there are not two.
    pub fn episode(&self) -> Result<Vec<&Class>, Error> {
        let taking_part: Vec<&Class> = self
            .classes
            .iter()
            .filter(|c| c.active && !c.shots.is_empty())
            .collect();
        match taking_part.len() {
            0 | 1 => Err(Error::TooFewClasses { got: taking_part.len() }),
            _ => Ok(taking_part),
        }
    }

    /// The same for training, where an active class without a shot is a mistake.
    ///
    /// # Errors
    /// [`Error::EmptyClass`], [`Error::TooFewClasses`].
    pub fn training_episode(&self) -> Result<Vec<&Class>, Error> {
        let episode = self.episode()?;
        match self.classes.iter().find(|class| class.active && class.shots.is_empty()) {
            Some(class) => Err(Error::EmptyClass { class: class.id }),
            None => Ok(episode),
        }
    }

    /// Grows with every change, so that a result can tell whether it still fits.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn class_mut(&mut self, id: u32) -> &mut Class {
        let place = self.classes.partition_point(|class| class.id < id);
        if self.classes.get(place).is_none_or(|class| class.id != id) {
            let class = Class {
                id,
                active: true,
                shots: Vec::new(),
            };
            self.classes.insert(place, class);
        }
        &mut self.classes[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::tests::embedding;

    #[test]
    fn shots_come_and_go() {
        let mut support = SupportSet::default();
        support.set_shot(7, 1, embedding(&[1.0]));
        assert_eq!(support.episode().unwrap_err().code(), "too-few-classes");
        support.set_shot(3, 2, embedding(&[0.0, 1.0]));
        support.set_shot(3, 4, embedding(&[0.0, 1.0, 1.0]));
        let ids: Vec<u32> = support.episode().unwrap().iter().map(|class| class.id).collect();
        assert_eq!(ids, [3, 7], "by their ids, whichever came first");
        support.set_active(7, false);
        assert!(support.episode().is_err());
        support.set_active(7, true);
        support.set_shot(7, 4, embedding(&[1.0, 1.0]));
        assert_eq!(support.classes()[0].shots.len(), 1, "shot 4 moved to class 7");
        support.remove_shot(2);
        assert_eq!(support.episode().unwrap_err().code(), "too-few-classes");
        support.remove_class(3);
        assert_eq!(support.classes().len(), 1);
    }

    #[test]
    fn an_empty_class_hinders_training_alone() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[1.0]));
        support.set_shot(2, 2, embedding(&[0.0, 1.0]));
        support.set_active(9, true);
        assert!(support.episode().is_ok());
        assert!(matches!(
            support.training_episode(),
            Err(Error::EmptyClass { class: 9 })
        ));
    }

    #[test]
    fn revision_grows_with_changes_only() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[1.0]));
        let revision = support.revision();
        support.remove_shot(99);
        support.remove_class(99);
        support.set_active(1, true);
        assert_eq!(support.revision(), revision);
        support.set_active(1, false);
        assert!(support.revision() > revision);
    }
}
