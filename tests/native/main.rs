//! Native integration tests, one module per subject. Own harness, so that what needs `../shared` can be skipped by name.

mod cli;
mod eval;
mod evidence;
mod golden;
mod links;
mod onnx;
mod photos;
mod pretrain;
mod project_files;
#[path = "../support/mod.rs"]
mod support;
mod weights;

use libtest_mimic::Arguments;

fn main() {
    let trials = [
        photos::trials(),
        weights::trials(),
        cli::trials(),
        eval::trials(),
        evidence::trials(),
        golden::trials(),
        links::trials(),
        onnx::trials(),
        pretrain::trials(),
        project_files::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
