//! The network in Chromium, on the CPU and on WebGPU, against the reference values of ONNX Runtime.

use std::{fs, path::Path};

use glimpse::{
    Embedder,
    backend::{Backbone, BackendKind},
    native::weights,
};
use libtest_mimic::{Failed, Trial};
use xtask::{cdp::Page, chrome::Chrome, server::Server};

use crate::{
    stage::PATIENCE,
    support::{Golden, Outcome, cosine, exact_weights, real_weights, root, scratch, trial_on_shared},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_on_shared("golden::cpu_in_chromium", || exact("cpu", ALL)),
        trial_on_shared("golden::without_relaxed_simd_in_chromium", || exact("plain", ALL)),
        trial_on_shared("golden::candle_in_chromium", || exact("candle", ALL)),
        trial_on_shared("golden::webgpu_in_chromium", || exact("webgpu", FEW)),
        trial_on_shared("golden::steps_in_chromium", || steps("cpu")),
        trial_on_shared("golden::steps_without_relaxed_simd_in_chromium", || steps("plain")),
        trial_on_shared("golden::burn_wgpu_in_chromium", burn_wgpu),
    ]
}

/// The means after layer 1 to 4, by the reference's names.
const STAGES: [&str; 4] = ["layer1_mean", "layer2_mean", "layer3_mean", "embedding"];
/// Photos of the reference.
const ALL: usize = 8;
/// As many of them as a software adapter has patience for, and an odd number: its last tiles are not full.
const FEW: usize = 3;

/// The means after layer 1 to 4, as the module computes them of the reference's first photos at once: one array a stage,
/// photo by photo.
#[derive(serde::Deserialize)]
struct Computed {
    from_inputs: Vec<Vec<f32>>,
    from_photos: Vec<Vec<f32>>,
}

/// Embeds the reference's first photos, as one batch from their exact pixels and as another from their JPEG files.
const COMPUTE: &str = "async (count) => {
  const { module, engine } = window.golden;
  const bytes = async (name) => new Uint8Array(await (await fetch(`/golden/${name}`)).arrayBuffer());
  const stages = async (square) => {
    const squares = new Uint8ClampedArray(count * 224 * 224 * 4);
    for (let index = 0; index < count; index++) squares.set(await square(index), index * 224 * 224 * 4);
    return (await engine.stageMeans(squares)).map((means) => [...means]);
  };
  return {
    from_inputs: await stages((index) => bytes(`${index}.rgba`)),
    from_photos: await stages(async (index) => module.pictureFromPhoto(await bytes(`${index}.jpg`)).centre()),
  };
}";

const START: &str = "async (backend) => {
  const { loadModule } = await import('/www/engine/module.js');
  const plain = backend === 'plain';
  if (plain) WebAssembly.validate = () => false;
  const { name, module } = await loadModule(backend === 'candle' || backend === 'wgpu' ? 'burn' : 'light');
  if (plain !== (name === 'plain')) throw new Error(`the module ${name}`);
  await module.default();
  const manifest = await (await fetch('/weights/manifest.json')).text();
  const weights = new Uint8Array(await (await fetch(`/weights/${JSON.parse(manifest).file}`)).arrayBuffer());
  const engine = await module.Engine.create(plain ? 'cpu' : backend, weights);
  window.golden = { module, engine };
  return engine.verify(manifest);
}";

/// The module, started on a backend with these weights, and how near its first answer is to the manifest's.
fn start(golden: &Golden, backend: &str, weights: &Path) -> Result<(Server, Chrome, Page, f32), Failed> {
    let of_weights = weights.file_name().ok_or("a folder has a name")?.display();
    let folder = scratch(&format!("golden-{backend}-{of_weights}"));
    for (index, (square, photo)) in golden.squares.iter().zip(&golden.photos).enumerate() {
        fs::write(folder.join(format!("{index}.rgba")), square.rgba())?;
        fs::copy(photo, folder.join(format!("{index}.jpg")))?;
    }
    fs::write(
        folder.join("blank.html"),
        "<!doctype html><link rel=icon href=data:,><title>golden</title>",
    )?;
    let server = Server::start(root())?;
    server.mount("/golden", &folder);
    server.mount("/weights", weights);
    let chrome = Chrome::builder().webgpu().start()?;
    let mut page = chrome.connect()?.new_page()?;
    page.set_timeout(PATIENCE);
    page.goto(&server.url("/golden/blank.html"))?;
    let verified = page.eval(&format!("({START})('{backend}')"))?;
    Ok((server, chrome, page, verified))
}

/// A backend with the reference's weights.
fn exact(backend: &str, photos: usize) -> Outcome {
    check(&Golden::load(), backend, exact_weights(), photos)
}

/// The page's own weights, which stay in steps on the CPU. They are other numbers than the reference's: here the reference is
/// what Burn computes natively with them.
fn steps(backend: &str) -> Outcome {
    let mut golden = Golden::load();
    let candle = pollster::block_on(Backbone::start(BackendKind::Candle, weights::load(real_weights())?))?;
    let pooled = pollster::block_on(candle.pooled(&golden.squares))?;
    for (stage, name) in STAGES.into_iter().enumerate() {
        let means = pooled.iter().map(|pooled| pooled.means[stage].clone()).collect();
        golden.rows.insert(name, means);
    }
    check(&golden, backend, real_weights(), ALL)
}

fn check(golden: &Golden, backend: &str, weights: &Path, photos: usize) -> Outcome {
    let (_server, _chrome, page, verified) = start(golden, backend, weights)?;
    assert!(verified >= 0.9999, "the manifest's known answer: cosine {verified}");
    let computed: Computed = page.eval(&format!("({COMPUTE})({photos})"))?;
    compare(golden, &computed, photos);
    assert_eq!(page.problems()?, []);
    Ok(())
}

/// Burn's own layers take minutes for all photos on a software adapter; the manifest's known answer tells as much.
fn burn_wgpu() -> Outcome {
    let (_server, _chrome, page, verified) = start(&Golden::load(), "wgpu", exact_weights())?;
    assert!(verified >= 0.9999, "the manifest's known answer: cosine {verified}");
    assert_eq!(page.problems()?, []);
    Ok(())
}

fn compare(golden: &Golden, computed: &Computed, photos: usize) {
    for (name, values) in STAGES.into_iter().zip(&computed.from_inputs) {
        compare_rows(
            &format!("{name} from the input"),
            &golden.rows[name][..photos],
            values,
            0.9999,
        );
    }
    compare_rows(
        "embedding from the JPEG",
        &golden.rows["embedding"][..photos],
        &computed.from_photos[3],
        0.998,
    );
}

fn compare_rows(what: &str, expected: &[Vec<f32>], values: &[f32], least: f32) {
    let rows = values.chunks_exact(values.len() / expected.len());
    assert_eq!(rows.len(), expected.len(), "{what}");
    for (index, (row, expected)) in rows.zip(expected).enumerate() {
        let similarity = cosine(row, expected);
        assert!(similarity >= least, "photo {index}, {what}: cosine {similarity}");
    }
}
