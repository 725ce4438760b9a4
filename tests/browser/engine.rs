//! Which backend runs, and why: forced, automatic, impossible.

use libtest_mimic::Trial;
use xtask::chrome::Chrome;

use crate::{
    stage::Stage,
    support::{Outcome, fixture, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("engine::cpu_can_be_forced", cpu_can_be_forced),
        trial(
            "engine::webgpu_can_be_forced_and_agrees_with_the_cpu",
            webgpu_can_be_forced_and_agrees_with_the_cpu,
        ),
        trial(
            "engine::automatic_choice_tells_its_reason",
            automatic_choice_tells_its_reason,
        ),
        trial(
            "engine::a_forced_webgpu_that_is_missing_is_an_error",
            a_forced_webgpu_that_is_missing_is_an_error,
        ),
    ]
}

fn backend(stage: &Stage) -> anyhow::Result<String> {
    stage.page.eval("document.documentElement.dataset.backend")
}

fn cpu_can_be_forced() -> Outcome {
    let stage = Stage::set(Chrome::builder().webgpu())?;
    stage.open("cpu")?;
    assert_eq!(backend(&stage)?, "cpu");
    assert!(!stage.fact("adapter")?.is_empty() && stage.fact("speed")?.contains("ms"));
    stage.assert_quiet()?;
    Ok(())
}

/// Drawn pictures; `flowers` does the same on real photos.
fn webgpu_can_be_forced_and_agrees_with_the_cpu() -> Outcome {
    let photos = [fixture("plain.jpg"), fixture("12000x40.png")];
    let mut answers = Vec::new();
    for wanted in ["webgpu", "cpu"] {
        let stage = Stage::set(Chrome::builder().webgpu())?;
        stage.open_quick(wanted)?;
        assert_eq!(backend(&stage)?, wanted);
        for (class, photo) in stage.class_ids()?.into_iter().zip(&photos) {
            stage.add_photos(class, std::slice::from_ref(photo))?;
        }
        answers.push(stage.ask(&[fixture("grey.jpg")])?);
        stage.assert_quiet()?;
    }
    let (gpu, cpu) = (&answers[0][0], &answers[1][0]);
    assert_eq!(gpu.winner, cpu.winner);
    for ((_, gpu), (_, cpu)) in gpu.bars.iter().zip(&cpu.bars) {
        assert!((gpu - cpu).abs() < 0.005, "WebGPU says {gpu}, the CPU {cpu}");
    }
    Ok(())
}

fn automatic_choice_tells_its_reason() -> Outcome {
    // A software adapter is there, and slower than the CPU backend.
    let software = Stage::set(Chrome::builder().webgpu())?;
    software.open("auto")?;
    assert_eq!(backend(&software)?, "cpu");
    assert!(
        software.fact("reason")?.contains("swiftshader"),
        "{}",
        software.fact("reason")?
    );
    software.assert_quiet()?;

    let without = Stage::set(
        Chrome::builder()
            .flag("--disable-features=WebGPU")
            .flag("--disable-webgpu"),
    )?;
    without.open("auto")?;
    assert_eq!(backend(&without)?, "cpu");
    assert!(
        without.fact("reason")?.contains("WebGPU"),
        "{}",
        without.fact("reason")?
    );
    Ok(())
}

fn a_forced_webgpu_that_is_missing_is_an_error() -> Outcome {
    let stage = Stage::set(
        Chrome::builder()
            .flag("--disable-features=WebGPU")
            .flag("--disable-webgpu"),
    )?;
    stage.page.goto(&stage.server.url("/index.html?backend=webgpu"))?;
    stage.wait("document.documentElement.dataset.engine === 'failed'")?;
    let code: String = stage
        .page
        .eval("document.querySelector('#banner-failed').dataset.code")?;
    assert!(code.starts_with("webgpu-"), "{code}");
    Ok(())
}
