//! `cargo glimpse eval`: on drawn pictures what it prints and refuses, on real flowers that the default method wins.

use std::{collections::BTreeSet, fs, path::Path, process::Output};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::{
    cli::{glimpse, text, trained_metric},
    support::{
        Outcome, drawn_classes, fixture, real_weights, scratch, shared, trial, trial_on_shared, untrained_weights,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("eval::prints_every_method_and_repeats_itself", prints_every_method),
        trial("eval::works_in_a_metric", works_in_a_metric),
        trial("eval::plots_a_sweep", plots_a_sweep),
        trial("eval::faults_are_told", faults_are_told),
        trial_on_shared("eval::the_default_wins_on_flowers", the_default_wins_on_flowers),
    ]
}

fn eval(images: &Path, arguments: &[&str]) -> Output {
    let mut all: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"eval", &"--weights", &"", &"--images", &images];
    let weights = untrained_weights();
    all[2] = &weights;
    for argument in arguments {
        all.push(argument);
    }
    glimpse(&all)
}

fn reports(out: &Output) -> Result<Vec<Value>, Failed> {
    assert!(out.status.success(), "{}", text(&out.stderr));
    Ok(serde_json::from_slice(&out.stdout)?)
}

/// Three ways, one shot, two queries: all that the drawn pictures give.
const SMALL: [&str; 8] = ["--way", "3", "--shot", "1", "--query", "2", "--episodes", "4"];

fn prints_every_method() -> Outcome {
    let folder = scratch("eval-drawn");
    drawn_classes(&folder)?;
    let images = folder.join("classes");
    let arguments = [&SMALL[..], &["--json"]].concat();
    let out = eval(&images, &arguments);
    let first = reports(&out)?;
    let methods: BTreeSet<&str> = first.iter().filter_map(|report| report["method"].as_str()).collect();
    assert!(methods.is_superset(&["nearest", "prototype", "finetune-plain", "finetune"].into()));
    for report in &first {
        for key in ["accuracy", "ci95", "gain", "gain_ci95", "ece"] {
            assert!(report[key].as_f64().is_some_and(f64::is_finite), "{key} of {report}");
        }
        assert!(report["auroc"].is_null(), "no class is left to refuse");
        assert_eq!(
            (&report["way"], &report["shot"], &report["episodes"]),
            (&3.into(), &1.into(), &4.into())
        );
    }
    let prototype = first.iter().find(|report| report["method"] == "prototype");
    assert_eq!(prototype.ok_or("prototype is measured")?["gain"], 0.0);
    let again = eval(&images, &arguments);
    assert_eq!(reports(&again)?, first, "the same seed");
    assert!(text(&eval(&images, &SMALL).stdout).contains("confusion matrix"));
    Ok(())
}

fn works_in_a_metric() -> Outcome {
    let folder = scratch("eval-metric");
    drawn_classes(&folder)?;
    let (images, metric) = (folder.join("classes"), trained_metric(&folder, "siamese"));
    let metric = metric.to_string_lossy();
    let measured = reports(&eval(&images, &[&SMALL[..], &["--json", "--metric", &metric]].concat()))?;
    let methods: Vec<&str> = measured.iter().filter_map(|report| report["method"].as_str()).collect();
    let expected = ["nearest", "prototype", "siamese", "finetune-plain", "finetune"];
    assert_eq!(methods, expected, "the heads, and the metric's own comparison");
    let without = reports(&eval(
        &images,
        &[&SMALL[..], &["--json", "--method", "finetune"]].concat(),
    ))?;
    assert_ne!(measured.last(), without.last(), "the metric is used");
    Ok(())
}

fn plots_a_sweep() -> Outcome {
    let folder = scratch("eval-sweep");
    let images = folder.join("classes");
    for class in 0..20 {
        let home = images.join(format!("{class:02}"));
        fs::create_dir_all(&home)?;
        // The same photo again and again: it is embedded once, and curves need numbers, not beauty.
        let colour = [class as u8 * 12, 255 - class as u8 * 12, 100];
        for photo in 0..21 {
            image::RgbImage::from_pixel(8, 8, image::Rgb(colour)).save(home.join(format!("{photo}.png")))?;
        }
    }
    let plot = folder.join("plot.svg");
    let file = plot.to_string_lossy().into_owned();
    let out = eval(
        &images,
        &[
            "--query",
            "1",
            "--episodes",
            "1",
            "--method",
            "nearest",
            "--sweep",
            &file,
        ],
    );
    assert!(out.status.success(), "{}", text(&out.stderr));
    let svg = fs::read_to_string(&plot)?;
    assert!(svg.starts_with("<svg") && svg.contains("20-way") && svg.contains("20-shot"));
    assert_eq!(svg.matches("<path fill='none'").count(), 12, "six curves in each panel");
    Ok(())
}

fn faults_are_told() -> Outcome {
    let folder = scratch("eval-faults");
    drawn_classes(&folder)?;
    let images = folder.join("classes");
    let told = |arguments: &[&str], words: &[&str]| {
        let out = eval(&images, arguments);
        let error = text(&out.stderr);
        assert!(!out.status.success());
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    told(&["--way", "5"], &["classes", "at least 5", "got 3"]);
    told(&["--way", "2", "--shot", "3"], &["checks", "3 photos", "at least 18"]);
    told(
        &[&SMALL[..], &["--method", "magic"]].concat(),
        &["magic", "finetune-plain"],
    );
    fs::copy(fixture("text.jpg"), images.join("disc/unreadable.jpg"))?;
    told(&SMALL, &["unreadable.jpg", "not a picture"]);
    Ok(())
}

/// The first eight classes, twenty photos each: few enough to be embedded in a test.
fn the_default_wins_on_flowers() -> Outcome {
    let data = shared()
        .ok_or("only called by tests on shared")?
        .join("data/flowers102");
    let images = scratch("eval-flowers");
    let mut classes: Vec<_> = fs::read_dir(data)?.collect::<Result<_, _>>()?;
    classes.sort_by_key(fs::DirEntry::file_name);
    for class in classes.iter().take(8) {
        let home = images.join(class.file_name());
        fs::create_dir_all(&home)?;
        let mut photos: Vec<_> = fs::read_dir(class.path())?.collect::<Result<_, _>>()?;
        photos.sort_by_key(fs::DirEntry::file_name);
        for photo in photos.iter().take(20) {
            fs::copy(photo.path(), home.join(photo.file_name()))?;
        }
    }
    let out = glimpse(&[
        &"eval",
        &"--weights",
        &real_weights(),
        &"--images",
        &images,
        &"--episodes",
        &"100",
        &"--json",
    ]);
    let reports = reports(&out)?;
    let of = |method: &str, key: &str| {
        let report = reports.iter().find(|report| report["method"] == method);
        report
            .and_then(|report| report[key].as_f64())
            .ok_or(format!("{key} of {method}"))
    };
    assert!(of("finetune", "gain")? > of("finetune", "gain_ci95")?, "{reports:?}");
    assert!(
        of("finetune-plain", "gain")? < 0.0,
        "without a scale the entropy term takes over"
    );
    assert!(
        of("finetune", "ece")? < 0.1 && of("finetune", "auroc")? > 0.85,
        "{reports:?}"
    );
    Ok(())
}
