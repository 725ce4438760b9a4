//! `cargo glimpse pretrain`, run as a person would run it, on drawn pictures.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use glimpse::StateDict;
use libtest_mimic::{Failed, Trial};

use crate::{
    cli::{glimpse, text},
    support::{Outcome, draw, fixture, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("pretrain::overfits_and_becomes_weights", overfits_and_becomes_weights),
        trial("pretrain::killed_and_resumed_is_uninterrupted", killed_and_resumed),
        trial("pretrain::faults_are_told", faults_are_told),
    ]
}

const CLASSES: [&str; 4] = ["disc", "stripes", "bands", "checks"];

/// Draws so many photos of each class.
fn drawn(folder: &Path, photos: u32) -> Result<PathBuf, Failed> {
    let images = folder.join("images");
    for class in CLASSES {
        let home = images.join(class);
        fs::create_dir_all(&home)?;
        for variant in 0..photos {
            draw(class, variant).save(home.join(format!("{variant}.png")))?;
        }
    }
    Ok(images)
}

fn pretrain(images: &Path, out: &Path, options: &[&str]) -> Output {
    let mut all: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"pretrain", &"--images", &images, &"--out", &out];
    all.extend(options.iter().map(|option| option as &dyn AsRef<std::ffi::OsStr>));
    glimpse(&all)
}

/// The numbers after a word in the lines of progress.
fn numbers(progress: &str, word: &str) -> Result<Vec<f64>, Failed> {
    let words: Vec<&str> = progress
        .lines()
        .filter(|line| line.starts_with("step"))
        .flat_map(str::split_whitespace)
        .collect();
    let after = words
        .windows(2)
        .filter(|pair| pair[0] == word)
        .map(|pair| pair[1].parse());
    Ok(after.collect::<Result<_, _>>()?)
}

fn overfits_and_becomes_weights() -> Outcome {
    let folder = scratch("pretrain-overfits");
    let (images, out) = (drawn(&folder, 8)?, folder.join("mine.safetensors"));
    let options = [
        "--side",
        "32",
        "--batch",
        "16",
        "--epochs",
        "40",
        "--least-area",
        "0.5",
        "--learning-rate",
        "0.02",
    ];
    let trained = pretrain(&images, &out, &options);
    let progress = text(&trained.stderr);
    assert!(trained.status.success(), "{progress}");
    let (losses, right) = (numbers(&progress, "loss")?, numbers(&progress, "right")?);
    assert_eq!(losses.len(), 4, "80 steps: {progress}");
    // On the way it may rise: which way a training goes depends on how the processor rounds.
    assert!(losses[3] < losses[0] / 10.0, "{progress}");
    assert_eq!(right.last(), Some(&100.0), "{progress}");

    let weights = folder.join("weights");
    let prepared = glimpse(&[&"weights", &"--from", &out, &"--out", &weights]);
    assert!(prepared.status.success(), "{}", text(&prepared.stderr));
    let query = folder.join("new.png");
    draw("bands", 9).save(&query)?;
    let named = glimpse(&[&"predict", &"--weights", &weights, &images, &query]);
    assert!(
        text(&named.stdout).contains("\tbands "),
        "{}{}",
        text(&named.stdout),
        text(&named.stderr)
    );
    Ok(())
}

fn killed_and_resumed() -> Outcome {
    let folder = scratch("pretrain-resumes");
    let images = drawn(&folder, 2)?;
    let (whole, killed) = (folder.join("whole.safetensors"), folder.join("killed.safetensors"));
    let options = [
        "--side",
        "32",
        "--batch",
        "4",
        "--epochs",
        "4",
        "--checkpoint-every",
        "1",
    ];
    let uninterrupted = pretrain(&images, &whole, &options);
    assert!(uninterrupted.status.success(), "{}", text(&uninterrupted.stderr));

    let mut child = Command::new(env!("CARGO_BIN_EXE_glimpse"))
        .args(["pretrain", "--images"])
        .arg(&images)
        .arg("--out")
        .arg(&killed)
        .args(options)
        .stderr(Stdio::null())
        .spawn()?;
    let started = Instant::now();
    while !killed.with_extension("checkpoint").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no checkpoint appears");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    child.wait()?;
    let resumed = pretrain(&images, &killed, &[&options[..], &["--resume"]].concat());
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    let read = |file: &Path| Ok::<_, Failed>(StateDict::from_safetensors(&fs::read(file)?)?);
    assert!(read(&whole)? == read(&killed)?, "bit for bit");

    let again = pretrain(&images, &killed, &options);
    assert!(
        !again.status.success() && text(&again.stderr).contains("already"),
        "{}",
        text(&again.stderr)
    );
    let other = pretrain(
        &images,
        &killed,
        &["--side", "64", "--batch", "4", "--epochs", "4", "--resume"],
    );
    assert!(
        !other.status.success() && text(&other.stderr).contains("side 32, not 64"),
        "{}",
        text(&other.stderr)
    );
    Ok(())
}

fn faults_are_told() -> Outcome {
    let folder = scratch("pretrain-faults");
    let images = drawn(&folder, 1)?;
    let out = folder.join("out.safetensors");
    let told = |options: &[&str], words: &str| {
        let refused = pretrain(&images, &out, options);
        let error = text(&refused.stderr);
        assert!(
            !refused.status.success() && error.contains(words),
            "{options:?}: {error}"
        );
        assert!(!out.exists());
    };
    told(&["--side", "100"], "multiple of 32");
    told(&["--batch", "5"], "5 with 4 photos");
    told(&["--batch", "4", "--backend", "cpu"], "`candle` or `webgpu`");
    told(&["--batch", "4", "--resume"], "out.checkpoint");
    let tiny = fixture("tiny-zip.pth");
    told(&["--batch", "4", "--from", &tiny.to_string_lossy()], "conv1.weight");
    told(
        &[
            "--batch",
            "4",
            "--side",
            "32",
            "--epochs",
            "9",
            "--learning-rate",
            "1e30",
        ],
        "lower learning rate",
    );
    fs::copy(fixture("text.jpg"), images.join("disc/unreadable.jpg"))?;
    told(&["--batch", "4"], "unreadable.jpg");
    for class in &CLASSES[1..] {
        fs::remove_dir_all(images.join(class))?;
    }
    told(&["--batch", "4"], "at least 2 folders");
    Ok(())
}
