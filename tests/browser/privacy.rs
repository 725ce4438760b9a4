//! Nothing leaves the page's origin: seen from outside, on the page, its workers and its service worker, and enforced by the
//! policy that comes with every response.

use anyhow::{Context, Result};
use libtest_mimic::Trial;
use serde_json::json;
use xtask::{cdp::Worker, chrome::Chrome, server::Server};

use crate::{
    stage::{Stage, packed},
    support::{Outcome, drawn_classes, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "privacy::a_whole_visit_asks_its_own_origin_alone",
            a_whole_visit_asks_its_own_origin_alone,
        ),
        trial("privacy::what_would_leave_is_stopped", what_would_leave_is_stopped),
        trial(
            "privacy::workers_are_guarded_where_the_host_sends_no_headers",
            workers_are_guarded_where_the_host_sends_no_headers,
        ),
    ]
}

/// The addresses that page and workers asked for, outside of the page's origin.
fn strangers(stage: &Stage) -> Result<Vec<String>> {
    let origin = stage.server.origin() + "/";
    let mut requests = stage.page.requests()?;
    requests.retain(|address| !address.trim_start_matches("blob:").starts_with(&origin));
    Ok(requests)
}

fn worker(stage: &Stage, kind: &str) -> Result<Worker> {
    let workers = stage.page.workers()?;
    workers
        .into_iter()
        .find(|worker| worker.kind() == kind)
        .with_context(|| format!("a {kind}"))
}

fn a_whole_visit_asks_its_own_origin_alone() -> Outcome {
    let stage = Stage::set_packed(&packed("packed-visit", |_| Ok(()))?)?;
    stage.page.hold_workers()?;
    stage.page.send(
        "Emulation.setHardwareConcurrencyOverride",
        json!({"hardwareConcurrency": 2}),
    )?;
    stage.open_quick("cpu")?;
    let drawn = drawn_classes(&scratch("privacy-photos"))?;
    stage.teach(&drawn.classes)?;
    // Enough photos at once for the helper to come.
    let photos = drawn.classes.iter().flat_map(|(_, photos)| photos);
    let many: Vec<_> = photos.cycle().take(16).cloned().collect();
    stage.page.set_files("#test-input", &many)?;
    stage.answers(many.len())?;
    stage.train()?;
    stage.wait_until_offline()?;
    stage.page.reload()?;
    stage.wait_for_engine()?;

    let seen = stage.page.requests()?;
    for path in stage.server.requests() {
        let address = stage.server.origin() + &path;
        assert!(seen.contains(&address), "the watch has missed {path}");
    }
    assert_eq!(strangers(&stage)?, Vec::<String>::new());
    stage.assert_quiet()?;
    Ok(())
}

/// Fetches in a page or worker; gives the directive of the policy that forbids it.
fn fetch(address: &str) -> String {
    format!(
        "new Promise((done, fail) => {{
           self.addEventListener('securitypolicyviolation', ({{ effectiveDirective }}) => done(effectiveDirective));
           fetch('{address}', {{ mode: 'no-cors' }}).then(() => fail(new Error('it was fetched')), () => {{}});
         }})"
    )
}

fn what_would_leave_is_stopped() -> Outcome {
    let stage = Stage::set_packed(&packed("packed-leaves", |_| Ok(()))?)?;
    stage.open_quick("cpu")?;
    stage.wait_until_offline()?;
    let other = Server::start(scratch("privacy-other"))?;
    assert_eq!(stage.page.eval::<String>(&fetch(&other.url("page")))?, "connect-src");
    for kind in ["worker", "service_worker"] {
        let stopped: String = worker(&stage, kind)?.eval(&fetch(&other.url(kind)))?;
        assert_eq!(stopped, "connect-src", "in the {kind}");
    }
    for (directive, load) in [
        ("img-src", "new Image().src = address"),
        ("script-src-elem", "import(address).catch(() => {})"),
        (
            "style-src-elem",
            "document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: address }))",
        ),
        (
            "frame-src",
            "document.body.append(Object.assign(document.createElement('iframe'), { src: address }))",
        ),
        (
            "form-action",
            "document.body.appendChild(Object.assign(document.createElement('form'), { action: address })).submit()",
        ),
        (
            "worker-src",
            "try { new Worker(URL.createObjectURL(new Blob(['1']))) } catch {}",
        ),
    ] {
        let expression = format!(
            "new Promise((done) => {{
               const address = '{}';
               document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective), {{ once: true }});
               {load};
             }})",
            other.url(directive)
        );
        assert_eq!(stage.page.eval::<String>(&expression)?, directive);
    }
    assert_eq!(other.requests(), Vec::<String>::new());
    Ok(())
}

/// The page has its policy in a `<meta>`; workers have none of their own, so the service worker sends it.
fn workers_are_guarded_where_the_host_sends_no_headers() -> Outcome {
    let folder = packed("packed-bare", |_| Ok(()))?;
    let server = Server::builder(&folder).base("/glimpse").start()?;
    let stage = Stage::set_served(server, Chrome::builder())?;
    stage.open_quick("cpu")?;
    stage.wait_until_offline()?;
    let other = Server::start(scratch("privacy-bare-other"))?;
    assert_eq!(stage.page.eval::<String>(&fetch(&other.url("page")))?, "connect-src");
    stage.page.reload()?;
    stage.wait_for_engine()?;
    let worker = worker(&stage, "worker")?;
    assert_eq!(worker.eval::<String>(&fetch(&other.url("worker")))?, "connect-src");
    assert_eq!(other.requests(), Vec::<String>::new());
    Ok(())
}
