//! Weights in the page: kept in the cache, refused when wrong, replaced by a dropped checkpoint, added to while they load.

use std::{fs, time::Duration};

use glimpse::{architecture::convolutions, state_dict::Parameter, untrained};
use libtest_mimic::Trial;
use xtask::{chrome::Chrome, server::Fault};

use crate::{
    stage::Stage,
    support::{Outcome, fixture, scratch, trial, untrained_weights},
};

const FILE: &str = "/weights/resnet18.compact";

pub fn trials() -> Vec<Trial> {
    vec![
        trial("weights::fetched_once_and_kept", fetched_once_and_kept),
        trial(
            "weights::shots_can_be_added_while_they_load",
            shots_can_be_added_while_they_load,
        ),
        trial(
            "weights::faults_are_told_and_can_be_retried",
            faults_are_told_and_can_be_retried,
        ),
        trial(
            "weights::an_untrained_network_is_marked",
            an_untrained_network_is_marked,
        ),
        trial(
            "weights::a_dropped_checkpoint_replaces_the_network",
            a_dropped_checkpoint_replaces_the_network,
        ),
        trial("weights::a_dropped_checkpoint_is_kept", a_dropped_checkpoint_is_kept),
        trial(
            "weights::a_kept_checkpoint_outlives_a_failed_start",
            a_kept_checkpoint_outlives_a_failed_start,
        ),
        trial(
            "weights::bad_checkpoints_leave_the_network",
            bad_checkpoints_leave_the_network,
        ),
    ]
}

fn fetched_once_and_kept() -> Outcome {
    let stage = Stage::on_cpu()?;
    stage.page.reload()?;
    stage.wait_for_engine()?;
    let fetched = stage
        .server
        .requests()
        .iter()
        .filter(|path| path.starts_with(FILE))
        .count();
    assert_eq!(fetched, 1, "the second visit takes them from the cache");
    let names: Vec<String> = stage.page.eval("caches.keys()")?;
    assert_eq!(names, ["/:weights"], "cache names carry the page's path");
    stage.assert_quiet()?;
    Ok(())
}

fn shots_can_be_added_while_they_load() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.server.fault(FILE, Fault::Delay(Duration::from_secs(4)));
    stage.page.goto(&stage.server.url("/index.html?backend=cpu"))?;
    stage.wait("document.querySelector('.class-card')")?;
    let class = stage.class_ids()?[0];
    stage.choose_photos(class, &[fixture("plain.jpg"), fixture("plain.png")])?;
    stage.wait("document.querySelectorAll('.shot[data-status=pending] img:not([hidden])').length === 2")?;
    let state: String = stage.page.eval("document.documentElement.dataset.engine")?;
    assert_eq!(state, "loading", "the thumbnails are there before the weights");
    stage.wait_for_engine()?;
    stage.wait_for_shots(class, 2)?;
    stage.assert_quiet()?;
    Ok(())
}

fn faults_are_told_and_can_be_retried() -> Outcome {
    let faults = [
        (FILE, Fault::Status(404)),
        (FILE, Fault::Truncate(5_000_000)),
        (FILE, Fault::Cut(5_000_000)),
        (FILE, Fault::Replace(vec![7; 22_000_000])),
        ("/weights/manifest.json", Fault::Status(500)),
        ("/weights/manifest.json", Fault::Replace(b"{}".to_vec())),
    ];
    for (path, fault) in faults {
        let stage = Stage::set(Chrome::builder())?;
        stage.server.fault(path, fault.clone());
        stage.page.goto(&stage.server.url("/index.html?backend=cpu"))?;
        stage
            .wait("document.documentElement.dataset.engine === 'failed'")
            .map_err(|e| format!("{path} {fault:?}: {e}"))?;
        let class = stage.class_ids()?[0];
        stage.choose_photos(class, &[fixture("plain.jpg")])?;
        stage.wait("document.querySelector('.shot img:not([hidden])')")?;
        let code: String = stage
            .page
            .eval("document.querySelector('#banner-failed').dataset.code")?;
        assert!(
            code.starts_with("weights") || code.starts_with("manifest"),
            "{path} {fault:?}: code {code}"
        );
        stage.server.clear_faults();
        stage.page.click("#retry")?;
        stage.wait("document.documentElement.dataset.engine === 'ready'")?;
        stage.wait_for_shots(class, 1)?;
    }
    Ok(())
}

fn an_untrained_network_is_marked() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.server.mount("/weights", untrained_weights());
    stage.open("cpu")?;
    let area: f64 = stage.page.eval(
        "(() => { const box = document.querySelector('#banner-untrained').getBoundingClientRect(); return box.width * box.height; })()",
    )?;
    assert!(area > 30_000.0, "the banner covers {area} px²");
    stage.assert_quiet()?;
    Ok(())
}

fn a_dropped_checkpoint_replaces_the_network() -> Outcome {
    let stage = Stage::on_cpu()?;
    let ids = stage.class_ids()?;
    stage.add_photos(ids[0], &[fixture("plain.jpg")])?;
    stage.add_photos(ids[1], &[fixture("12000x40.png")])?;
    let before = stage.ask(&[fixture("grey.jpg")])?;
    // Torchvision's own layout, f16, not folded: as a person would have it.
    let file = scratch("dropped-checkpoint").join("mine.safetensors");
    fs::write(&file, untrained::state_dict(9).to_safetensors_f16()?)?;
    stage.page.drop_files("#main", &[file])?;
    stage.wait("document.querySelector(\"[data-fact='source']\").textContent.includes('mine')")?;
    stage.wait_for_shots(ids[0], 1)?;
    stage.wait_for_shots(ids[1], 1)?;
    let after = stage.answers(1)?;
    assert_ne!(before, after, "the shots were embedded again, by the new network");
    stage.assert_quiet()?;
    Ok(())
}

/// It is the network after a reload too, until the page's own is wanted again; and that can be undone.
fn a_dropped_checkpoint_is_kept() -> Outcome {
    let stage = Stage::on_cpu()?;
    let ids = stage.class_ids()?;
    stage.add_photos(ids[0], &[fixture("plain.jpg")])?;
    let source = |words: &str| {
        stage.wait(&format!(
            "document.querySelector(\"[data-fact='source']\").textContent.includes('{words}')"
        ))
    };
    let shipped: String = stage
        .page
        .eval("document.querySelector(\"[data-fact='source']\").textContent")?;
    let file = scratch("kept-checkpoint").join("mine.safetensors");
    fs::write(&file, untrained::state_dict(9).to_safetensors_f16()?)?;
    stage.page.drop_files("#main", std::slice::from_ref(&file))?;
    source("mine")?;
    wait_until_network_kept(&stage)?;
    fs::remove_file(&file)?;
    stage.wait_for_shots(ids[0], 1)?;
    stage.wait_until_kept()?;
    stage.page.reload()?;
    stage.wait_for_engine()?;
    source("mine")?;
    stage.wait_for_shots(ids[0], 1)?;
    stage.page.click("#engine summary")?;
    stage.page.click("#leave-network")?;
    source(&shipped)?;
    stage.wait("document.querySelector('#toasts .toast-undo')")?;
    stage.page.click("#toasts .toast-undo")?;
    source("mine")?;
    stage.page.click("#leave-network")?;
    source(&shipped)?;
    stage.page.reload()?;
    stage.wait_for_engine()?;
    source(&shipped)?;
    stage.assert_quiet()?;
    Ok(())
}

/// Until the page says that it keeps the network that it was given.
fn wait_until_network_kept(stage: &Stage) -> anyhow::Result<()> {
    let kept: String = stage
        .page
        .eval("import('./www/strings.js').then(({ text }) => text.engine.kept.own)")?;
    stage.wait(&format!(
        "document.querySelector(\"[data-fact='kept']\").textContent === {kept:?}"
    ))
}

fn a_kept_checkpoint_outlives_a_failed_start() -> Outcome {
    let stage = Stage::on_cpu()?;
    let file = scratch("kept-checkpoint-failed").join("mine.safetensors");
    fs::write(&file, untrained::state_dict(9).to_safetensors_f16()?)?;
    let mine = "document.querySelector(\"[data-fact='source']\").textContent.includes('mine')";
    stage.page.drop_files("#main", std::slice::from_ref(&file))?;
    stage.wait(mine)?;
    wait_until_network_kept(&stage)?;
    let module = "/pkg/light/glimpse_bg.wasm";
    stage.server.fault(module, Fault::Status(500));
    stage.page.reload()?;
    stage.wait("document.documentElement.dataset.engine === 'failed'")?;
    stage.server.clear_faults();
    stage.page.click("#retry")?;
    stage.wait("document.documentElement.dataset.engine === 'ready'")?;
    stage.wait(mine)?;
    Ok(())
}

fn bad_checkpoints_leave_the_network() -> Outcome {
    let stage = Stage::on_cpu()?;
    let ids = stage.class_ids()?;
    stage.add_photos(ids[0], &[fixture("plain.jpg")])?;
    let folder = scratch("bad-checkpoints");
    let whole = untrained::state_dict(2)
        .folded_trunk(&convolutions())?
        .to_safetensors_f16()?;
    let mut other = untrained::state_dict(2);
    let shape = vec![64, 64, 3, 3];
    other.insert(
        "layer1.2.conv1.weight",
        Parameter {
            values: vec![0.0; 36_864],
            shape,
        },
    );
    fs::write(folder.join("cut.safetensors"), &whole[..whole.len() / 3])?;
    fs::write(folder.join("resnet34.safetensors"), other.to_safetensors_f16()?)?;
    fs::write(folder.join("text.safetensors"), "no weights at all")?;
    fs::copy(fixture("tiny-zip.pth"), folder.join("torch.pth"))?;
    for (name, code) in [
        ("cut.safetensors", "weights-format"),
        ("resnet34.safetensors", "weights-unexpected-tensor"),
        ("text.safetensors", "weights-format"),
        ("torch.pth", "pth-checkpoint"),
    ] {
        stage.page.drop_files("#main", &[folder.join(name)])?;
        stage.wait(&format!("document.querySelector(\"#problems li[data-code='{code}']\")"))?;
        stage.page.click("#dismiss-problems")?;
        stage.wait_for_engine()?;
        stage.wait_for_shots(ids[0], 1)?;
    }
    let told: String = stage
        .page
        .eval("import('./www/strings.js').then(({ explain }) => explain({ code: 'pth-checkpoint' }))")?;
    assert!(told.contains("cargo glimpse weights --from"), "{told}");
    stage.add_photos(ids[1], &[fixture("plain.png")])?;
    stage.assert_quiet()?;
    Ok(())
}
