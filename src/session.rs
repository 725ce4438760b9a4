//! A session: the support set and the head that fits it, from the first shot to the trained classifier.
//!
//! Any change of the shots drops the trained head, so that no prediction comes from a head that never saw them.

use serde::Serialize;

use crate::{
    CosineHead, Embedding, Error, SupportSet,
    backend::{HEAD_DEVICE, HeadTrainer},
    finetune::{StepReport, TrainingOptions},
    head::DEFAULT_SCALE,
    support::Class,
};

/// Who predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The prototypes.
    Prototype,
    /// The fine-tuned head.
    Finetune,
}

/// One class's share of a prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// The class.
    pub class_id: u32,
    /// Its probability, 0 to 1.
    pub probability: f32,
}

/// The shot that is most like the query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Nearest {
    /// The shot.
    pub shot_id: u32,
    /// Its class.
    pub class_id: u32,
    /// Its cosine similarity with the query.
    pub similarity: f32,
}

/// What a query is, as far as the session can tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// Who predicted.
    pub method: Method,
    /// One score per class that takes part, in the order in which the classes came.
    pub scores: Vec<Score>,
    /// The most similar shot of those classes.
    pub nearest: Nearest,
}

impl Prediction {
    /// The class with the highest probability.
    pub fn winner(&self) -> Option<&Score> {
        self.scores
            .iter()
            .max_by(|a, b| a.probability.total_cmp(&b.probability))
    }
}

/// A fine-tuning that was started on a session, and on which state of it.
pub struct Training {
    trainer: HeadTrainer,
    revision: u64,
    /// What has been learnt so far; `None` before the first run.
    head: Option<CosineHead>,
}

impl Training {
    /// Makes up to `count` steps and reports each.
    ///
    /// # Errors
    /// [`Error::Backend`].
    pub async fn run(&mut self, count: usize) -> Result<Vec<StepReport>, Error> {
        let last = self.steps().min(self.steps_done().saturating_add(count));
        let mut reports = Vec::new();
        while self.steps_done() < last {
            reports.push(self.trainer.step().await?);
        }
        self.head = Some(self.trainer.head().await?);
        Ok(reports)
    }

    /// Steps made so far.
    pub fn steps_done(&self) -> usize {
        self.trainer.steps_done()
    }

    /// Steps asked for.
    pub fn steps(&self) -> usize {
        self.trainer.steps()
    }

    /// True once all steps are made.
    pub fn is_done(&self) -> bool {
        self.steps_done() >= self.steps()
    }
}

/// The support set with its heads.
#[derive(Debug, Default)]
pub struct Session {
    support: SupportSet,
    /// Kept with the revision that it was trained on.
    trained: Option<(CosineHead, u64)>,
    /// Prototypes of the revision that is written beside them.
    prototypes: Option<(CosineHead, u64)>,
}

impl Session {
    /// The support set.
    pub fn support(&self) -> &SupportSet {
        &self.support
    }

    /// The support set, to be changed: that drops a trained head at its next use.
    pub fn support_mut(&mut self) -> &mut SupportSet {
        &mut self.support
    }

    /// True while predictions come from a head that was trained on the shots as they are.
    pub fn is_trained(&self) -> bool {
        self.trained_head().is_some()
    }

    /// Predicts with the trained head where there is one that fits, else with the prototypes.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub fn predict(&mut self, query: &Embedding) -> Result<Prediction, Error> {
        self.refresh_prototypes()?;
        let episode = self.support.episode()?;
        let (method, head) = match (self.trained_head(), &self.prototypes) {
            (Some(head), _) => (Method::Finetune, head),
            (None, Some((head, _))) => (Method::Prototype, head),
            (None, None) => return Err(Error::TooFewClasses { got: 0 }),
        };
        let probabilities = head.probabilities(query);
        let score = |(class, probability): (&&Class, f32)| Score {
            class_id: class.id,
            probability,
        };
        Ok(Prediction {
            method,
            scores: episode.iter().zip(probabilities).map(score).collect(),
            nearest: nearest(&episode, query).ok_or(Error::TooFewClasses { got: 0 })?,
        })
    }

    /// Starts a fine-tuning of the shots as they are.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`], [`Error::EmptyClass`].
    pub fn start_training(&self, options: TrainingOptions) -> Result<Training, Error> {
        let trainer = HeadTrainer::new(&self.support.training_episode()?, options, &HEAD_DEVICE)?;
        Ok(Training {
            trainer,
            revision: self.support.revision(),
            head: None,
        })
    }

    /// Takes over what a fine-tuning has learnt so far; nothing where it has not run.
    ///
    /// # Errors
    /// [`Error::StaleTraining`] where the shots have changed since it started.
    pub fn finish_training(&mut self, training: &Training) -> Result<(), Error> {
        if training.revision != self.support.revision() {
            return Err(Error::StaleTraining);
        }
        self.trained = training.head.clone().map(|head| (head, training.revision));
        Ok(())
    }

    /// Goes back to the prototypes.
    pub fn forget_head(&mut self) {
        self.trained = None;
    }

    fn trained_head(&self) -> Option<&CosineHead> {
        let current = self.support.revision();
        self.trained
            .as_ref()
            .filter(|(_, revision)| *revision == current)
            .map(|(head, _)| head)
    }

    fn refresh_prototypes(&mut self) -> Result<(), Error> {
        let current = self.support.revision();
        if !matches!(&self.prototypes, Some((_, revision)) if *revision == current) {
            let head = CosineHead::from_prototypes(&self.support.episode()?, DEFAULT_SCALE)?;
            self.prototypes = Some((head, current));
        }
        Ok(())
    }
}

fn nearest(episode: &[&Class], query: &Embedding) -> Option<Nearest> {
    let shots = episode
        .iter()
        .flat_map(|class| class.shots.iter().map(|shot| (class.id, shot)));
    shots
        .map(|(class_id, shot)| Nearest {
            shot_id: shot.id,
            class_id,
            similarity: query.similarity(&shot.embedding),
        })
        .max_by(|a, b| a.similarity.total_cmp(&b.similarity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{embedding::tests::embedding, finetune::Recipe};

    fn session() -> Session {
        let mut session = Session::default();
        for (class, shot, start) in [
            (1, 10, [1.0, 0.2]),
            (1, 11, [1.0, 0.4]),
            (2, 20, [0.1, 1.0]),
            (2, 21, [0.3, 1.0]),
        ] {
            session.support_mut().set_shot(class, shot, embedding(&start));
        }
        session
    }

    fn train(session: &mut Session) {
        let mut training = session.start_training(Recipe::Scaled.options()).unwrap();
        pollster::block_on(training.run(5)).unwrap();
        session.finish_training(&training).unwrap();
    }

    #[test]
    fn prototypes_at_once_the_head_after_training() {
        let mut session = session();
        let query = embedding(&[0.2, 1.0]);
        let prediction = session.predict(&query).unwrap();
        assert_eq!(prediction.method, Method::Prototype);
        assert_eq!(prediction.winner().unwrap().class_id, 2);
        assert_eq!((prediction.nearest.shot_id, prediction.nearest.class_id), (21, 2));
        train(&mut session);
        let trained = session.predict(&query).unwrap();
        assert_eq!(trained.method, Method::Finetune);
        let probability = |p: &Prediction| p.winner().unwrap().probability;
        assert!(
            probability(&trained) > probability(&prediction),
            "training makes it surer of its own support set"
        );
        session.forget_head();
        assert_eq!(session.predict(&query).unwrap(), prediction);
    }

    #[test]
    fn any_change_of_the_shots_drops_the_head() {
        let changes: [fn(&mut SupportSet); 3] = [
            |support| support.set_shot(2, 22, embedding(&[0.0, 1.0])),
            |support| support.remove_shot(11),
            |support| support.set_active(3, true),
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut session = session();
            train(&mut session);
            assert!(session.is_trained());
            change(session.support_mut());
            assert_eq!(session.is_trained(), index == 2, "a new empty class changes no shot");
        }
    }

    #[test]
    fn a_head_trained_on_other_shots_is_refused() {
        let mut session = session();
        let mut training = session.start_training(Recipe::Plain.options()).unwrap();
        pollster::block_on(training.run(3)).unwrap();
        session.support_mut().remove_shot(10);
        assert_eq!(session.finish_training(&training).unwrap_err().code(), "stale-training");
        assert!(!session.is_trained());
    }

    #[test]
    fn classes_switched_off_take_no_part() {
        let mut session = session();
        session.support_mut().set_shot(3, 30, embedding(&[0.0, 0.0, 1.0]));
        session.support_mut().set_active(2, false);
        let prediction = session.predict(&embedding(&[0.2, 1.0])).unwrap();
        assert_eq!(
            prediction.scores.iter().map(|score| score.class_id).collect::<Vec<_>>(),
            [1, 3]
        );
        assert_ne!(prediction.nearest.class_id, 2);
        session.support_mut().set_active(3, false);
        assert_eq!(
            session.predict(&embedding(&[1.0])).unwrap_err().code(),
            "too-few-classes"
        );
    }

    #[test]
    fn training_can_be_cut_short_and_resumed() {
        let mut whole = session().start_training(Recipe::Scaled.options()).unwrap();
        let mut parts = session().start_training(Recipe::Scaled.options()).unwrap();
        let expected = pollster::block_on(whole.run(usize::MAX)).unwrap();
        let mut reports = Vec::new();
        while !parts.is_done() {
            reports.extend(pollster::block_on(parts.run(7)).unwrap());
        }
        assert_eq!(reports, expected);
        assert_eq!(parts.head, whole.head);
    }
}
