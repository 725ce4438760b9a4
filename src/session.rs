//! A session: the support set and the classifier that fits it, from the first shot to the trained head.
//!
//! Any change of the shots drops what was trained, so that no prediction comes from a head that never saw them. A
//! learned metric can be given: then every head works in its space, and what was trained in another is dropped too.
//! Whether a query is any of the classes is judged by the network's own features all the same
//! ([`crate::rejection::judged_by`]): a metric moves together what it never learnt to tell apart.

use std::{rc::Rc, sync::Arc};

use serde::Serialize;

use crate::{
    Classifier, Embedding, Error, Head, Method, StateDict, SupportSet, backend,
    cosine_metric::CosineMetric,
    embedding::Query,
    evaluation::{Confusion, argmax},
    evidence::{Layer4Map, evidence},
    explanation::{ClassEvidence, ClassScore, Explanation, NEAREST},
    features::{Features, Space, Task},
    finetune::{StepReport, Trainer, TrainingRequest},
    learned_metric::LearnedMetric,
    learning::Learning,
    left_out,
    link::Shared,
    metric::{self, Examples, MetricOptions, Objective},
    nearest,
    overview::Overview,
    rejection::{self, Familiarity, Rejection},
    shot_maps::{self, ShotMaps},
    siamese::Siamese,
    support::Class,
    triplet::Triplet,
    tuned::Tuned,
    vector::dot,
};

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
pub struct NearestShot {
    /// The shot.
    pub shot_id: u32,
    /// Its class.
    pub class_id: u32,
    /// Its cosine similarity with the query, in the metric's space where there is one.
    pub similarity: f32,
}

/// What a query is, as far as the session can tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// Who predicted.
    pub method: Method,
    /// One score per class that takes part, in the order of the classes.
    pub scores: Vec<Score>,
    /// The most similar shot of those classes; `None` where a link's classifier answers, which has none.
    pub nearest: Option<NearestShot>,
    /// Whether it is any of them.
    pub familiarity: Familiarity,
}

impl Prediction {
    /// The class with the highest probability.
    pub fn winner(&self) -> Option<&Score> {
        self.scores
            .iter()
            .max_by(|a, b| a.probability.total_cmp(&b.probability))
    }
}

/// How well photos of known classes are named.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// The classes that took part: rows and columns of the confusion matrix.
    pub class_ids: Vec<u32>,
    /// `[truth][answer]`
    pub confusion: Confusion,
    /// Share of right answers per class; `None` where a class had no photo.
    pub class_accuracy: Vec<Option<f64>>,
    /// Share of right answers among all photos; `None` where there was none.
    pub accuracy: Option<f64>,
}

impl Assessment {
    fn new(class_ids: Vec<u32>, answers: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut confusion = Confusion::new(class_ids.len());
        let (mut right, mut all) = (0_u32, 0_u32);
        for (truth, answer) in answers {
            confusion.add(truth, answer);
            right += u32::from(truth == answer);
            all += 1;
        }
        Self {
            class_accuracy: (0..class_ids.len()).map(|class| confusion.accuracy(class)).collect(),
            accuracy: (all > 0).then(|| f64::from(right) / f64::from(all)),
            confusion,
            class_ids,
        }
    }
}

/// A training that was started on a session, and on which state of it.
#[derive(Debug)]
pub struct Training {
    method: Method,
    learner: Learner,
    /// The metric that was given.
    metric: Option<Arc<LearnedMetric>>,
    revision: Revision,
}

/// A training of [`Method::Deep`] before it starts, and on which state of the session.
#[derive(Debug)]
pub struct DeepPreparation {
    /// What it is to learn from.
    pub examples: ShotMaps,
    revision: Revision,
}

impl DeepPreparation {
    /// Starts from the folded `layer4` of the network, once the maps of all shots were added.
    ///
    /// # Errors
    /// Those of [`backend::deep_trainer`].
    pub fn start(self, layer4: &StateDict) -> Result<Training, Error> {
        Ok(Training {
            method: Method::Deep,
            learner: Learner::Learning(backend::deep_trainer(self.examples, layer4)?),
            metric: None,
            revision: self.revision,
        })
    }
}

/// What is being fitted.
#[derive(Debug)]
enum Learner {
    /// Nothing is left to learn.
    Fitted(Classifier),
    /// A training under way.
    Learning(Box<dyn Learning>),
}

impl Training {
    /// Makes up to `count` steps and reports each.
    pub fn run(&mut self, count: usize) -> Vec<StepReport> {
        let left = self.steps() - self.steps_done();
        match &mut self.learner {
            Learner::Fitted(_) => Vec::new(),
            Learner::Learning(trainer) => (0..left.min(count)).map(|_| trainer.step()).collect(),
        }
    }

    /// Steps made so far.
    pub fn steps_done(&self) -> usize {
        match &self.learner {
            Learner::Fitted(_) => 0,
            Learner::Learning(trainer) => trainer.steps_done(),
        }
    }

    /// Steps asked for; 0 where the method learns nothing step by step.
    pub fn steps(&self) -> usize {
        match &self.learner {
            Learner::Fitted(_) => 0,
            Learner::Learning(trainer) => trainer.steps(),
        }
    }

    /// True once all steps are made.
    pub fn is_done(&self) -> bool {
        self.steps_done() >= self.steps()
    }

    /// What has been learnt so far.
    ///
    /// # Errors
    /// [`Error::EmbeddingNotFinite`] where a class's vectors cancel out in a learned space.
    pub fn classifier(&self) -> Result<Classifier, Error> {
        match &self.learner {
            Learner::Fitted(classifier) => Ok(classifier.clone()),
            Learner::Learning(trainer) => trainer.classifier(),
        }
    }

    /// The metric by which it compares: the one that it learns, or the one that was given.
    fn metric(&self) -> Option<Arc<LearnedMetric>> {
        let learnt = match &self.learner {
            Learner::Fitted(_) => None,
            Learner::Learning(trainer) => trainer.learned_metric(),
        };
        learnt.map(Arc::new).or_else(|| self.metric.clone())
    }
}

/// Where the classes of an episode are told apart: in the space of a metric that is given, else by the network's
/// features.
fn space(metric: Option<&LearnedMetric>, features: Features, episode: &[&Class]) -> Space {
    match metric {
        Some(metric) => metric.space(),
        None => Space::fit(features, episode),
    }
}

/// The classes of an episode there.
fn task(metric: Option<&LearnedMetric>, features: Features, episode: &[&Class]) -> Result<Task, Error> {
    Task::in_space(space(metric, features, episode), episode)
}

/// Starts what a request asks for on an episode, in the space of a metric where one is given.
fn learner(request: &TrainingRequest, metric: Option<&LearnedMetric>, episode: &[&Class]) -> Result<Learner, Error> {
    let task = |features| task(metric, features, episode);
    match request.method {
        Method::Nearest => {
            let nearest = nearest::Nearest::new(task(Features::Embedding)?);
            Ok(Learner::Fitted(Classifier::Nearest(nearest)))
        }
        Method::Prototype => Classifier::prototypes_of(task(Features::Embedding)?).map(Learner::Fitted),
        Method::Siamese => start::<Siamese>(request, metric, episode),
        Method::Triplet => start::<Triplet>(request, metric, episode),
        Method::CosineMetric => start::<CosineMetric>(request, metric, episode),
        Method::Deep => Err(shot_maps::needs_maps()),
        Method::FinetunePlain | Method::Finetune => {
            let options = request.options()?;
            let task = task(options.features)?;
            Trainer::new(task, options).map(|trainer| Learner::Learning(Box::new(trainer)))
        }
    }
}

/// Starts a metric on an episode's own shots; one that is given has learnt already, and compares as it was trained to.
fn start<O: Objective>(
    request: &TrainingRequest,
    metric: Option<&LearnedMetric>,
    episode: &[&Class],
) -> Result<Learner, Error> {
    match metric {
        Some(metric) if metric.serves(O::METHOD) => metric.classifier(episode).map(Learner::Fitted),
        Some(metric) => Err(metric.refuses(O::METHOD)),
        None => {
            let options = MetricOptions::episode(request)?;
            let trainer = metric::Trainer::<O>::new(Examples::new(episode)?, options);
            Ok(Learner::Learning(Box::new(trainer)))
        }
    }
}

/// Fits a method to an episode from beginning to end, in the space of a metric where one is given.
///
/// # Errors
/// [`Error::Option`], [`Error::EmptyClass`], [`Error::MetricMethod`].
pub fn fit(request: &TrainingRequest, metric: Option<&LearnedMetric>, episode: &[&Class]) -> Result<Classifier, Error> {
    match learner(request, metric, episode)? {
        Learner::Fitted(classifier) => Ok(classifier),
        Learner::Learning(mut trainer) => {
            while trainer.steps_done() < trainer.steps() {
                trainer.step();
            }
            trainer.classifier()
        }
    }
}

/// A state of a session: of its shots, and how often a metric was given or taken away.
type Revision = (u64, u64);

/// What follows from the shots and what was trained on them, computed once for each state.
#[derive(Debug)]
struct Basis {
    prototypes: Classifier,
    rejection: Rejection,
    shots: ShotVectors,
    revision: Revision,
}

impl Basis {
    /// The space and the head of the prototypes, which are linear.
    fn prototypes(&self) -> Result<(&Space, &Head), Error> {
        match &self.prototypes {
            Classifier::Linear { space, head } => Ok((space, head)),
            _ => Err(Error::TooFewClasses { got: 0 }),
        }
    }
}

/// The support set with its classifiers.
#[derive(Debug, Default)]
pub struct Session {
    support: SupportSet,
    /// The metric that was given.
    metric: Option<Arc<LearnedMetric>>,
    /// How often one was given or taken away.
    metrics: u64,
    trained: Option<Trained>,
    basis: Option<Basis>,
    /// What answers instead of all that.
    shared: Option<Shared>,
}

/// What a training left, and the state of the shots that it saw.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) method: Method,
    pub(crate) classifier: Classifier,
    /// By which it compares, given or learnt.
    pub(crate) metric: Option<Arc<LearnedMetric>>,
    revision: Revision,
}

impl Session {
    /// The support set.
    pub fn support(&self) -> &SupportSet {
        &self.support
    }

    /// The support set, to be changed: that drops what was trained at its next use.
    pub fn support_mut(&mut self) -> &mut SupportSet {
        &mut self.support
    }

    /// Gives a metric, in whose space every head works from now on, or takes it away. What was trained is dropped.
    pub fn set_metric(&mut self, metric: Option<Arc<LearnedMetric>>) {
        self.metric = metric;
        self.metrics += 1;
    }

    /// The metric by which queries are compared, where there is one: learnt from the shots as they are, or given.
    pub fn metric(&self) -> Option<&Arc<LearnedMetric>> {
        match self.trained() {
            Some(trained) => trained.metric.as_ref(),
            None => self.metric.as_ref(),
        }
    }

    /// The metric that was given, in whose space every head works.
    pub(crate) fn given_metric(&self) -> Option<&Arc<LearnedMetric>> {
        self.metric.as_ref()
    }

    /// The probability that two photos are of one class, 0 to 1, by the Siamese network that was learnt or given.
    ///
    /// # Errors
    /// [`Error::NoSiamese`].
    pub fn same_or_different(&self, a: &Embedding, b: &Embedding) -> Result<f32, Error> {
        self.metric().ok_or(Error::NoSiamese)?.same_or_different(a, b)
    }

    /// True while predictions come from a classifier that was trained on the shots as they are.
    pub fn is_trained(&self) -> bool {
        self.trained().is_some()
    }

    /// The tuned layer by which queries are to be embedded too; `None` where no classifier looks through it.
    pub fn tuned(&self) -> Option<&Rc<Tuned>> {
        self.trained()?.classifier.tuned()
    }

    /// Predicts with the trained classifier where there is one that fits, else with the prototypes: those answer too
    /// where the query was not embedded by the tuned layer that the classifier looks through.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub fn predict(&mut self, query: impl Into<Query>) -> Result<Prediction, Error> {
        let query = query.into();
        if let Some(shared) = &self.shared {
            return Ok(shared.predict(&query.plain));
        }
        self.refresh_basis()?;
        let episode = self.support.episode()?;
        let basis = self.basis()?;
        let trained = self.trained().and_then(|trained| {
            let embedding = match trained.classifier.tuned() {
                Some(_) => query.tuned.as_ref()?,
                None => &query.plain,
            };
            Some((trained.method, trained.classifier.probabilities(embedding)))
        });
        let (method, probabilities) =
            trained.unwrap_or_else(|| (Method::Prototype, basis.prototypes.probabilities(&query.plain)));
        let score = |(class, probability): (&&Class, f32)| Score {
            class_id: class.id,
            probability,
        };
        Ok(Prediction {
            method,
            scores: episode.iter().zip(probabilities).map(score).collect(),
            nearest: basis.shots.nearest(&query.plain),
            familiarity: basis.rejection.familiarity(&query.plain),
        })
    }

    /// What names queries now, and by which method: what was trained on the shots as they are, else the prototypes.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub fn classifier(&mut self) -> Result<(Method, &Classifier), Error> {
        self.refresh_basis()?;
        let basis = self.basis()?;
        Ok(match self.trained() {
            Some(trained) => (trained.method, &trained.classifier),
            None => (Method::Prototype, &basis.prototypes),
        })
    }

    /// How a query comes to its answer. Of a link's classifier nothing is known but the answer.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub fn explain(&mut self, query: impl Into<Query>) -> Result<Explanation, Error> {
        if self.shared.is_some() {
            return Ok(Explanation::default());
        }
        let query = query.into();
        let prediction = self.predict(query.clone())?;
        let trained = self.is_trained().then_some(&prediction.scores);
        let basis = self.basis()?;
        let (space, head) = basis.prototypes()?;
        let seen = space.of(&query.plain);
        let before = head.probabilities(&seen);
        let class = |(index, score): (usize, &Score)| ClassScore {
            class_id: score.class_id,
            similarity: dot(&head.weight[index], &seen),
            before: before[index],
            after: trained.map(|scores| scores[index].probability),
        };
        Ok(Explanation {
            nearest: basis.shots.most_similar(&query.plain, NEAREST),
            classes: prediction.scores.iter().enumerate().map(class).collect(),
        })
    }

    /// How much each spot of a picture's square speaks for each class. `map` is the tuned layer's, where there is one.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`], [`Error::EmbeddingNotFinite`].
    pub fn evidence(&mut self, map: &Layer4Map) -> Result<Vec<ClassEvidence>, Error> {
        let (class_ids, spots): (Vec<u32>, _) = match &self.shared {
            Some(shared) => {
                let ids = shared.classes().iter().map(|class| class.id);
                (
                    ids.collect(),
                    evidence(map, |embedding| shared.probabilities(embedding))?,
                )
            }
            None => {
                let ids = self.support.episode()?.iter().map(|class| class.id).collect();
                let (_, classifier) = self.classifier()?;
                (ids, evidence(map, |embedding| classifier.probabilities(embedding))?)
            }
        };
        let class = |(class_id, spots)| ClassEvidence { class_id, spots };
        Ok(class_ids.into_iter().zip(spots).map(class).collect())
    }

    /// Shots, prototypes and queries seen from above.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub fn overview(&mut self, queries: &[Embedding]) -> Result<Overview, Error> {
        self.refresh_basis()?;
        let basis = self.basis()?;
        let episode = self.support.episode()?;
        Ok(Overview::new(
            &episode,
            &basis.shots.space,
            basis.prototypes()?,
            queries,
        ))
    }

    /// Starts a training on the shots as they are.
    ///
    /// # Errors
    /// [`Error::Option`], [`Error::TooFewClasses`], [`Error::EmptyClass`], [`Error::MetricMethod`].
    pub fn start_training(&self, request: &TrainingRequest) -> Result<Training, Error> {
        Ok(Training {
            method: request.method,
            learner: learner(request, self.metric.as_deref(), &self.support.training_episode()?)?,
            metric: self.metric.clone(),
            revision: self.revision(),
        })
    }

    /// Prepares [`Method::Deep`] on the shots as they are; their maps are yet to be added.
    ///
    /// # Errors
    /// [`Error::TooManyShots`] above the limit; [`Error::Option`], [`Error::TooFewClasses`], [`Error::EmptyClass`];
    /// [`Error::MetricMethod`] where a metric is given: it knows the network as it was.
    pub fn prepare_deep(&self, request: &TrainingRequest, limit: Option<usize>) -> Result<DeepPreparation, Error> {
        if let Some(metric) = &self.metric {
            return Err(metric.refuses(Method::Deep));
        }
        Ok(DeepPreparation {
            examples: ShotMaps::new(&self.support.training_episode()?, request, limit)?,
            revision: self.revision(),
        })
    }

    /// Takes over what a training has learnt so far.
    ///
    /// # Errors
    /// [`Error::StaleTraining`] where the shots or the metric have changed since it started; those of
    /// [`Training::classifier`].
    pub fn finish_training(&mut self, training: &Training) -> Result<(), Error> {
        if training.revision != self.revision() {
            return Err(Error::StaleTraining);
        }
        self.take_over(training.method, training.classifier()?, training.metric());
        Ok(())
    }

    /// Trains on the shots as they are, from beginning to end.
    ///
    /// # Errors
    /// Those of [`Session::start_training`] and [`Training::classifier`].
    pub fn train(&mut self, request: &TrainingRequest) -> Result<(), Error> {
        let mut training = self.start_training(request)?;
        training.run(usize::MAX);
        self.finish_training(&training)
    }

    /// Takes over a classifier that was trained on the shots as they are, in a training or before it was saved.
    /// It works in the space of the metric that was given, where there is one.
    pub fn restore(&mut self, method: Method, classifier: Classifier) {
        self.take_over(method, classifier, self.metric.clone());
    }

    /// Lets a link's classifier answer, whatever the shots.
    pub fn open(&mut self, shared: Shared) {
        self.shared = Some(shared);
    }

    /// By what it is judged whether a query is any of the classes.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub(crate) fn rejection(&mut self) -> Result<&Rejection, Error> {
        self.refresh_basis()?;
        let basis = self.basis()?;
        Ok(&basis.rejection)
    }

    /// Goes back to the prototypes.
    pub fn forget_head(&mut self) {
        self.trained = None;
        self.basis = None;
    }

    /// Names photos whose class is known, and compares. Photos of classes that take no part are passed over.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub fn assess(&mut self, photos: &[(u32, Query)]) -> Result<Assessment, Error> {
        let ids: Vec<u32> = self.support.episode()?.iter().map(|class| class.id).collect();
        let mut answers = Vec::new();
        for (class, query) in photos {
            if let Some(truth) = ids.iter().position(|id| id == class) {
                let scores = self.predict(query.clone())?.scores;
                let probabilities: Vec<f32> = scores.iter().map(|score| score.probability).collect();
                answers.push((truth, argmax(&probabilities)));
            }
        }
        Ok(Assessment::new(ids, answers))
    }

    /// Names every shot by the prototypes of all the others: what can be said without further photos. Classes with a
    /// single shot are passed over as rows, for without it they are gone.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`].
    pub fn leave_one_out(&self) -> Result<Assessment, Error> {
        let episode = self.support.episode()?;
        let space = space(self.metric.as_deref(), Features::Pooled, &episode);
        let similarities = left_out::similarities_in(&space, &episode).into_iter();
        let answers = similarities.map(|(truth, similarities)| (truth, argmax(&similarities)));
        Ok(Assessment::new(episode.iter().map(|class| class.id).collect(), answers))
    }

    /// What was trained, while it fits the shots and the metric as they are.
    pub(crate) fn trained(&self) -> Option<&Trained> {
        let current = self.revision();
        self.trained.as_ref().filter(|trained| trained.revision == current)
    }

    fn revision(&self) -> Revision {
        (self.support.revision(), self.metrics)
    }

    /// Takes over what a training left, and the metric by which it compares.
    pub(crate) fn take_over(&mut self, method: Method, classifier: Classifier, metric: Option<Arc<LearnedMetric>>) {
        self.trained = Some(Trained {
            method,
            classifier,
            metric,
            revision: self.revision(),
        });
        self.basis = None;
    }

    /// What follows from the shots, once [`Session::refresh_basis`] has seen them as they are.
    fn basis(&self) -> Result<&Basis, Error> {
        self.basis.as_ref().ok_or(Error::TooFewClasses { got: 0 })
    }

    fn refresh_basis(&mut self) -> Result<(), Error> {
        let current = self.revision();
        if self.basis.as_ref().is_none_or(|basis| basis.revision != current) {
            let episode = self.support.episode()?;
            let space = space(self.metric().map(Arc::as_ref), Features::Embedding, &episode);
            let judged_by = match self.trained() {
                Some(trained) => rejection::judged_by(&trained.classifier),
                None => Features::Pooled,
            };
            self.basis = Some(Basis {
                prototypes: Classifier::at_once(task(self.metric.as_deref(), Features::Pooled, &episode)?)?,
                rejection: Rejection::fit(judged_by, &episode)?,
                shots: ShotVectors::new(space, &episode),
                revision: current,
            });
        }
        Ok(())
    }
}

/// The shots of an episode in one space, so that the most similar one can be found.
#[derive(Debug)]
struct ShotVectors {
    space: Space,
    /// The class's id, the shot's, and its vector of length 1.
    shots: Vec<(u32, u32, Vec<f32>)>,
}

impl ShotVectors {
    fn new(space: Space, episode: &[&Class]) -> Self {
        let shots = episode
            .iter()
            .flat_map(|class| class.shots.iter().map(|shot| (class.id, shot)));
        let vectors = shots.map(|(class_id, shot)| (class_id, shot.id, space.of(&shot.embedding)));
        Self {
            shots: vectors.collect(),
            space,
        }
    }

    /// Every shot with its similarity.
    fn compared(&self, query: &Embedding) -> impl Iterator<Item = NearestShot> {
        let query = self.space.of(query);
        self.shots.iter().map(move |(class_id, shot_id, vector)| NearestShot {
            shot_id: *shot_id,
            class_id: *class_id,
            similarity: dot(vector, &query),
        })
    }

    /// The most similar shot, of equals the last.
    fn nearest(&self, query: &Embedding) -> Option<NearestShot> {
        self.compared(query)
            .max_by(|a, b| a.similarity.total_cmp(&b.similarity))
    }

    /// The most similar shots, the most similar first.
    fn most_similar(&self, query: &Embedding, most: usize) -> Vec<NearestShot> {
        let mut shots: Vec<_> = self.compared(query).collect();
        // Of equals the last comes first, as above.
        shots.reverse();
        shots.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        shots.truncate(most);
        shots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{embedding::tests::embedding, metric::tests::trainer};

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
        let mut training = session.start_training(&TrainingRequest::default()).unwrap();
        training.run(5);
        session.finish_training(&training).unwrap();
    }

    #[test]
    fn prototypes_at_once_the_head_after_training() {
        let mut session = session();
        let query = embedding(&[0.2, 1.0]);
        let prediction = session.predict(&query).unwrap();
        assert_eq!(prediction.method, Method::Prototype);
        assert_eq!(prediction.winner().unwrap().class_id, 2);
        let nearest = prediction.nearest.as_ref().unwrap();
        assert_eq!((nearest.shot_id, nearest.class_id), (21, 2));
        train(&mut session);
        let trained = session.predict(&query).unwrap();
        assert_eq!(trained.method, Method::Finetune);
        assert_eq!(trained.winner().unwrap().class_id, 2);
        assert_ne!(trained.scores, prediction.scores, "another head answers");
        session.forget_head();
        assert_eq!(session.predict(&query).unwrap(), prediction);
    }

    #[test]
    fn an_explanation_tells_of_before_and_after() {
        let mut session = session();
        let query = embedding(&[0.2, 1.0]);
        let untrained = session.explain(&query).unwrap();
        let prediction = session.predict(&query).unwrap();
        assert_eq!(untrained.nearest.len(), 4, "all shots there are");
        assert_eq!(untrained.nearest.first(), prediction.nearest.as_ref());
        assert!(untrained.nearest.is_sorted_by(|a, b| a.similarity >= b.similarity));
        assert!(untrained.classes[1].similarity > untrained.classes[0].similarity);
        for (class, score) in untrained.classes.iter().zip(&prediction.scores) {
            assert_eq!(
                (class.class_id, class.before, class.after),
                (score.class_id, score.probability, None)
            );
        }
        train(&mut session);
        let trained = session.explain(&query).unwrap();
        for (index, score) in session.predict(&query).unwrap().scores.iter().enumerate() {
            assert_eq!(trained.classes[index].after, Some(score.probability));
            assert_eq!(trained.classes[index].before, untrained.classes[index].before);
        }
    }

    #[test]
    fn evidence_is_there_for_each_class_and_method() {
        let mut values = vec![1.0; 512 * 49];
        values[..98].fill(0.0);
        values[3] = 40.0;
        values[49 + 30] = 40.0;
        let map = Layer4Map::new(values).unwrap();
        for method in [Method::Nearest, Method::Prototype, Method::Finetune] {
            let mut session = session();
            session
                .train(&TrainingRequest {
                    method,
                    ..TrainingRequest::default()
                })
                .unwrap();
            let [first, second] = session.evidence(&map).unwrap().try_into().unwrap();
            assert_eq!((first.class_id, second.class_id), (1, 2));
            assert!(first.spots[3] > first.spots[30], "{method:?}: channel 0 is class 1's");
            assert!(second.spots[30] > second.spots[3], "{method:?}: channel 1 is class 2's");
        }
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
        let mut training = session.start_training(&TrainingRequest::default()).unwrap();
        training.run(3);
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
        assert_ne!(prediction.nearest.unwrap().class_id, 2);
        session.support_mut().set_active(3, false);
        assert_eq!(
            session.predict(&embedding(&[1.0])).unwrap_err().code(),
            "too-few-classes"
        );
    }

    #[test]
    fn training_can_be_cut_short_and_resumed() {
        let start = || session().start_training(&TrainingRequest::default()).unwrap();
        let (mut whole, mut parts) = (start(), start());
        let expected = whole.run(usize::MAX);
        assert_eq!(expected.len(), whole.steps());
        let mut reports = Vec::new();
        while !parts.is_done() {
            reports.extend(parts.run(7));
        }
        assert_eq!(reports, expected);
        assert_eq!(parts.classifier().unwrap(), whole.classifier().unwrap());
    }

    #[test]
    fn every_method_names_its_own_shots() {
        for method in Method::on_embeddings() {
            let mut session = session();
            let request = TrainingRequest {
                method,
                ..TrainingRequest::default()
            };
            session.train(&request).unwrap();
            let prediction = session.predict(&embedding(&[0.1, 1.0])).unwrap();
            assert_eq!((prediction.method, prediction.winner().unwrap().class_id), (method, 2));
        }
    }

    /// A metric learnt from other shots.
    fn metric<O: Objective>() -> Arc<LearnedMetric> {
        let mut trainer = trainer::<O>();
        while trainer.steps_done() < trainer.steps() {
            trainer.step();
        }
        Arc::new(trainer.learned_metric().unwrap())
    }

    fn request(method: Method) -> TrainingRequest {
        TrainingRequest {
            method,
            ..TrainingRequest::default()
        }
    }

    fn probabilities(prediction: &Prediction) -> Vec<f32> {
        prediction.scores.iter().map(|score| score.probability).collect()
    }

    #[test]
    fn a_given_metric_is_the_embedding_under_every_head() {
        let metric = metric::<Triplet>();
        let query = embedding(&[0.4, 1.0]);
        for method in Method::ALL {
            let mut session = session();
            session.set_metric(Some(metric.clone()));
            let episode = session.support().episode().unwrap();
            let task = Task::in_space(metric.space(), &episode).unwrap();
            let nearest = task.shots[1].iter().map(|shot| dot(shot, &metric.space().of(&query)));
            let similarity = nearest.fold(f32::MIN, f32::max);
            let (prototypes, at_once) = (
                Classifier::prototypes_of(task.clone()).unwrap(),
                Classifier::at_once(task.clone()).unwrap(),
            );
            let expected = match method {
                Method::Siamese | Method::CosineMetric => {
                    let error = session.start_training(&request(method)).unwrap_err();
                    assert_eq!(error.code(), "metric-method");
                    continue;
                }
                Method::Deep => {
                    let error = session.prepare_deep(&request(method), None).unwrap_err();
                    assert_eq!(error.code(), "metric-method");
                    continue;
                }
                Method::Triplet => metric.classifier(&episode).unwrap(),
                Method::Nearest => Classifier::Nearest(nearest::Nearest::new(task)),
                Method::Prototype => prototypes,
                Method::FinetunePlain | Method::Finetune => {
                    let mut trainer = Trainer::new(task, request(method).options().unwrap()).unwrap();
                    while trainer.steps_done() < trainer.steps() {
                        trainer.step();
                    }
                    trainer.classifier().unwrap()
                }
            };
            let before = session.predict(&query).unwrap();
            assert_eq!(probabilities(&before), at_once.probabilities(&query));
            let mut training = session.start_training(&request(method)).unwrap();
            training.run(usize::MAX);
            session.finish_training(&training).unwrap();
            let trained = session.predict(&query).unwrap();
            assert_eq!(probabilities(&trained), expected.probabilities(&query), "{method:?}");
            assert_eq!(trained.nearest.unwrap().similarity, similarity);
        }
    }

    #[test]
    fn another_metric_drops_what_was_trained() {
        let mut session = session();
        train(&mut session);
        let mut training = session.start_training(&TrainingRequest::default()).unwrap();
        training.run(1);
        session.set_metric(Some(metric::<Triplet>()));
        assert!(!session.is_trained());
        assert_eq!(session.finish_training(&training).unwrap_err().code(), "stale-training");
        session.set_metric(None);
        assert!(!session.is_trained() && session.metric().is_none());
    }

    #[test]
    fn pairs_are_compared_by_a_siamese_network_alone() {
        let [a, b] = [[1.0, 0.3], [0.2, 1.0]].map(|start| embedding(&start));
        let mut session = session();
        assert_eq!(session.same_or_different(&a, &b).unwrap_err().code(), "no-siamese");
        let mut training = session.start_training(&request(Method::Siamese)).unwrap();
        training.run(usize::MAX);
        session.finish_training(&training).unwrap();
        let same = session.same_or_different(&a, &a).unwrap();
        let different = session.same_or_different(&a, &b).unwrap();
        assert!(same > 0.5 && different < 0.5, "{same}, {different}");
        session.support_mut().remove_shot(11);
        assert_eq!(session.same_or_different(&a, &b).unwrap_err().code(), "no-siamese");
        session.set_metric(Some(metric::<Triplet>()));
        assert_eq!(session.same_or_different(&a, &b).unwrap_err().code(), "no-siamese");
        let siamese = metric::<Siamese>();
        session.set_metric(Some(siamese.clone()));
        let expected = siamese.same_or_different(&a, &b).unwrap();
        assert_eq!(session.same_or_different(&a, &b).unwrap(), expected);
    }

    #[test]
    fn assessments_count_rows_of_truth() {
        let mut session = session();
        session.support_mut().set_shot(2, 22, embedding(&[0.1, 0.9]));
        let photo = |class, start: &[f32]| (class, Query::from(&embedding(start)));
        let photos = [
            photo(1, &[1.0, 0.1]),
            photo(1, &[0.1, 1.0]),
            photo(2, &[0.0, 1.0]),
            photo(9, &[1.0]),
        ];
        let assessment = session.assess(&photos).unwrap();
        assert_eq!(assessment.class_ids, [1, 2]);
        assert_eq!(assessment.confusion.counts(), [[1, 1], [0, 1]]);
        assert_eq!(assessment.accuracy, Some(2.0 / 3.0), "class 9 takes no part");
        let left_out = session.leave_one_out().unwrap();
        assert_eq!(left_out.accuracy, Some(1.0));
    }
}
