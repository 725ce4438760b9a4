//! Deep fine-tuning from photos on disk: their maps, then the training.

use crate::{
    Classifier, Embedder, Error, Picture, StateDict,
    backend::{self, Backbone},
    embedder::Views,
    shot_maps::ShotMaps,
};

/// Steps from one line of progress to the next.
const PROGRESS: usize = 10;

/// Computes the maps of all shots and trains from beginning to end. `layer4` is the network's own, folded; `picture`
/// gives a shot's picture by its place; `say` takes the progress, line by line.
///
/// # Errors
/// Those of `picture`, of [`Embedder::seen`] and of [`backend::deep_trainer`].
pub fn learn(
    mut examples: ShotMaps,
    backbone: &Backbone,
    layer4: &StateDict,
    picture: &dyn Fn(usize) -> Result<Picture, Error>,
    say: &dyn Fn(&str),
) -> Result<Classifier, Error> {
    let shots = examples.shot_ids().len();
    for index in 0..shots {
        let squares = examples.squares(&picture(index)?, Views::All)?;
        let seen = pollster::block_on(backbone.seen(&squares))?;
        examples.add(seen.into_iter().map(|seen| seen.layer3).collect())?;
        if (index + 1).is_multiple_of(PROGRESS) || index + 1 == shots {
            say(&format!("{} of {shots} photos seen", index + 1));
        }
    }
    let mut trainer = backend::deep_trainer(examples, layer4)?;
    while trainer.steps_done() < trainer.steps() {
        let report = trainer.step();
        if report.step.is_multiple_of(PROGRESS) || report.step == trainer.steps() {
            let (step, loss, accuracy) = (report.step, report.loss, report.accuracy * 100.0);
            say(&format!(
                "step {step:>5}  loss {loss:.4}  right in the step {accuracy:>6.2} %"
            ));
        }
    }
    trainer.classifier()
}
