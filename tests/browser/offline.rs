//! A packed page opens without a network from its second visit on, by one version of its files at a time: while a new one is
//! published, after it, and where it arrives damaged. Every test packs the working tree as `cargo xtask dist` does.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use xtask::{
    chrome::Chrome,
    dist, links,
    server::{Fault, Server},
};

use crate::{
    recovery::SPOIL,
    stage::{PATIENCE, Stage, packed},
    support::{Outcome, drawn_classes, root, scratch, trial, weights},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "offline::a_second_visit_needs_no_network",
            a_second_visit_needs_no_network,
        ),
        trial("offline::the_module_in_use_is_kept", the_module_in_use_is_kept),
        trial("offline::versions_never_mix", versions_never_mix),
        trial("offline::all_tabs_change_together", all_tabs_change_together),
        trial(
            "offline::a_damaged_version_is_never_used",
            a_damaged_version_is_never_used,
        ),
        trial(
            "offline::a_first_visit_during_a_publication_is_told",
            a_first_visit_during_a_publication_is_told,
        ),
        trial(
            "offline::without_a_release_the_service_worker_leaves",
            without_a_release_the_service_worker_leaves,
        ),
        trial("offline::an_insecure_page_does_without", an_insecure_page_does_without),
        trial("offline::the_page_can_be_installed", the_page_can_be_installed),
        trial("offline::dist_tries_out_what_it_packs", dist_tries_out_what_it_packs),
    ]
}

/// Whether the page tells of a new version.
const NOTICE: &str =
    "[...document.querySelectorAll('#toasts .toast')].some((toast) => toast.textContent.includes('new version'))";

/// A version that can be told from others: by the page's title, in its worker, and by the larger module.
fn version(name: &str) -> Result<PathBuf> {
    packed(&format!("packed-{name}"), |folder| {
        change(
            folder,
            "www/strings/en.js",
            "title: 'Glimpse'",
            &format!("title: 'Glimpse {name}'"),
        )?;
        append(folder, "www/engine/worker.js", &format!("self.release = '{name}';\n"))?;
        append(folder, "pkg/burn/glimpse.js", &format!("// {name}\n"))
    })
}

fn change(folder: &Path, file: &str, from: &str, to: &str) -> Result<()> {
    let file = folder.join(file);
    let text = fs::read_to_string(&file)?;
    anyhow::ensure!(text.contains(from), "{} has no {from}", file.display());
    Ok(fs::write(&file, text.replacen(from, to, 1))?)
}

fn append(folder: &Path, file: &str, more: &str) -> Result<()> {
    let file = folder.join(file);
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    Ok(fs::write(&file, text + more)?)
}

/// Fails unless the page and its worker are of this version.
fn assert_version(stage: &Stage, name: &str) -> Result<()> {
    stage.wait_for_engine()?;
    let title: String = stage.page.eval("document.title")?;
    let workers = stage.page.workers()?;
    let worker = workers
        .iter()
        .find(|worker| worker.kind() == "worker")
        .context("a worker")?;
    let worker: String = worker.eval("self.release")?;
    assert_eq!((title, worker), (format!("Glimpse {name}"), name.to_owned()));
    Ok(())
}

/// Teaches two classes and asks for a photo: the page works.
fn assert_works(stage: &Stage, folder: &str) -> Outcome {
    let drawn = drawn_classes(&scratch(folder))?;
    stage.teach(&drawn.classes[..2])?;
    let (name, photo) = &drawn.queries[1];
    assert_eq!(&stage.ask(std::slice::from_ref(photo))?[0].winner, name);
    Ok(())
}

/// The hashes of the files that are kept, sorted.
fn kept(stage: &Stage) -> Result<Vec<String>> {
    stage.page.eval(
        "caches.open('/glimpse/:files')
           .then((cache) => cache.keys())
           .then((keys) => keys.map(({ url }) => url.split('/').at(-1)).sort())",
    )
}

/// The hashes of the files that the published version lists and every visitor needs, sorted.
fn listed(stage: &Stage) -> Result<Vec<String>> {
    stage.page.eval(
        "fetch('./sw.js').then((response) => response.text()).then((text) => {
           const { files } = JSON.parse(/^const RELEASE = (.*);$/m.exec(text)[1]);
           const needed = (path) => !/\\/(burn|plain)\\//.test(path) && !/^weights\\/(?!manifest)/.test(path);
           return [...new Set(Object.keys(files).filter(needed).map((path) => files[path]))].sort();
         })",
    )
}

/// The name of a packed folder of code: `www` or `pkg` with the version.
fn code(folder: &Path, name: &str) -> Result<String> {
    for entry in fs::read_dir(folder)? {
        let found = entry?.file_name().to_string_lossy().into_owned();
        if found.starts_with(&format!("{name}-")) {
            return Ok(found);
        }
    }
    anyhow::bail!("{} has no {name}", folder.display())
}

/// Asks for a new version, and what has become of it once it is installed or given up.
fn update(stage: &Stage) -> Result<String> {
    stage.page.eval(
        "(async () => {
           const registration = await navigator.serviceWorker.getRegistration();
           await registration.update();
           const worker = registration.installing ?? registration.waiting;
           const over = () => !worker || ['installed', 'redundant'].includes(worker.state);
           while (!over()) await new Promise((done) => worker.addEventListener('statechange', done, { once: true }));
           return worker?.state ?? 'none';
         })()",
    )
}

fn a_second_visit_needs_no_network() -> Outcome {
    let stage = Stage::set_packed(&packed("packed-offline", |_| Ok(()))?)?;
    stage.open("cpu")?;
    stage.wait_until_offline()?;
    stage.server.set_offline(true);
    for _ in 0..2 {
        stage.page.reload()?;
        stage.wait_for_engine()?;
    }
    assert_works(&stage, "offline-photos")?;
    stage.train()?;
    stage.server.set_offline(false);
    assert_eq!(kept(&stage)?, listed(&stage)?, "the larger module is not among them");
    stage.assert_quiet()?;
    Ok(())
}

fn the_module_in_use_is_kept() -> Outcome {
    let stage = Stage::set_packed(&packed("packed-burn", |_| Ok(()))?)?;
    stage.open_quick("candle")?;
    stage.wait_until_offline()?;
    stage.wait(
        "caches.open('/glimpse/:files')
           .then((cache) => cache.keys())
           .then((keys) => keys.filter(({ url }) => url.includes('/burn/')).length === 2)",
    )?;
    stage.server.set_offline(true);
    stage.page.reload()?;
    stage.wait_for_engine()?;
    assert_eq!(
        stage.page.eval::<String>("document.documentElement.dataset.backend")?,
        "candle"
    );
    stage.assert_quiet()?;
    Ok(())
}

fn versions_never_mix() -> Outcome {
    let (one, two) = (version("one")?, version("two")?);
    let stage = Stage::set_packed(&one)?;
    stage.open("cpu")?;
    stage.wait_until_offline()?;
    let strangers = ["/:files", "/glimpse/inner/:files", "/other/:weights", "mine"];
    let _: Value = stage.page.eval(&format!(
        "Promise.all({}.map((name) => caches.open(name))).then(() => true)",
        json!(strangers)
    ))?;
    assert!(!stage.page.eval::<bool>(NOTICE)?);

    stage.server.mount("/", &two);
    stage.page.reload()?;
    assert_version(&stage, "one")?;
    stage.wait(NOTICE)?;
    // It works on with its own files: those that it has, in a worker that starts now, and none that have changed since.
    let workers = stage.page.workers()?;
    let worker = workers
        .iter()
        .find(|worker| worker.kind() == "worker")
        .ok_or("a worker")?;
    assert!(worker.eval::<bool>(SPOIL)?);
    assert_works(&stage, "versions-photos")?;
    assert_version(&stage, "one")?;
    let module = format!("/glimpse/{}/glimpse.js", code(&one, "pkg")? + "/burn");
    stage
        .server
        .fault(&module, Fault::Replace(b"export default 1".to_vec()));
    let fetched: String = stage
        .page
        .eval(&format!("fetch('{module}').then(() => 'given', () => 'refused')"))?;
    assert_eq!(fetched, "refused");
    // Of that the service worker tells, and the page.
    for text in ["resulted in a network error response", "net::ERR_FAILED"] {
        stage.page.forget_message(text)?;
    }

    stage.page.click("#toasts .toast-undo")?;
    stage.wait("document.title === 'Glimpse two'")?;
    assert_version(&stage, "two")?;
    assert!(!stage.page.eval::<bool>(NOTICE)?);
    let names: Vec<String> = stage.page.eval("caches.keys().then((names) => names.sort())")?;
    let mut expected = [strangers.as_slice(), &["/glimpse/:files", "/glimpse/:weights"]].concat();
    expected.sort_unstable();
    assert_eq!(names, expected, "what belongs to others is left alone");
    assert_eq!(kept(&stage)?, listed(&stage)?, "one version is left");

    stage.server.set_offline(true);
    stage.page.reload()?;
    assert_version(&stage, "two")?;
    // That the refused file could not be loaded the browser may tell a second time, later.
    let refused = |text: &str| text.contains("net::ERR_FAILED") && text.contains(&module);
    let mut problems = stage.page.problems()?;
    problems.retain(|problem| !refused(&problem.to_string()));
    assert_eq!(problems, []);
    Ok(())
}

fn all_tabs_change_together() -> Outcome {
    let (one, two) = (version("one-tabs")?, version("two-tabs")?);
    let stage = Stage::set_packed(&one)?;
    stage.open("cpu")?;
    stage.wait_until_offline()?;
    let other = stage.another_tab()?.page;
    other.goto(&stage.server.url("/index.html?backend=cpu"))?;
    other.wait_for("document.documentElement.dataset.engine === 'ready'", PATIENCE)?;
    stage.server.mount("/", &two);
    assert_eq!(update(&stage)?, "installed");
    other.wait_for(NOTICE, PATIENCE)?;
    stage.wait(NOTICE)?;
    other.click("#toasts .toast-undo")?;
    stage.wait("document.title === 'Glimpse two-tabs'")?;
    other.wait_for("document.title === 'Glimpse two-tabs'", PATIENCE)?;
    assert_version(&stage, "two-tabs")?;
    stage.assert_quiet()?;
    Ok(())
}

fn a_damaged_version_is_never_used() -> Outcome {
    let (one, two) = (version("one-damaged")?, version("two-damaged")?);
    let stage = Stage::set_packed(&one)?;
    stage.open("cpu")?;
    stage.wait_until_offline()?;
    let before = kept(&stage)?;
    stage.server.mount("/", &two);
    let worker = code(&two, "www")? + "/engine/worker.js";
    let file = two.join(&worker);
    let whole = fs::read(&file)?;
    for damaged in [&whole[..whole.len() - 1], b"", &[whole.as_slice(), b" "].concat()] {
        fs::write(&file, damaged)?;
        assert_eq!(update(&stage)?, "redundant", "{} bytes", damaged.len());
    }
    fs::write(&file, &whole)?;
    for fault in [Fault::Status(500), Fault::Cut(100), Fault::Replace(b"no".to_vec())] {
        stage.server.fault(&format!("/glimpse/{worker}"), fault.clone());
        assert_eq!(update(&stage)?, "redundant", "{fault:?}");
    }
    stage.page.reload()?;
    assert_version(&stage, "one-damaged")?;
    assert!(!stage.page.eval::<bool>(NOTICE)?);
    assert!(kept(&stage)?.len() >= before.len());

    stage.server.clear_faults();
    assert_eq!(update(&stage)?, "installed");
    stage.wait(NOTICE)?;
    Ok(())
}

/// The page came in one version, and the next one was there when the service worker came.
fn a_first_visit_during_a_publication_is_told() -> Outcome {
    let (one, two) = (version("one-first")?, version("two-first")?);
    let stage = Stage::set_packed(&one)?;
    let weights = "/glimpse/weights/resnet18.compact";
    stage.server.fault(weights, Fault::Delay(Duration::from_secs(3)));
    stage.page.goto(&stage.server.url("/index.html?backend=cpu"))?;
    while !stage.server.requests().iter().any(|path| path == weights) {
        stage.wait("true")?;
    }
    stage.server.mount("/", &two);
    stage.wait(NOTICE)?;
    assert_version(&stage, "one-first")?;
    assert!(stage.page.eval::<bool>("navigator.serviceWorker.controller === null")?);
    stage.page.click("#toasts .toast-undo")?;
    stage.wait("document.title === 'Glimpse two-first'")?;
    assert_version(&stage, "two-first")?;
    stage.assert_quiet()?;
    Ok(())
}

/// A packed folder was served here once, and now it is the repository.
fn without_a_release_the_service_worker_leaves() -> Outcome {
    let stage = Stage::set_packed(&version("packed-once")?)?;
    stage.open("cpu")?;
    stage.wait_until_offline()?;
    stage.server.mount("/", root());
    stage.server.mount("/weights", weights());
    stage.page.reload()?;
    stage.wait(
        "document.querySelector(\"script[src='./www/main.js']\") && document.documentElement.dataset.engine === 'ready'",
    )?;
    stage.wait("navigator.serviceWorker.getRegistrations().then((all) => all.length === 0)")?;
    assert!(kept(&stage)?.is_empty());
    Ok(())
}

fn an_insecure_page_does_without() -> Outcome {
    let folder = packed("packed-insecure", |_| Ok(()))?;
    let server = Server::builder(&folder).base("/glimpse").guarded().start()?;
    let address = server
        .url("/index.html?backend=cpu")
        .replace("127.0.0.1", "glimpse.test");
    let elsewhere = Chrome::builder().flag("--host-resolver-rules=MAP glimpse.test 127.0.0.1");
    let stage = Stage::set_served(server, elsewhere)?;
    stage.page.goto(&address)?;
    stage.wait_for_engine()?;
    assert!(
        stage
            .page
            .eval::<bool>("!isSecureContext && !('serviceWorker' in navigator)")?
    );
    assert_works(&stage, "insecure-photos")?;
    stage.assert_quiet()?;
    Ok(())
}

fn the_page_can_be_installed() -> Outcome {
    let stage = Stage::set_packed(&packed("packed-install", |_| Ok(()))?)?;
    stage.open("cpu")?;
    stage.wait_until_offline()?;
    let manifest = stage.page.send("Page.getAppManifest", json!({}))?;
    assert_eq!(manifest["errors"], json!([]), "{manifest}");
    assert_eq!(manifest["url"], stage.server.url("/manifest.webmanifest"));
    let errors = stage.page.send("Page.getInstallabilityErrors", json!({}))?;
    assert_eq!(errors["installabilityErrors"], json!([]));
    Ok(())
}

fn dist_tries_out_what_it_packs() -> Outcome {
    let folder = packed("packed-tried", |_| Ok(()))?;
    links::check(&folder)?;
    dist::try_out(&folder)?;
    Ok(())
}
