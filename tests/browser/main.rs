//! The page in a real headless Chromium, one module per subject. Every test fails on any console error that it did not
//! provoke. Own harness, so that what needs `../shared` can be skipped by name.

mod accessibility;
mod bad_input;
mod camera;
mod cards;
mod classes;
mod embed;
mod engine;
mod export;
mod flowers;
mod golden;
mod helper;
mod insight;
mod keys;
mod languages;
mod learning;
mod metrics;
mod offline;
mod primer;
mod privacy;
mod project_files;
mod projects;
mod recovery;
mod share;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod tour;
mod weights;

use libtest_mimic::Arguments;

fn main() {
    // What takes longest comes first, so that no processor waits for it at the end.
    let subjects = [
        flowers::trials(),
        classes::trials(),
        bad_input::trials(),
        weights::trials(),
        engine::trials(),
        recovery::trials(),
        helper::trials(),
        camera::trials(),
        cards::trials(),
        keys::trials(),
        insight::trials(),
        languages::trials(),
        learning::trials(),
        metrics::trials(),
        projects::trials(),
        project_files::trials(),
        share::trials(),
        embed::trials(),
        export::trials(),
        golden::trials(),
        offline::trials(),
        primer::trials(),
        accessibility::trials(),
        privacy::trials(),
        tour::trials(),
    ];
    libtest_mimic::run(&Arguments::from_args(), subjects.into_iter().flatten().collect()).exit();
}
