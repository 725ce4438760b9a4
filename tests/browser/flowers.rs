//! Real flowers: the page's accuracy against the native run on the same photos, and WebGPU against the CPU.

use std::{fs, path::PathBuf};

use glimpse::{
    Session,
    backend::{Backbone, BackendKind},
    embedder::{Views, embed},
    finetune::TrainingRequest,
    native::{folder::read_picture, weights},
};
use libtest_mimic::{Failed, Trial};
use xtask::chrome::Chrome;

use crate::{
    stage::{Shown, Stage},
    support::{Outcome, real_weights, shared, trial_on_shared},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_on_shared(
            "flowers::five_way_five_shot_as_natively",
            five_way_five_shot_as_natively,
        ),
        trial_on_shared("flowers::webgpu_answers_as_the_cpu", webgpu_answers_as_the_cpu),
    ]
}

/// Shots and queries of the first classes of flowers, in the csv's order.
pub struct Episode {
    /// Class name and its shots.
    pub classes: Vec<(String, Vec<PathBuf>)>,
    /// Class name and a photo of it.
    pub queries: Vec<(String, PathBuf)>,
}

impl Episode {
    /// The first `way` classes; each has its first `shot` photos as shots and the `query` after them as queries.
    pub fn first(way: usize, shot: usize, query: usize) -> Result<Self, Failed> {
        let data = shared().ok_or("only called by tests on shared")?.join("data");
        let mut photos: Vec<(String, Vec<PathBuf>)> = Vec::new();
        for line in fs::read_to_string(data.join("flowers102.csv"))?.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [_, name, file, _] = fields[..] else {
                return Err(format!("four fields expected: {line}").into());
            };
            if photos.last().is_none_or(|(last, _)| last != name) {
                photos.push((name.to_owned(), Vec::new()));
            }
            let class = photos.last_mut().ok_or("just pushed")?;
            class.1.push(data.join("flowers102").join(file));
        }
        photos.truncate(way);
        let queries = photos
            .iter()
            .flat_map(|(name, all)| all[shot..shot + query].iter().map(|p| (name.clone(), p.clone())));
        let queries = queries.collect();
        let classes = photos
            .into_iter()
            .map(|(name, all)| (name, all[..shot].to_vec()))
            .collect();
        Ok(Self { classes, queries })
    }

    /// What the native core says of each query, by the prototypes and by a trained head: the class and its probability.
    pub fn native_answers(&self) -> Result<[Vec<(String, f32)>; 2], Failed> {
        let backbone = pollster::block_on(Backbone::start(BackendKind::Cpu, weights::load(real_weights())?))?;
        let embed = |photo: &PathBuf| -> Result<_, Failed> {
            Ok(pollster::block_on(embed(&backbone, &read_picture(photo)?, Views::All))?)
        };
        let mut session = Session::default();
        let mut shot_id = 0;
        for (class, (_, shots)) in self.classes.iter().enumerate() {
            for photo in shots {
                session.support_mut().set_shot(class as u32, shot_id, embed(photo)?);
                shot_id += 1;
            }
        }
        let queries: Vec<_> = self
            .queries
            .iter()
            .map(|(_, photo)| embed(photo))
            .collect::<Result<_, _>>()?;
        let answers = |session: &mut Session| -> Result<Vec<_>, Failed> {
            let mut answer = |query| -> Result<_, Failed> {
                let prediction = session.predict(query)?;
                let winner = prediction.winner().ok_or("a winner")?;
                Ok((self.classes[winner.class_id as usize].0.clone(), winner.probability))
            };
            queries.iter().map(&mut answer).collect()
        };
        let by_prototypes = answers(&mut session)?;
        let mut training = session.start_training(&TrainingRequest::default())?;
        training.run(usize::MAX);
        session.finish_training(&training)?;
        Ok([by_prototypes, answers(&mut session)?])
    }

    fn photos(&self) -> Vec<PathBuf> {
        self.queries.iter().map(|(_, photo)| photo.clone()).collect()
    }

    fn correct<'a>(&self, answers: impl Iterator<Item = &'a String>) -> usize {
        answers
            .zip(&self.queries)
            .filter(|(answer, (name, _))| *answer == name)
            .count()
    }
}

fn five_way_five_shot_as_natively() -> Outcome {
    let episode = Episode::first(5, 5, 10)?;
    let stage = Stage::with_all_views()?;
    stage.teach(&episode.classes)?;
    let mut shown = stage.ask(&episode.photos())?;
    for (trained, native) in [false, true].into_iter().zip(episode.native_answers()?) {
        if trained {
            stage.train()?;
            shown = stage.answers(episode.queries.len())?;
        }
        let in_page = episode.correct(shown.iter().map(|shown| &shown.winner));
        let natively = episode.correct(native.iter().map(|(name, _)| name));
        let (head, all) = (
            if trained { "trained head" } else { "prototypes" },
            episode.queries.len(),
        );
        println!("{head}: {in_page} of {all} right in the page, {natively} natively");
        let accuracy = in_page as f32 / episode.queries.len() as f32;
        assert!(
            in_page.abs_diff(natively) <= 1,
            "trained {trained}: {in_page} right in the page, {natively} natively"
        );
        assert!(accuracy >= 0.75, "trained {trained}: accuracy {accuracy}");
    }
    stage.assert_quiet()?;
    Ok(())
}

/// 12 photos, as many as the software adapter has patience for.
fn webgpu_answers_as_the_cpu() -> Outcome {
    let episode = Episode::first(3, 2, 2)?;
    let mut answers: Vec<Vec<Shown>> = Vec::new();
    for backend in ["webgpu", "cpu"] {
        let stage = Stage::set(Chrome::builder().webgpu())?;
        stage.open_quick(backend)?;
        stage.teach(&episode.classes)?;
        answers.push(stage.ask(&episode.photos())?);
        stage.assert_quiet()?;
    }
    for (gpu, cpu) in answers[0].iter().zip(&answers[1]) {
        assert_eq!(gpu.winner, cpu.winner);
        for ((_, gpu), (_, cpu)) in gpu.bars.iter().zip(&cpu.bars) {
            assert!((gpu - cpu).abs() < 0.005, "WebGPU says {gpu}, the CPU {cpu}");
        }
    }
    Ok(())
}
