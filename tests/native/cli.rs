//! The native companion, run as a person would run it.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use libtest_mimic::Trial;

use crate::support::{Outcome, drawn_classes, fixture, scratch, trial, untrained_weights};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("cli::weights_untrained", weights_untrained),
        trial("cli::embed_prints_numbers", embed_prints_numbers),
        trial("cli::embeddings_are_written", embeddings_are_written),
        trial("cli::a_folder_becomes_a_table", a_folder_becomes_a_table),
        trial("cli::predict_names_drawn_pictures", predict_names_drawn_pictures),
        trial(
            "cli::a_saved_model_predicts_as_its_folder",
            a_saved_model_predicts_as_its_folder,
        ),
        trial("cli::a_link_predicts_as_its_file", a_link_predicts_as_its_file),
        trial("cli::a_metric_serves_every_head", a_metric_serves_every_head),
        trial("cli::a_metric_can_change_the_network", a_metric_can_change_the_network),
        trial("cli::foreign_metrics_are_refused", foreign_metrics_are_refused),
        trial(
            "cli::deep_learns_and_its_file_predicts",
            deep_learns_and_its_file_predicts,
        ),
        trial("cli::faults_are_told", faults_are_told),
    ]
}

/// Runs the binary.
pub fn glimpse(arguments: &[&dyn AsRef<OsStr>]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_glimpse"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

/// What a program printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn weights_untrained() -> Outcome {
    let folder = scratch("cli-weights");
    let made = glimpse(&[&"weights", &"--untrained", &"--out", &folder]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let names: Vec<PathBuf> = ["manifest.json", "resnet18.compact"]
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

fn embeddings_are_written() -> Outcome {
    let folder = scratch("cli-embeddings");
    drawn_classes(&folder)?;
    let (weights, classes) = (untrained_weights(), folder.join("classes"));
    let write = |name: &str| {
        let out = folder.join(name);
        (
            glimpse(&[&"embed", &"--weights", &weights, &classes, &"--out", &out]),
            out,
        )
    };
    let (csv, npy) = (write("e.csv"), write("e.npy"));
    for (out, _) in [&csv, &npy] {
        assert!(out.status.success(), "{}", text(&out.stderr));
    }
    let table = fs::read_to_string(csv.1)?;
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 9);
    assert_eq!(rows[0][..2], ["checks", "0.png"]);
    let numbers = rows.iter().flat_map(|row| &row[2..]).map(|cell| cell.parse());
    let numbers = numbers.collect::<Result<Vec<f32>, _>>()?;
    let array = fs::read(npy.1)?;
    let values = array[128..]
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes));
    assert!(values.eq(numbers), "both hold the same numbers");
    let neither = write("e.txt").0;
    assert!(!neither.status.success() && text(&neither.stderr).contains("npy or csv"));
    Ok(())
}

fn a_folder_becomes_a_table() -> Outcome {
    let folder = scratch("cli-table");
    let drawn = drawn_classes(&folder)?;
    let asked = folder.join("asked");
    fs::create_dir_all(asked.join("deeper"))?;
    for (index, (_, photo)) in drawn.queries.iter().enumerate() {
        fs::copy(photo, asked.join(format!("deeper/{index}.png")))?;
    }
    fs::copy(fixture("text.jpg"), asked.join("no-photo.jpg"))?;
    let (weights, classes) = (untrained_weights(), folder.join("classes"));
    let table = |threshold: &str| {
        glimpse(&[
            &"predict",
            &"--weights",
            &weights,
            &"--csv",
            &"--threshold",
            &threshold,
            &classes,
            &asked,
        ])
    };
    let sure = table("0");
    assert!(sure.status.success(), "{}", text(&sure.stderr));
    assert!(text(&sure.stderr).contains("no-photo.jpg"), "what is left out is told");
    let said = text(&sure.stdout);
    let rows: Vec<Vec<&str>> = said.lines().map(|line| line.split(',').collect()).collect();
    let header = [
        "photo",
        "answer",
        "probability",
        "familiar",
        "checks",
        "disc",
        "stripes",
    ];
    assert_eq!(rows[0], header);
    assert_eq!(rows.len(), 1 + drawn.queries.len());
    for (row, (class, _)) in rows[1..].iter().zip(&drawn.queries) {
        assert_eq!(row[1], class);
        let column = header.iter().position(|name| name == class).ok_or("a column")?;
        assert_eq!(row[2], row[column], "the answer's own probability");
    }
    let unsure = text(&table("1.1").stdout);
    assert!(unsure.lines().skip(1).all(|line| line.split(',').nth(1) == Some("")));
    Ok(())
}

fn predict_names_drawn_pictures() -> Outcome {
    let folder = scratch("cli-predict");
    let drawn = drawn_classes(&folder)?;
    for (class, photo) in &drawn.queries {
        for method in ["prototype", "finetune"] {
            assert_eq!(&best_class(&folder, method, photo)?, class, "{method}");
        }
    }
    // The textbook recipe is free to be wrong, not to fail.
    best_class(&folder, "finetune-plain", &drawn.queries[0].1)?;
    Ok(())
}

fn a_saved_model_predicts_as_its_folder() -> Outcome {
    let folder = scratch("cli-fit");
    let drawn = drawn_classes(&folder)?;
    let (classes, file) = (folder.join("classes"), folder.join("model.safetensors"));
    let fitted = glimpse(&[&"fit", &"--weights", &untrained_weights(), &classes, &"--out", &file]);
    assert!(fitted.status.success(), "{}", text(&fitted.stderr));
    let photo = &drawn.queries[0].1;
    let predict = |model: &Path| glimpse(&[&"predict", &"--weights", &untrained_weights(), &model, photo]);
    assert_eq!(text(&predict(&file).stdout), text(&predict(&classes).stdout));
    assert!(text(&predict(&file).stdout).contains("any of these"));
    fs::write(&file, b"no model")?;
    let refused = predict(&file);
    assert!(!refused.status.success() && text(&refused.stderr).contains("cargo glimpse fit"));
    Ok(())
}

fn a_link_predicts_as_its_file() -> Outcome {
    let folder = scratch("cli-link");
    let drawn = drawn_classes(&folder)?;
    let (classes, file) = (folder.join("classes"), folder.join("model.safetensors"));
    let weights = untrained_weights();
    let fit = |method: &str| {
        let out = glimpse(&[
            &"fit",
            &"--weights",
            &weights,
            &"--method",
            &method,
            &classes,
            &"--out",
            &file,
        ]);
        assert!(out.status.success(), "{}", text(&out.stderr));
    };
    fit("finetune");
    let made = glimpse(&[&"link", &file]);
    let link = text(&made.stdout);
    assert!(
        link.starts_with("#c=") && link.ends_with('\n'),
        "{}",
        text(&made.stderr)
    );
    let photo = &drawn.queries[0].1;
    let predict = |model: &dyn AsRef<OsStr>| glimpse(&[&"predict", &"--weights", &weights, model, photo]);
    let by_link = predict(&format!("https://example.org/{}", link.trim()));
    let winner = |out: &Output| text(&out.stdout).split(['\t', ' ']).nth(1).map(str::to_owned);
    assert_eq!(winner(&by_link), winner(&predict(&file)), "{}", text(&by_link.stderr));
    assert!(text(&by_link.stdout).contains("any of these"));
    let kept = folder.join("link.txt");
    fs::write(&kept, &link)?;
    assert_eq!(predict(&kept).stdout, by_link.stdout);
    let refused = predict(&&link[..link.len() / 2]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("damaged"));
    fit("nearest");
    let refused = glimpse(&[&"link", &file]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("one vector per class"));
    Ok(())
}

/// Trains a metric on drawn classes with an untrained network.
pub fn trained_metric(folder: &Path, loss: &str) -> PathBuf {
    let file = folder.join(format!("{loss}.safetensors"));
    let classes = folder.join("classes");
    let weights = untrained_weights();
    let out = glimpse(&[
        &"train-metric",
        &"--weights",
        &weights,
        &"--images",
        &classes,
        &"--loss",
        &loss,
        &"--out",
        &file,
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    file
}

/// Names a photo after a folder of classes, in a metric's space.
fn predict_in(weights: &Path, metric: &Path, classes: &Path, photo: &Path) -> Output {
    glimpse(&[
        &"predict",
        &"--weights",
        &weights,
        &"--metric",
        &metric,
        &classes,
        &photo,
    ])
}

fn a_metric_serves_every_head() -> Outcome {
    let folder = scratch("cli-metric");
    let drawn = drawn_classes(&folder)?;
    let (classes, photo, weights) = (folder.join("classes"), &drawn.queries[0].1, untrained_weights());
    let (metric, model) = (trained_metric(&folder, "siamese"), folder.join("model"));
    let fit = |method: &str| {
        let out = glimpse(&[
            &"fit",
            &"--weights",
            &weights,
            &"--method",
            &method,
            &"--metric",
            &metric,
            &classes,
            &"--out",
            &model,
        ]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&glimpse(&[&"predict", &"--weights", &weights, &model, photo]).stdout)
    };
    let saved = fit("finetune");
    let given = predict_in(weights, &metric, &classes, photo);
    assert_eq!(saved, text(&given.stdout), "a saved model carries the metric");
    let without = glimpse(&[&"predict", &"--weights", &weights, &classes, photo]);
    assert!(
        without.status.success() && without.stdout != given.stdout,
        "the metric is used"
    );
    assert_ne!(fit("siamese"), saved, "its own comparison is another method");
    let twice = glimpse(&[&"predict", &"--weights", &weights, &"--metric", &metric, &model, photo]);
    assert!(!twice.status.success() && text(&twice.stderr).contains("a saved model has its own"));
    Ok(())
}

fn a_metric_can_change_the_network() -> Outcome {
    let folder = scratch("cli-unfrozen-metric");
    let drawn = drawn_classes(&folder)?;
    let (classes, photo, weights) = (folder.join("classes"), &drawn.queries[0].1, untrained_weights());
    let (metric, network) = (folder.join("metric"), folder.join("network"));
    let options = [
        "train-metric",
        "--loss",
        "cosine",
        "--steps",
        "2",
        "--unfreeze",
        "layer4",
    ];
    let train = |more: &[&dyn AsRef<OsStr>]| {
        let options = options.each_ref().map(|word| word as &dyn AsRef<OsStr>);
        let paths: [&dyn AsRef<OsStr>; 6] = [&"--weights", &weights, &"--images", &classes, &"--out", &metric];
        glimpse(&[options.as_slice(), &paths, more].concat())
    };
    let nowhere = train(&[]);
    assert!(!nowhere.status.success() && text(&nowhere.stderr).contains("--network"));
    let trained = train(&[&"--network", &network]);
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let own = predict_in(&network, &metric, &classes, photo);
    assert!(own.status.success(), "{}", text(&own.stderr));
    let other = predict_in(weights, &metric, &classes, photo);
    assert!(!other.status.success() && text(&other.stderr).contains("another network"));
    Ok(())
}

fn foreign_metrics_are_refused() -> Outcome {
    let folder = scratch("cli-foreign-metric");
    let drawn = drawn_classes(&folder)?;
    let (classes, photo) = (folder.join("classes"), &drawn.queries[0].1);
    let metric = trained_metric(&folder, "triplet");
    let other = folder.join("other-weights");
    let made = glimpse(&[&"weights", &"--untrained", &"--seed", &"7", &"--out", &other]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let cut = folder.join("cut.safetensors");
    let whole = fs::read(&metric)?;
    fs::write(&cut, &whole[..whole.len() / 2])?;
    let no_metric = untrained_weights().join("resnet18.compact");
    let told = |weights: &Path, metric: &Path, method: &str, words: &[&str]| {
        let out = glimpse(&[
            &"predict",
            &"--weights",
            &weights,
            &"--metric",
            &metric,
            &"--method",
            &method,
            &classes,
            photo,
        ]);
        let error = text(&out.stderr);
        assert!(
            !out.status.success() && words.iter().all(|word| error.contains(word)),
            "{error}"
        );
    };
    told(&other, &metric, "finetune", &["triplet.safetensors", "another network"]);
    told(
        untrained_weights(),
        &cut,
        "finetune",
        &["cut.safetensors", "cannot be used"],
    );
    told(
        untrained_weights(),
        &no_metric,
        "finetune",
        &["resnet18.compact", "cannot be used"],
    );
    told(untrained_weights(), &metric, "siamese", &["`triplet`", "`siamese`"]);
    Ok(())
}

fn deep_learns_and_its_file_predicts() -> Outcome {
    let folder = scratch("cli-deep");
    let drawn = drawn_classes(&folder)?;
    let (classes, file) = (folder.join("classes"), folder.join("deep.safetensors"));
    let fitted = glimpse(&[
        &"fit",
        &"--method",
        &"deep",
        &"--steps",
        &"6",
        // A network of random numbers is more sensitive than a trained one.
        &"--learning-rate",
        &"1e-6",
        &"--weights",
        &untrained_weights(),
        &classes,
        &"--out",
        &file,
    ]);
    assert!(fitted.status.success(), "{}", text(&fitted.stderr));
    assert!(text(&fitted.stderr).contains("step     6"), "{}", text(&fitted.stderr));
    let predict = || {
        let weights = untrained_weights();
        let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"predict", &"--weights", &weights, &file];
        arguments.extend(
            drawn
                .queries
                .iter()
                .map(|(_, photo)| photo as &dyn AsRef<std::ffi::OsStr>),
        );
        glimpse(&arguments)
    };
    let said = predict();
    assert!(said.status.success(), "{}", text(&said.stderr));
    for ((class, _), line) in drawn.queries.iter().zip(text(&said.stdout).lines()) {
        let best = line.split('\t').nth(1).ok_or("a class")?;
        assert!(best.starts_with(class.as_str()), "{line}");
    }
    let mut bytes = fs::read(&file)?;
    let name = b"layer4.1.conv2.bias";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .ok_or("layer 4 is in the file")?;
    bytes[at] = b'x';
    fs::write(&file, &bytes)?;
    let refused = predict();
    assert!(!refused.status.success() && text(&refused.stderr).contains("layer4.1.conv2.bias"));
    Ok(())
}

/// The class that `predict` puts first.
fn best_class(folder: &Path, method: &str, photo: &Path) -> Result<String, libtest_mimic::Failed> {
    let classes = folder.join("classes");
    let out = glimpse(&[
        &"predict",
        &"--method",
        &method,
        &"--weights",
        &untrained_weights(),
        &classes,
        &photo,
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let line = text(&out.stdout);
    let best = line
        .split('\t')
        .nth(1)
        .and_then(|score| score.split(' ').next())
        .ok_or("a class")?;
    Ok(best.to_owned())
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
    assert!(!backend.status.success() && text(&backend.stderr).contains("`cpu`, `candle`, `webgpu` or `wgpu`"));
    Ok(())
}
