//! The native companion, run as a person would run it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use libtest_mimic::Trial;

use crate::support::{Outcome, fixture, scratch, trial, untrained_weights};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("cli::weights_untrained", weights_untrained),
        trial("cli::embed_prints_numbers", embed_prints_numbers),
        trial("cli::predict_names_drawn_pictures", predict_names_drawn_pictures),
        trial("cli::faults_are_told", faults_are_told),
    ]
}

fn glimpse(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_glimpse"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn weights_untrained() -> Outcome {
    let folder = scratch("cli-weights");
    let made = glimpse(&[&"weights", &"--untrained", &"--out", &folder]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let names: Vec<PathBuf> = ["manifest.json", "resnet18.safetensors"]
        .map(|name| folder.join(name))
        .into();
    assert!(names.iter().all(|name| name.is_file()));
    let again = glimpse(&[&"weights", &"--out", &folder]);
    assert!(text(&again.stderr).contains("is ready"), "{}", text(&again.stderr));
    Ok(())
}

fn embed_prints_numbers() -> Outcome {
    let out = glimpse(&[
        &"embed",
        &"--weights",
        &untrained_weights(),
        &fixture("plain.jpg"),
        &fixture("plain.png"),
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let lines: Vec<String> = text(&out.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let numbers = line
            .split('\t')
            .skip(1)
            .map(str::parse::<f32>)
            .collect::<Result<Vec<_>, _>>()?;
        assert_eq!(numbers.len(), 512);
        assert!(numbers.iter().all(|number| number.is_finite()));
    }
    Ok(())
}

/// A folder of three classes of drawn pictures, and one new picture of each.
fn drawn_classes(folder: &Path) -> Result<Vec<(String, PathBuf)>, image::ImageError> {
    let mut queries = Vec::new();
    for class in ["disc", "stripes", "checks"] {
        fs::create_dir_all(folder.join("classes").join(class))?;
        for variant in 0..4 {
            let inside = |x: u32, y: u32| match class {
                "disc" => x.abs_diff(120 + variant * 9).pow(2) + y.abs_diff(130).pow(2) < (60 + variant * 8).pow(2),
                "stripes" => (x + variant * 7) / (10 + variant) % 2 == 0,
                _ => (x / (26 + variant) + y / (26 + variant)) % 2 == 0,
            };
            let shade = |x, y| {
                if inside(x, y) {
                    [230, 60 + variant as u8 * 9, 40]
                } else {
                    [30, 40, 90]
                }
            };
            let picture = image::RgbImage::from_fn(256, 256, |x, y| image::Rgb(shade(x, y)));
            let path = match variant {
                3 => folder.join(format!("new-{class}.png")),
                _ => folder.join("classes").join(class).join(format!("{variant}.png")),
            };
            picture.save(&path)?;
            if variant == 3 {
                queries.push((class.to_owned(), path));
            }
        }
    }
    Ok(queries)
}

fn predict_names_drawn_pictures() -> Outcome {
    let folder = scratch("cli-predict");
    let queries = drawn_classes(&folder)?;
    for method in ["prototype", "finetune", "finetune-plain"] {
        for (class, photo) in &queries {
            let classes = folder.join("classes");
            let out = glimpse(&[
                &"predict",
                &"--method",
                &method,
                &"--weights",
                &untrained_weights(),
                &classes,
                photo,
            ]);
            assert!(out.status.success(), "{}", text(&out.stderr));
            let line = text(&out.stdout);
            let best = line.split('\t').nth(1).ok_or("a class")?;
            assert!(best.starts_with(class.as_str()), "{method}: {line}");
        }
    }
    Ok(())
}

fn faults_are_told() -> Outcome {
    let folder = scratch("cli-faults");
    fs::create_dir_all(folder.join("only-one"))?;
    fs::copy(fixture("plain.jpg"), folder.join("only-one/photo.jpg"))?;
    let photo = fixture("plain.jpg");
    let one_class = glimpse(&[&"predict", &"--weights", &untrained_weights(), &folder, &photo]);
    assert!(!one_class.status.success() && text(&one_class.stderr).contains("at least 2 folders"));
    fs::create_dir_all(folder.join("second"))?;
    fs::copy(fixture("text.jpg"), folder.join("second/broken.jpg"))?;
    let broken = glimpse(&[&"predict", &"--weights", &untrained_weights(), &folder, &photo]);
    assert!(
        !broken.status.success() && text(&broken.stderr).contains("broken.jpg"),
        "{}",
        text(&broken.stderr)
    );
    let no_weights = glimpse(&[&"embed", &"--weights", &folder, &photo]);
    assert!(!no_weights.status.success() && text(&no_weights.stderr).contains("manifest.json"));
    let backend = glimpse(&[&"embed", &"--backend", &"tpu", &photo]);
    assert!(!backend.status.success() && text(&backend.stderr).contains("`cpu` or `webgpu`"));
    Ok(())
}
