//! `cargo glimpse link-agreement`: whether share links answer as the classifiers that they were made of. Episodes are drawn
//! from a folder of classes; each is learnt, written as a link, and read again. Photos that were not learnt are then named by
//! both: those of the episode's classes, and those of others, which are none of these.

use std::{fmt, path::PathBuf};

use clap::Args;

use super::{
    eval::{Draws, Pool, Settings},
    folder, library, weights,
};
use crate::{
    Embedding, Error, Method, Session,
    backend::BackendKind,
    embedder::Views,
    episode::Episode,
    link::{self, LinkClass},
    rejection::USUAL_THRESHOLD,
    session::Prediction,
};

/// What to measure.
#[derive(Debug, Args)]
pub struct AgreementArgs {
    /// A folder with a folder of photos per class.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// How the classes are learnt.
    #[arg(long, default_value = "finetune")]
    method: Method,
    #[command(flatten)]
    draws: Draws,
    /// Look at photos as the live loop does: one view instead of all.
    #[arg(long)]
    live: bool,
    /// The prepared weights.
    #[arg(long, default_value = "weights", value_name = "DIR")]
    weights: PathBuf,
}

/// How often a link answers as the session that it was made of.
#[derive(Debug, Default)]
pub struct Agreement {
    /// Photos of the classes, and those of them that both name alike.
    known: usize,
    alike: usize,
    /// All photos, and those that both take for one of the classes or for none of these.
    photos: usize,
    judged_alike: usize,
    /// The largest difference of a probability.
    apart: f32,
    /// Of the links' texts.
    characters: Vec<usize>,
}

/// Runs the command; `print` takes its lines, `say` what goes to the terminal.
///
/// # Errors
/// [`Error::Folder`]; those of embedding, of the episodes, of learning and of links.
pub fn run(
    args: &AgreementArgs,
    print: &mut dyn FnMut(&str) -> Result<(), Error>,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let folders = folder::classes(&args.images)?;
    let identity = weights::check(&args.weights)?.identity;
    let progress = library::progress_lines(100, say);
    let classes = library::embed_classes(&folders, &args.weights, BackendKind::Cpu, &progress)?;
    let pool = Pool {
        classes: &classes,
        query_views: if args.live { Views::One } else { Views::All },
        metric: None,
        settings: Settings::default(),
    };
    let mut agreement = Agreement::default();
    for episode in args.draws.episodes(pool.sizes(), args.draws.shape())? {
        ask(&mut agreement, &pool, &episode, args.method, &identity)?;
    }
    print(&agreement.to_string())
}

/// Learns an episode, makes a link of it and asks both.
fn ask(agreement: &mut Agreement, pool: &Pool, episode: &Episode, method: Method, identity: &str) -> Result<(), Error> {
    let mut session = Session::default();
    for class in pool.support(episode) {
        for shot in class.shots {
            // Shots are numbered class by class in the pool, and once for all in a session.
            session
                .support_mut()
                .set_shot(class.id, class.id * 10_000 + shot.id, shot.embedding);
        }
    }
    session.train(&pool.settings.request(method))?;
    let named = |id: &usize| LinkClass {
        id: *id as u32,
        name: pool.classes[*id].name.clone(),
        hue: *id as u16,
    };
    let classes: Vec<LinkClass> = episode.classes.iter().map(named).collect();
    let known = episode.query.iter().flatten().map(|item| pool.query(*item));
    let unknown = episode.unknown.iter().map(|item| pool.query(*item));
    agreement.ask(&mut session, &classes, identity, known, unknown)
}

impl Agreement {
    /// Makes a link of what a session was trained to, and asks both about photos of its classes and about others.
    ///
    /// # Errors
    /// Those of [`link::write`] and [`link::read`], and of [`Session::predict`].
    pub fn ask<'a>(
        &mut self,
        session: &mut Session,
        classes: &[LinkClass],
        network: &str,
        known: impl IntoIterator<Item = &'a Embedding>,
        unknown: impl IntoIterator<Item = &'a Embedding>,
    ) -> Result<(), Error> {
        let text = link::write(session, classes, network)?;
        let shared = link::read(&text)?;
        self.characters.push(text.len());
        for query in known {
            self.known(&session.predict(query)?, &shared.predict(query));
        }
        for query in unknown {
            self.unknown(&session.predict(query)?, &shared.predict(query));
        }
        Ok(())
    }

    /// Of the longest link.
    pub fn most_characters(&self) -> usize {
        self.characters.iter().copied().max().unwrap_or(0)
    }

    /// What session and link say of a photo of one of the classes.
    fn known(&mut self, exact: &Prediction, read: &Prediction) {
        self.known += 1;
        self.alike += usize::from(place(exact) == place(read));
        self.unknown(exact, read);
    }

    /// The same of a photo that has no right name.
    fn unknown(&mut self, exact: &Prediction, read: &Prediction) {
        let familiar = |prediction: &Prediction| prediction.familiarity.probability >= USUAL_THRESHOLD;
        self.photos += 1;
        self.judged_alike += usize::from(familiar(exact) == familiar(read));
        for (exact, read) in exact.scores.iter().zip(&read.scores) {
            self.apart = self.apart.max((exact.probability - read.probability).abs());
        }
    }

    /// Photos of the classes that were asked about.
    pub fn asked(&self) -> usize {
        self.known
    }

    /// The part of them that gets the same name, 0 to 1.
    pub fn alike(&self) -> f64 {
        self.alike as f64 / self.known.max(1) as f64
    }

    /// The part of all photos that is judged alike, 0 to 1: one of the classes, or none of these.
    pub fn judged_alike(&self) -> f64 {
        self.judged_alike as f64 / self.photos.max(1) as f64
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = self.characters.iter().min();
        write!(
            formatter,
            "{} links of {} to {} characters\n{:.2} % of {} photos of the classes get the same name\n{:.2} % of {} photos are judged alike: one of the classes, or none of these\na probability changes by {:.1} points at most",
            self.characters.len(),
            least.unwrap_or(&0),
            self.most_characters(),
            100.0 * self.alike(),
            self.known,
            100.0 * self.judged_alike(),
            self.photos,
            100.0 * self.apart
        )
    }
}

/// The place of the likeliest class.
fn place(prediction: &Prediction) -> Option<usize> {
    let winner = prediction.winner()?;
    prediction
        .scores
        .iter()
        .position(|score| score.class_id == winner.class_id)
}
