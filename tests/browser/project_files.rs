//! Project files by the worker, without the page around it: what was trained comes back in another worker, a file holds all
//! that was put into it, and a native program reads it.

use std::{fs, process::Command};

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;

use crate::{
    stage::Stage,
    support::{
        Drawn, Outcome, PLACE, drawn_classes, jpeg_with_place, scratch, trial, weights,
        zip::{Packed, zip},
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("project_files::a_head_survives_its_worker", a_head_survives_its_worker),
        trial("project_files::a_file_holds_it_all", a_file_holds_it_all),
        trial("project_files::the_api_opens_them", the_api_opens_them),
        trial("project_files::damaged_files_are_refused", damaged_files_are_refused),
        trial("project_files::samples_become_photos", samples_become_photos),
        trial("project_files::writing_can_be_cancelled", writing_can_be_cancelled),
    ]
}

/// What every test does first: a client beside the page's own, and the drawn classes as the page would keep them.
const PRELUDE: &str = "
  const { EngineClient } = await import(new URL('./www/engine/client.js', location.href));
  const client = async (classes, oneView = true) => {
    const made = new EngineClient({ backend: 'cpu', oneView, oneWorker: true }, () => classes);
    const ready = new Promise((resolve, reject) => {
      made.addEventListener('ready', ({ detail }) => resolve(detail));
      made.addEventListener('failed', ({ detail }) => reject(detail));
    });
    made.start();
    return { client: made, info: await ready };
  };
  const blob = async (path) => (await fetch(new URL(`/photos/${path}`, location.href))).blob();
  const photo = async (engine, path) => {
    const { picture } = await engine.prepare({ kind: 'file', file: await blob(path) });
    const { embedding } = await engine.embed(picture);
    return { name: path, picture, embedding };
  };
  const learnt = async (method) => {
    const support = [];
    const { client: engine, info } = await client(support);
    const classes = [];
    let id = 0;
    for (const name of ['disc', 'stripes', 'checks']) {
      const shots = [];
      for (const variant of [0, 1, 2]) shots.push(await photo(engine, `classes/${name}/${variant}.png`));
      support.push({ id: classes.length, active: true, shots: shots.map(({ embedding }) => ({ id: ++id, embedding })) });
      classes.push({ name, named: true, hue: classes.length, active: true, shots });
    }
    await engine.setSupport();
    await engine.train({ method, steps: 20 }, [], {});
    const { file: head } = await engine.headFile();
    const query = await photo(engine, 'new-stripes.png');
    const said = await engine.predict([{ id: 99, ...query }]);
    const project = {
      name: 'Drawn', created: '2026-01-02T03:04:05.678Z', updated: '2026-01-02T03:04:05.678Z',
      network: info.network.identity, options: { steps: 20 }, method, threshold: 0.25, classes,
      tests: [{ ...query, class: 1 }, { ...(await photo(engine, 'here.jpg')), embedding: null, class: null }],
    };
    return { engine, support, head, query, said, project };
  };
  const code = (promise) => promise.then(() => 'accepted', (error) => error.code);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
";

/// The page, with drawn classes to fetch.
fn stage(name: &str) -> Result<(Stage, Drawn), Failed> {
    let folder = scratch(name);
    let drawn = drawn_classes(&folder)?;
    fs::write(folder.join("here.jpg"), jpeg_with_place())?;
    let stage = Stage::on_cpu()?;
    stage.server.mount("/photos", &folder);
    Ok((stage, drawn))
}

fn run<T: for<'de> Deserialize<'de>>(stage: &Stage, script: &str) -> Result<T, Failed> {
    Ok(stage.page.eval(&format!("(async () => {{ {PRELUDE} {script} }})()"))?)
}

fn a_head_survives_its_worker() -> Outcome {
    let (stage, _) = stage("project-head")?;
    for method in ["finetune", "nearest", "siamese", "cosine-metric"] {
        let script = format!(
            "const before = await learnt('{method}');
             const {{ client: engine }} = await client(before.support);
             const nothing = await engine.headFile();
             const {{ method }} = await engine.restoreHead(before.head);
             const said = await engine.predict([{{ id: 99, ...before.query }}]);
             const again = await engine.headFile();
             before.support[0].shots.pop();
             await engine.setSupport();
             const stale = await code(engine.restoreHead(before.head));
             const cut = await code(engine.restoreHead(before.head.slice(0, 60)));
             const left = await engine.headFile();
             return [nothing.file === null, method, same(said, before.said), again.file.length === before.head.length,
               stale, cut, left.file === null];"
        );
        let found: (bool, String, bool, bool, String, String, bool) = run(&stage, &script)?;
        let expected = (
            true,
            method.into(),
            true,
            true,
            "stale-head".into(),
            "model".into(),
            true,
        );
        assert_eq!(found, expected);
    }
    stage.assert_quiet()?;
    Ok(())
}

fn a_file_holds_it_all() -> Outcome {
    let (stage, drawn) = stage("project-file")?;
    let script = "
      const before = await learnt('finetune');
      const told = [];
      const { file } = await before.engine.writeProject(before.project, before.head, { onProgress: (progress) => told.push(progress) });
      const { client: engine } = await client([]);
      const { project, head } = await engine.readProject(file);
      const photos = ({ classes, tests }) => [...classes.flatMap(({ shots }) => shots), ...tests];
      const plain = (value) => JSON.parse(JSON.stringify(value, (key, value) =>
        ['picture', 'embedding', 'photo', 'schema', 'app', 'views'].includes(key) ? undefined : value));
      const sorted = (value) => JSON.stringify(plain(value), (key, value) =>
        value && typeof value === 'object' && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort()) : value);
      let equal = sorted(project) === sorted(before.project) && project.views === 1 && project.schema === 1;
      const pixels = async (blob) => {
        const bitmap = await createImageBitmap(blob);
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
        context.drawImage(bitmap, 0, 0);
        return [...context.getImageData(0, 0, bitmap.width, bitmap.height).data].join();
      };
      for (const [index, photo] of photos(project).entries()) {
        const original = photos(before.project)[index];
        equal &&= String(photo.embedding) === String(original.embedding) && (await pixels(photo.picture)) === (await pixels(original.picture));
      }
      const support = project.classes.map(({ shots }, id) => ({ id, active: true,
        shots: shots.map(({ embedding }, index) => ({ id: id * 3 + index + 1, embedding })) }));
      const { client: restored } = await client(support);
      const { method } = await restored.restoreHead(head);
      const said = await restored.predict([{ id: 99, ...before.query }]);
      return { equal, method, same: same(said, before.said), told: told.at(-1),
        probability: said[0].scores[1].probability, bytes: [...new Uint8Array(await file.arrayBuffer())] };";
    #[derive(Deserialize)]
    struct Found {
        equal: bool,
        method: String,
        same: bool,
        told: serde_json::Value,
        probability: f32,
        bytes: Vec<u8>,
    }
    let found: Found = run(&stage, script)?;
    assert!(found.equal, "what was read is what was written");
    assert!(found.same && found.method == "finetune");
    assert_eq!(found.told, serde_json::json!({"done": 11, "total": 11}));
    let holds = |part: &[u8]| found.bytes.windows(part.len()).any(|window| window == part);
    assert!(
        !holds(PLACE) && !holds(b"Exif") && !holds(b"eXIf"),
        "no place travels along"
    );

    let file = scratch("project-of-page").join("drawn.glimpse");
    fs::write(&file, &found.bytes)?;
    let photo = &drawn.queries[1].1;
    let said = Command::new(env!("CARGO_BIN_EXE_glimpse"))
        .args(["predict", "--weights"])
        .args([weights(), &file, photo])
        .output()?;
    let line = String::from_utf8(said.stdout)?;
    let best = line
        .split('\t')
        .nth(1)
        .ok_or_else(|| String::from_utf8_lossy(&said.stderr).into_owned())?;
    let percent: f32 = best.trim_start_matches("stripes ").trim_end_matches(" %").parse()?;
    assert!(
        (percent - 100.0 * found.probability).abs() < 1.0,
        "{line} {}",
        found.probability
    );
    stage.assert_quiet()?;
    Ok(())
}

fn damaged_files_are_refused() -> Outcome {
    let (stage, _) = stage("project-damaged")?;
    let script = "
      const { engine, project, head, query, said } = await learnt('finetune');
      const { file } = await engine.writeProject(project, head);
      const codes = [];
      for (const damaged of [
        file.slice(0, file.size / 2),
        new Blob(['no archive']),
        new Blob([]),
        new Blob([file.slice(0, 5000), new Uint8Array(40), file.slice(5040)]),
      ]) codes.push(await code(engine.readProject(damaged)));
      codes.push(await code(engine.writeProject({ ...project, network: 'other' }, head)));
      codes.push(await code(engine.writeProject({ ...project, threshold: 7 }, head)));
      codes.push(await code(engine.writeProject({ ...project, tests: [{ name: '', picture: new Blob(['text']), embedding: null, class: null }] }, head)));
      codes.push(same(await engine.predict([{ id: 99, ...query }]), said) ? 'as before' : 'changed');
      return codes;";
    let codes: Vec<String> = run(&stage, script)?;
    let expected = [
        "project-format",
        "project-format",
        "project-format",
        "project-damaged",
        "model-network",
        "project-damaged",
        "project-damaged",
        "as before",
    ];
    assert_eq!(codes, expected);
    stage.assert_quiet()?;
    Ok(())
}

/// With what was trained where it was made by the network that runs, and without where not.
fn the_api_opens_them() -> Outcome {
    let (stage, _) = stage("project-api")?;
    let script = "
      const { Classifier } = await import(new URL('./www/api.js', location.href));
      const before = await learnt('finetune');
      const { client: full } = await client(before.support, false);
      await full.restoreHead(before.head);
      const [expected] = await full.predict([{ id: 99, ...(await photo(full, 'new-stripes.png')) }]);
      const ask = async (project, head) => {
        const { file } = await before.engine.writeProject(project, head);
        const classifier = await Classifier.fromProject(file, { backend: 'cpu' });
        try {
          return [classifier.classes, await classifier.classify(await blob('new-stripes.png'))];
        } finally {
          classifier.close();
        }
      };
      const [classes, own] = await ask(before.project, before.head);
      const [, foreign] = await ask({ ...before.project, network: 'f'.repeat(64), method: null }, null);
      const said = (answer) => ['disc', 'stripes', 'checks'].map((name) => answer.scores.find(({ label }) => label === name).probability);
      const exact = expected.scores.map(({ probability }) => probability);
      const refused = await code(Classifier.fromProject(new Blob(['no project']), { backend: 'cpu' }));
      return [classes, same(said(own), exact), same(said(foreign), exact), foreign.scores[0].label, refused];";
    let found: (Vec<String>, bool, bool, String, String) = run(&stage, script)?;
    let classes = ["disc", "stripes", "checks"].map(str::to_owned).to_vec();
    assert_eq!(found, (classes, true, false, "stripes".into(), "project-format".into()));
    stage.assert_quiet()?;
    Ok(())
}

fn samples_become_photos() -> Outcome {
    let (stage, drawn) = stage("project-samples")?;
    let photo = fs::read(&drawn.queries[0].1)?;
    let files = ["Cats-!-0.png", "Dogs-!-0", "manifest.json"].map(|name| Packed::deflated(name, &photo));
    let folder = scratch("project-samples-file");
    fs::write(folder.join("project.tm"), zip(&files, None))?;
    let loose = ["0.png", "1.png"].map(|name| Packed::stored(name, &photo));
    fs::write(folder.join("Owls.zip"), zip(&loose, None))?;
    stage.server.mount("/samples", &folder);
    let script = "
      const { client: engine } = await client([]);
      const found = [];
      for (const name of ['project.tm', 'Owls.zip']) {
        const bytes = await (await fetch(new URL(`/samples/${name}`, location.href))).blob();
        const { samples } = await engine.readProject(new File([bytes], name));
        for (const { className, name, file } of samples) {
          const { picture } = await engine.prepare({ kind: 'file', file });
          found.push(`${className} ${name} ${picture.type}`);
        }
      }
      return found;";
    let found: Vec<String> = run(&stage, script)?;
    let expected =
        ["Cats Cats-!-0.png", "Dogs Dogs-!-0", "Owls 0.png", "Owls 1.png"].map(|photo| format!("{photo} image/png"));
    assert_eq!(found, expected);
    stage.assert_quiet()?;
    Ok(())
}

fn writing_can_be_cancelled() -> Outcome {
    let (stage, _) = stage("project-cancelled")?;
    let script = "
      const { engine, project, head } = await learnt('nearest');
      const writing = new AbortController();
      const written = code(engine.writeProject(project, head, { signal: writing.signal, onProgress: () => writing.abort() }));
      const { file } = await engine.writeProject(project, head);
      const reading = new AbortController();
      const read = code(engine.readProject(file, { signal: reading.signal, onProgress: () => reading.abort() }));
      return [await written, await read, (await engine.readProject(file)).project.classes.length];";
    let found: (String, String, usize) = run(&stage, script)?;
    assert_eq!(found, ("cancelled".into(), "cancelled".into(), 3));
    stage.assert_quiet()?;
    Ok(())
}
