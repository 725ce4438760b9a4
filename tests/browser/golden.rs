//! The network in Chromium, on the CPU and on WebGPU, against the reference values of ONNX Runtime.

use std::fs;

use libtest_mimic::{Failed, Trial};
use xtask::{chrome::Chrome, server::Server};

use crate::{
    stage::PATIENCE,
    support::{Golden, Outcome, cosine, exact_weights, root, scratch, trial_on_shared},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_on_shared("golden::cpu_in_chromium", || check("cpu")),
        trial_on_shared("golden::candle_in_chromium", || check("candle")),
        trial_on_shared("golden::webgpu_in_chromium", || check("webgpu")),
    ]
}

/// What the module computes of one photo of the reference.
#[derive(serde::Deserialize)]
struct Computed {
    from_input: Vec<f32>,
    from_photo: Vec<f32>,
    stages: Vec<Vec<f32>>,
}

/// Embeds photo `index` from the reference's exact pixels and from its JPEG file.
const COMPUTE: &str = "async (index) => {
  const bytes = async (name) => new Uint8Array(await (await fetch(`/golden/${index}.${name}`)).arrayBuffer());
  const { module, engine } = window.golden;
  const exact = await engine.stageMeans(new Uint8ClampedArray((await bytes('rgba')).buffer));
  const decoded = await engine.stageMeans(module.pictureFromPhoto(await bytes('jpg')).centre());
  return {
    from_input: [...exact[3]],
    from_photo: [...decoded[3]],
    stages: index === 0 ? exact.map((mean) => [...mean]) : [],
  };
}";

const START: &str = "async (backend) => {
  const { loadModule } = await import('/www/engine/module.js');
  const module = await loadModule(backend === 'cpu' ? 'cpu' : 'burn');
  await module.default();
  const weights = new Uint8Array(await (await fetch('/weights/resnet18.safetensors')).arrayBuffer());
  const engine = await module.Engine.create(backend, weights);
  window.golden = { module, engine };
  return engine.verify(await (await fetch('/weights/manifest.json')).text());
}";

fn check(backend: &str) -> Outcome {
    let golden = Golden::load();
    let folder = scratch(&format!("golden-{backend}"));
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
    server.mount("/weights", exact_weights());
    let chrome = Chrome::builder().webgpu().start()?;
    let mut page = chrome.connect()?.new_page()?;
    page.set_timeout(PATIENCE);
    page.goto(&server.url("/golden/blank.html"))?;

    let verified: f32 = page.eval(&format!("({START})('{backend}')"))?;
    assert!(verified >= 0.9999, "the manifest's known answer: cosine {verified}");
    for index in 0..golden.squares.len() {
        let computed: Computed = page.eval(&format!("({COMPUTE})({index})"))?;
        compare(&golden, index, &computed)?;
    }
    assert_eq!(page.problems()?, []);
    Ok(())
}

fn compare(golden: &Golden, index: usize, computed: &Computed) -> Result<(), Failed> {
    let expected = &golden.rows["embedding"][index];
    let (input, photo) = (
        cosine(&computed.from_input, expected),
        cosine(&computed.from_photo, expected),
    );
    assert!(input >= 0.9999, "photo {index} from its input: cosine {input}");
    assert!(photo >= 0.998, "photo {index} from its JPEG: cosine {photo}");
    for (stage, name) in computed
        .stages
        .iter()
        .zip(["layer1_mean", "layer2_mean", "layer3_mean", "embedding"])
    {
        let similarity = cosine(stage, &golden.rows[name][index]);
        assert!(similarity >= 0.9999, "photo {index}, {name}: cosine {similarity}");
    }
    Ok(())
}
