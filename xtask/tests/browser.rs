//! Chromium and the DevTools client on a small page of their own: what is recorded, and that input is real input.

use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use xtask::cdp::{Level, Network, Page, Permission};
use xtask::chrome::Chrome;
use xtask::server::Server;

const LIMIT: Duration = Duration::from_secs(30);

const PAGE: &str = r#"<!doctype html><title>small</title><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>body { margin: 0 } #below { margin-top: 3000px }</style>
<input id="text"><input id="files" type="file" multiple><div id="zone" style="height: 50px">drop</div>
<button id="below">press</button><button id="covered" style="position:fixed;right:0;top:0">x</button>
<div style="position:fixed;right:0;top:0;width:50px;height:50px"></div>
<script type="module" src="page.js"></script>"#;

const SCRIPT: &str = r#"
window.events = [];
const note = (name) => (event) => window.events.push(`${name}:${event.isTrusted}`);
document.querySelector('#below').addEventListener('click', note('click'));
document.querySelector('#text').addEventListener('keydown', (event) => window.events.push(event.key));
const zone = document.querySelector('#zone');
zone.addEventListener('dragover', (event) => event.preventDefault());
zone.addEventListener('drop', (event) => {
  event.preventDefault();
  window.dropped = [...event.dataTransfer.files].map((file) => file.name);
});
console.log('page', { a: 1 });
const worker = new Worker('worker.js', { type: 'module' });
worker.onmessage = (event) => { window.fromWorker = event.data; };
"#;

const WORKER: &str = r#"
console.error('worker says', 7);
self.answer = 42;
new Worker('inner.js', { type: 'module' });
postMessage('started');
setTimeout(() => { throw new Error('worker throws'); });
"#;

struct Stage {
    // Dropped in this order: the page before its browser.
    page: Page,
    _chrome: Chrome,
    server: Server,
    dir: TempDir,
}

fn stage() -> Stage {
    stage_with(Chrome::start().unwrap())
}

fn stage_with(chrome: Chrome) -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let files = [
        ("index.html", PAGE),
        ("page.js", SCRIPT),
        ("worker.js", WORKER),
        ("inner.js", "self.inner = true;"),
    ];
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let server = Server::start(dir.path()).unwrap();
    let page = chrome.connect().unwrap().new_page().unwrap();
    page.goto(&server.url("/")).unwrap();
    page.wait_for("window.fromWorker", LIMIT).unwrap();
    Stage {
        page,
        _chrome: chrome,
        server,
        dir,
    }
}

fn png_size(file: &Path) -> (u32, u32) {
    let bytes = fs::read(file).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// Reads until the page's workers have said something.
fn wait_for_problem(page: &Page, text: &str) -> xtask::cdp::Message {
    for _ in 0..200 {
        if let Some(found) = page
            .problems()
            .unwrap()
            .into_iter()
            .find(|problem| problem.text.contains(text))
        {
            return found;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{text} was never reported: {:?}", page.problems().unwrap());
}

#[test]
fn errors_of_page_and_workers_are_recorded() {
    let stage = stage();
    let said = wait_for_problem(&stage.page, "worker says 7");
    assert_eq!(said.level, Level::Error);
    assert!(said.location.contains("/worker.js"), "{said}");
    let thrown = wait_for_problem(&stage.page, "worker throws");
    assert!(thrown.to_string().contains("/worker.js"), "{thrown}");
    let info = stage.page.messages().unwrap();
    assert!(
        info.iter()
            .any(|message| message.level == Level::Info && message.text.starts_with("page ")),
        "{info:?}"
    );

    let _: () = stage.page.eval("void fetch('missing')").unwrap();
    let missing = wait_for_problem(&stage.page, "404");
    assert!(missing.location.ends_with("/missing"), "{missing}");
    stage.page.forget_message("404").unwrap();
    let left = stage.page.problems().unwrap();
    assert!(!left.iter().any(|problem| problem.text.contains("404")), "{left:?}");
    let _: () = stage
        .page
        .eval("void setTimeout(() => { throw new Error('page throws') })")
        .unwrap();
    wait_for_problem(&stage.page, "page throws");
}

#[test]
fn expressions_are_evaluated_in_page_and_workers() {
    let stage = stage();
    let page = &stage.page;
    assert_eq!(page.eval::<Vec<u32>>("Promise.resolve([1, 2, 3])").unwrap(), [1, 2, 3]);
    assert_eq!(page.eval::<String>("document.title").unwrap(), "small");
    let error = page
        .eval::<u32>("(() => { throw new TypeError('no such thing') })()")
        .unwrap_err()
        .to_string();
    assert!(error.contains("TypeError: no such thing"), "{error}");
    assert!(page.eval::<u32>("'text'").is_err());

    let until = std::time::Instant::now() + LIMIT;
    while page.workers().unwrap().len() < 2 && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(25));
    }
    let workers = page.workers().unwrap();
    let named = |name: &str| workers.iter().find(|worker| worker.url().ends_with(name)).unwrap();
    assert_eq!(named("worker.js").eval::<u32>("self.answer").unwrap(), 42);
    // A worker can be spoken to before its script has run, and before it has anything to answer with.
    let has_run = || {
        named("inner.js")
            .eval::<bool>("self.inner !== undefined")
            .unwrap_or(false)
    };
    while !has_run() && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(25));
    }
    assert!(has_run());
    let requests = page.requests().unwrap();
    for name in ["/page.js", "/worker.js"] {
        assert!(requests.iter().any(|url| url.ends_with(name)), "{name} in {requests:?}");
    }

    page.reload().unwrap();
    page.wait_for("window.fromWorker", LIMIT).unwrap();
}

#[test]
fn waiting_says_what_was_not_true() {
    let stage = stage();
    let error = stage
        .page
        .wait_for("window.nothing.here", Duration::from_millis(200))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("window.nothing.here") && error.contains("TypeError"),
        "{error}"
    );
}

#[test]
fn a_command_that_is_not_answered_ends() {
    let mut stage = stage();
    stage.page.set_timeout(Duration::from_millis(300));
    let error = stage.page.eval::<()>("new Promise(() => {})").unwrap_err().to_string();
    assert!(error.contains("no answer"), "{error}");
}

#[test]
fn input_is_real_input() {
    let stage = stage();
    let page = &stage.page;
    page.click("#below").unwrap();
    page.wait_for("events.includes('click:true')", LIMIT).unwrap();
    let covered = page.click("#covered").unwrap_err().to_string();
    assert!(covered.contains("is covered by <div"), "{covered}");
    assert!(
        page.click("#none")
            .unwrap_err()
            .to_string()
            .contains("no element matches")
    );

    page.click("#text").unwrap();
    page.type_text("five ").unwrap();
    page.press_key("X").unwrap();
    page.press_key("Escape").unwrap();
    assert_eq!(
        page.eval::<String>("document.querySelector('#text').value").unwrap(),
        "five X"
    );
    page.wait_for("events.includes('Escape')", LIMIT).unwrap();
    page.press_key("Shift+Tab").unwrap();

    let files = [stage.dir.path().join("page.js"), stage.dir.path().join("worker.js")];
    page.set_files("#files", &files).unwrap();
    let names: Vec<String> = page
        .eval("[...document.querySelector('#files').files].map((f) => f.name)")
        .unwrap();
    assert_eq!(names, ["page.js", "worker.js"]);
    page.drop_files("#zone", &files).unwrap();
    page.wait_for("window.dropped", LIMIT).unwrap();
    assert_eq!(page.eval::<Vec<String>>("dropped").unwrap(), ["page.js", "worker.js"]);
}

#[test]
fn viewport_colours_and_screenshots() {
    let stage = stage();
    let page = &stage.page;
    page.set_viewport(390, 844, 2.0, true).unwrap();
    page.set_color_scheme("dark").unwrap();
    assert!(
        page.eval::<bool>("matchMedia('(prefers-color-scheme: dark)').matches")
            .unwrap()
    );
    assert_eq!(page.eval::<u32>("innerWidth").unwrap(), 390);
    let file = stage.dir.path().join("shots/phone.png");
    page.screenshot(&file).unwrap();
    assert_eq!(png_size(&file), (780, 1688));
}

#[test]
fn the_network_can_be_cut() {
    let stage = stage();
    let page = &stage.page;
    let workers = page.workers().unwrap();
    let fetched = format!(
        "fetch('{}').then(() => true, () => false)",
        stage.server.url("/page.js")
    );
    assert!(page.eval::<bool>(&fetched).unwrap());
    page.set_network(Network {
        offline: true,
        ..Network::default()
    })
    .unwrap();
    assert!(!page.eval::<bool>(&fetched).unwrap());
    assert!(!workers[0].eval::<bool>(&fetched).unwrap());
    page.set_network(Network::default()).unwrap();
    assert!(page.eval::<bool>(&fetched).unwrap());
}

#[test]
fn the_camera_is_granted_or_denied() {
    let chrome = Chrome::builder()
        .flag("--use-fake-device-for-media-stream")
        .start()
        .unwrap();
    let stage = stage_with(chrome);
    let page = &stage.page;
    let camera = "navigator.mediaDevices.getUserMedia({ video: true }).then(() => 'yes', (error) => error.name)";
    page.set_permission(&stage.server.origin(), "camera", Permission::Denied)
        .unwrap();
    assert_eq!(page.eval::<String>(camera).unwrap(), "NotAllowedError");
    page.set_permission(&stage.server.origin(), "camera", Permission::Granted)
        .unwrap();
    assert_eq!(page.eval::<String>(camera).unwrap(), "yes");
}

#[test]
fn held_workers_hide_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = Server::start(tempfile::tempdir().unwrap().path()).unwrap();
    let fetch = |from: &str| format!("fetch('{}', {{ mode: 'no-cors' }})", elsewhere.url(from));
    let page = format!(
        "<!doctype html><link rel='icon' href='data:,'><script type='module'>
         {}; new Worker('worker.js'); navigator.serviceWorker.register('sw.js');</script>",
        fetch("page")
    );
    let worker = format!("{}; new Worker('inner.js');", fetch("worker"));
    let service = format!("oninstall = (event) => event.waitUntil({})", fetch("service-worker"));
    for (name, text) in [
        ("index.html", page),
        ("worker.js", worker),
        ("inner.js", fetch("inner")),
        ("sw.js", service),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let server = Server::start(dir.path()).unwrap();
    let chrome = Chrome::start().unwrap();
    let page = chrome.connect().unwrap().new_page().unwrap();
    page.hold_workers().unwrap();
    page.goto(&server.url("/")).unwrap();
    page.wait_for("navigator.serviceWorker.ready", LIMIT).unwrap();
    for from in ["page", "worker", "inner", "service-worker"] {
        let address = elsewhere.url(from);
        let until = std::time::Instant::now() + LIMIT;
        while !page.requests().unwrap().contains(&address) {
            assert!(std::time::Instant::now() < until, "{from} was never seen");
            std::thread::sleep(Duration::from_millis(25));
        }
    }
}

#[test]
fn a_kept_profile_keeps_its_storage_and_other_pages_see_none_of_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("index.html"),
        "<!doctype html><link rel='icon' href='data:,'>",
    )
    .unwrap();
    let server = Server::start(dir.path()).unwrap();
    let profile = dir.path().join("profile");
    let start = || Chrome::builder().profile(&profile).start().unwrap();

    let chrome = start();
    let page = chrome.connect().unwrap().new_page_in_profile().unwrap();
    page.goto(&server.url("/")).unwrap();
    let _: () = page.eval("localStorage.setItem('kept', 'yes')").unwrap();
    drop(page);
    chrome.close().unwrap();

    let chrome = start();
    let page = chrome.connect().unwrap().new_page_in_profile().unwrap();
    page.goto(&server.url("/")).unwrap();
    assert_eq!(page.eval::<String>("localStorage.getItem('kept')").unwrap(), "yes");
    let other = chrome.connect().unwrap().new_page().unwrap();
    other.goto(&server.url("/")).unwrap();
    assert_eq!(
        other.eval::<Option<String>>("localStorage.getItem('kept')").unwrap(),
        None
    );
}

#[test]
fn an_address_that_nobody_serves_is_an_error() {
    let chrome = Chrome::start().unwrap();
    let page = chrome.connect().unwrap().new_page().unwrap();
    let error = page.goto("http://127.0.0.1:9/").unwrap_err().to_string();
    assert!(error.contains("ERR_"), "{error}");
}
