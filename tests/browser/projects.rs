//! What a visitor makes is kept: over a reload, a killed browser, a full disk, a second tab. Nothing is lost without a word.

use std::{rc::Rc, thread, time::Duration};

use libtest_mimic::Trial;
use serde_json::json;
use xtask::server::Server;

use crate::{
    stage::{Shown, Stage},
    support::{Drawn, Outcome, drawn_classes, root, scratch, trial, weights},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("projects::a_reload_loses_nothing", a_reload_loses_nothing),
        trial(
            "projects::only_what_is_kept_is_given_back",
            only_what_is_kept_is_given_back,
        ),
        trial(
            "projects::a_killed_browser_loses_nothing",
            a_killed_browser_loses_nothing,
        ),
        trial(
            "projects::deletions_can_be_undone_and_last",
            deletions_can_be_undone_and_last,
        ),
        trial(
            "projects::several_projects_lie_side_by_side",
            several_projects_lie_side_by_side,
        ),
        trial("projects::two_tabs_do_not_mix", two_tabs_do_not_mix),
        trial("projects::saved_is_told_when_all_is", saved_is_told_when_all_is),
        trial(
            "projects::changes_without_a_rest_are_kept",
            changes_without_a_rest_are_kept,
        ),
        trial("projects::a_full_disk_is_told", a_full_disk_is_told),
        trial(
            "projects::a_browser_that_keeps_nothing_is_told",
            a_browser_that_keeps_nothing_is_told,
        ),
        trial(
            "projects::records_of_a_newer_page_are_left_alone",
            records_of_a_newer_page_are_left_alone,
        ),
        trial("projects::a_file_opens_elsewhere", a_file_opens_elsewhere),
        trial(
            "projects::another_network_embeds_what_was_kept_anew",
            another_network_embeds_what_was_kept_anew,
        ),
    ]
}

/// A trained project with one photo to try.
fn work(stage: &Stage, name: &str) -> anyhow::Result<(Drawn, Vec<u32>, Vec<Shown>)> {
    let drawn = drawn_classes(&scratch(name))?;
    let ids = stage.teach(&drawn.classes)?;
    stage.train()?;
    let shown = stage.ask(&[drawn.queries[0].1.clone()])?;
    stage.wait_until_kept()?;
    Ok((drawn, ids, shown))
}

/// Names and counts of the cards.
fn cards(stage: &Stage) -> anyhow::Result<Vec<(String, usize)>> {
    stage.page.eval(
        "[...document.querySelectorAll('.class-card')].map((card) =>
           [card.querySelector('.class-name').value, card.querySelectorAll('.shot').length])",
    )
}

fn reload(stage: &Stage) -> anyhow::Result<()> {
    stage.page.reload()?;
    stage.wait_for_engine()
}

/// Waits until every picture that should be there is seen.
fn wait_for_pictures(stage: &Stage, count: usize) -> anyhow::Result<()> {
    stage.wait(&format!(
        "[...document.querySelectorAll('.shot img')].filter((image) => image.naturalWidth > 0).length === {count}"
    ))
}

fn open_menu(stage: &Stage) -> anyhow::Result<()> {
    if !stage.page.eval::<bool>("document.querySelector('#projects').open")? {
        stage.page.click(".project-summary")?;
    }
    stage.wait("document.querySelector('#projects').open")
}

fn wait_for_cards(stage: &Stage, count: usize) -> anyhow::Result<()> {
    stage.wait(&format!("document.querySelectorAll('.class-card').length === {count}"))
}

/// Counts what the page asks its worker for.
const COUNTS: &str = "globalThis.asked = {};
globalThis.Worker = class extends Worker {
  postMessage(message, transfer) {
    asked[message.op] = (asked[message.op] ?? 0) + 1;
    super.postMessage(message, transfer);
  }
};";

fn a_reload_loses_nothing() -> Outcome {
    let stage = Stage::on_cpu()?;
    stage.page.run_first(COUNTS)?;
    let (drawn, ids, before) = work(&stage, "browser-projects-reload")?;
    assert_eq!(before[0].method, "finetune");
    stage.page.eval::<bool>(
        "(() => {
           const strict = document.querySelector('#strictness');
           strict.value = 30;
           strict.dispatchEvent(new Event('input', { bubbles: true }));
           const steps = document.querySelector('[data-setting=steps]');
           steps.value = 77;
           steps.dispatchEvent(new Event('input', { bubbles: true }));
           return true;
         })()",
    )?;
    stage.page.click(&format!("[data-class-id='{}'] .switch", ids[2]))?;
    stage.page.click(&format!("[data-class-id='{}'] .switch", ids[2]))?;
    stage.wait("document.documentElement.dataset.kept === 'unsaved'")?;
    stage.train()?;
    let before = stage.answers(1)?;
    stage.wait_until_kept()?;
    let seen = cards(&stage)?;
    let requests = stage.server.requests().len();

    reload(&stage)?;
    wait_for_cards(&stage, 3)?;
    assert_eq!(cards(&stage)?, seen);
    wait_for_pictures(&stage, 9)?;
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    assert_eq!(stage.answers(1)?, before);
    let told: u32 = stage.page.eval("asked.addShots ?? 0")?;
    assert!(
        told <= 3,
        "{told} messages for 9 shots: the engine is told a class at a time, for thousands cost more than the shots"
    );
    assert_eq!(
        stage
            .page
            .eval::<String>("document.querySelector('#strictness').value")?,
        "30"
    );
    assert_eq!(
        stage
            .page
            .eval::<String>("document.querySelector('[data-setting=steps]').value")?,
        "77"
    );
    assert!(
        stage.server.requests().len() > requests,
        "the page was really loaded again"
    );

    // It is a project like before: what is added now is kept too.
    stage.add_photos(ids[0], &[drawn.queries[1].1.clone()])?;
    stage.wait_until_kept()?;
    reload(&stage)?;
    stage.wait_for_shots(ids[0], 4)?;
    stage.assert_quiet()?;
    Ok(())
}

/// Counts the buffers that the page gives away.
const GIVEN: &str = "globalThis.given = 0;
const { postMessage } = MessagePort.prototype;
MessagePort.prototype.postMessage = function (message, transfer) {
  given += transfer?.length ?? 0;
  postMessage.call(this, message, transfer);
};";

/// What the page gives away as it leaves, after a change of its work or without one.
fn given(stage: &Stage, returns: bool, changed: Option<u32>) -> anyhow::Result<u32> {
    let change = changed.map_or(String::new(), |class| {
        format!("document.querySelector(\"[data-class-id='{class}'] .switch\").click();")
    });
    stage.page.eval(&format!(
        "(() => {{
           {change}
           dispatchEvent(new PageTransitionEvent('pagehide', {{ persisted: {returns} }}));
           return given;
         }})()"
    ))
}

fn only_what_is_kept_is_given_back() -> Outcome {
    let stage = Stage::set(xtask::chrome::Chrome::builder())?;
    stage.page.run_first(GIVEN)?;
    stage.open_quick("cpu")?;
    let (_, ids, _) = work(&stage, "browser-projects-leave")?;
    assert_eq!(given(&stage, true, None)?, 0, "the page may be shown again as it is");
    assert_eq!(given(&stage, false, Some(ids[2]))?, 0, "the change is not kept yet");
    stage.wait_until_kept()?;
    assert_eq!(given(&stage, false, None)?, 10, "nine shots and a photo to try");
    reload(&stage)?;
    for id in ids {
        stage.wait_for_shots(id, 3)?;
    }
    stage.assert_quiet()?;
    Ok(())
}

fn a_killed_browser_loses_nothing() -> Outcome {
    let server = Rc::new(Server::start(root())?);
    server.mount("/weights", weights());
    let profile = scratch("browser-projects-profile");
    let stage = Stage::with_profile(profile.clone(), Rc::clone(&server))?;
    stage.open_quick("cpu")?;
    let (_, _, before) = work(&stage, "browser-projects-killed")?;
    // Chromium hands what was committed to the system within a moment; a killed process loses nothing of that.
    thread::sleep(Duration::from_secs(1));
    drop(stage); // Killed, not closed.

    let stage = Stage::with_profile(profile, server)?;
    stage.open_quick("cpu")?;
    wait_for_cards(&stage, 3)?;
    wait_for_pictures(&stage, 9)?;
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    assert_eq!(stage.answers(1)?, before);
    stage.assert_quiet()?;
    Ok(())
}

fn deletions_can_be_undone_and_last() -> Outcome {
    let stage = Stage::on_cpu()?;
    let (_, ids, _) = work(&stage, "browser-projects-undo")?;
    // From here on the pictures are the browser's own copies.
    reload(&stage)?;
    wait_for_pictures(&stage, 9)?;

    let shot = format!("[data-class-id='{}'] .shot", ids[0]);
    stage.page.click(&format!("{shot} button"))?;
    stage.wait("document.querySelector('#preview').open")?;
    stage.page.click("#preview-remove")?;
    stage.page.press_key("Escape")?;
    stage.wait(&format!("document.querySelectorAll(\"{shot}\").length === 2"))?;
    stage.wait_until_kept()?;
    // Written as deleted, the photo can still come back.
    stage.page.click(".toast-undo")?;
    stage.wait_for_shots(ids[0], 3)?;
    stage.wait_until_kept()?;
    reload(&stage)?;
    wait_for_pictures(&stage, 9)?;

    stage
        .page
        .click(&format!("[data-class-id='{}'] [aria-label^=Delete]", ids[1]))?;
    wait_for_cards(&stage, 2)?;
    stage.wait_until_kept()?;
    reload(&stage)?;
    wait_for_cards(&stage, 2)?;
    wait_for_pictures(&stage, 6)?;
    stage.assert_quiet()?;
    Ok(())
}

fn several_projects_lie_side_by_side() -> Outcome {
    let stage = Stage::on_cpu()?;
    work(&stage, "browser-projects-several")?;
    let first = cards(&stage)?;
    open_menu(&stage)?;
    stage.page.click("#project-name")?;
    stage.page.press_key("Control+a")?;
    stage.page.type_text("Shapes")?;
    stage.page.press_key("Enter")?;
    stage.wait("document.querySelector('.project-label').textContent === 'Shapes'")?;
    stage.wait_until_kept()?;

    stage.page.click("#new-project")?;
    wait_for_cards(&stage, 2)?;
    stage.wait("document.querySelector('.train').dataset.head === 'none'")?;
    let id = stage.class_ids()?[0];
    stage.rename(id, "spoon")?;
    stage.wait_until_kept()?;

    // A tab finds its own project again.
    reload(&stage)?;
    stage.wait("document.querySelector('.class-name').value === 'spoon'")?;
    open_menu(&stage)?;
    stage.wait("document.querySelectorAll('.project-item').length === 1")?;
    stage.page.click(".project-open")?;
    stage.wait("document.querySelector('.project-label').textContent === 'Shapes'")?;
    assert_eq!(cards(&stage)?, first);
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;

    open_menu(&stage)?;
    stage.wait("document.querySelector('.project-item strong').textContent === 'Untitled project'")?;
    stage.page.click(".project-item [aria-label^=Delete]")?;
    stage.wait("document.querySelectorAll('.project-item').length === 0")?;
    stage.page.click(".toast-undo")?;
    stage.wait("document.querySelectorAll('.project-item').length === 1")?;
    stage.assert_quiet()?;
    Ok(())
}

/// A tab that is out of sight draws nothing, and can be neither clicked nor typed into.
fn to_front(stage: &Stage) -> anyhow::Result<()> {
    stage.page.send("Page.bringToFront", json!({})).map(drop)
}

fn two_tabs_do_not_mix() -> Outcome {
    let server = Rc::new(Server::start(root())?);
    server.mount("/weights", weights());
    let one = Stage::with_profile(scratch("browser-projects-tabs-profile"), server)?;
    one.open_quick("cpu")?;
    let (_, ids, _) = work(&one, "browser-projects-tabs")?;

    let two = one.another_tab()?;
    two.open_quick("cpu")?;
    wait_for_cards(&two, 3)?;
    wait_for_pictures(&two, 9)?;
    one.wait("document.querySelector('#keeping').dataset.code === 'storage-taken'")?;

    to_front(&two)?;
    two.rename(ids[0], "of the second tab")?;
    two.wait_until_kept()?;
    to_front(&one)?;
    one.rename(ids[0], "of the first tab")?;
    one.rename(ids[1], "lost")?;
    // Longer than the page waits before it writes.
    thread::sleep(Duration::from_secs(1));
    to_front(&two)?;
    reload(&two)?;
    wait_for_cards(&two, 3)?;
    assert_eq!(cards(&two)?[0].0, "of the second tab");
    assert_ne!(cards(&two)?[1].0, "lost");

    to_front(&one)?;
    one.page.click("#claim-project")?;
    one.wait("document.querySelector('#keeping').hidden")?;
    assert_eq!(cards(&one)?[0].0, "of the second tab");
    wait_for_pictures(&one, 9)?;
    two.wait("document.querySelector('#keeping').dataset.code === 'storage-taken'")?;
    one.assert_quiet()?;
    two.assert_quiet()?;
    Ok(())
}

/// The refusal is put in the database's place: Chromium takes DevTools' own quota (`Storage.overrideQuotaForOrigin`) without a
/// word and does not keep to it.
fn a_full_disk_is_told() -> Outcome {
    let stage = Stage::on_cpu()?;
    let (drawn, ids, _) = work(&stage, "browser-projects-full")?;
    stage.page.eval::<bool>(
        "(() => {
           const { put } = IDBObjectStore.prototype;
           IDBObjectStore.prototype.put = () => { throw new DOMException('no room', 'QuotaExceededError'); };
           globalThis.makeRoom = () => { IDBObjectStore.prototype.put = put; return true; };
           return true;
         })()",
    )?;
    stage.choose_photos(ids[0], &[drawn.queries[1].1.clone()])?;
    stage.wait("document.querySelector('#keeping').dataset.code === 'storage-full'")?;
    assert!(!stage.page.eval::<bool>("document.querySelector('#keeping').hidden")?);
    stage.wait_for_shots(ids[0], 4)?;
    // What was kept before is still whole, and the page goes on. Once the embedding's own attempt is over, nothing is tried by itself.
    stage
        .page
        .eval::<bool>("new Promise((resolve) => setTimeout(() => resolve(makeRoom()), 1000))")?;
    stage.page.click("#keeping button:last-child")?;
    stage.wait("document.querySelector('#keeping').hidden")?;
    stage.wait_until_kept()?;
    reload(&stage)?;
    stage.wait_for_shots(ids[0], 4)?;
    stage.assert_quiet()?;
    Ok(())
}

/// A change that waits behind a save which takes long is not kept yet.
fn saved_is_told_when_all_is() -> Outcome {
    let stage = Stage::on_cpu()?;
    let (drawn, ids, _) = work(&stage, "browser-projects-slow")?;
    stage.page.eval::<bool>(
        "(() => {
           const { put } = IDBObjectStore.prototype;
           globalThis.saves = 0;
           // The first save takes two seconds, as on a slow disk: until then its transaction is given more to do.
           IDBObjectStore.prototype.put = function (...values) {
             const request = put.apply(this, values);
             if (this.name === 'projects' && ++saves === 1) {
               const until = Date.now() + 2000;
               const wait = () => { if (Date.now() < until) this.get('').onsuccess = wait; };
               wait();
             }
             return request;
           };
           globalThis.told = [];
           const { dataset } = document.documentElement;
           new MutationObserver(() => told.push([dataset.kept, saves])).observe(document.documentElement, { attributeFilter: ['data-kept'] });
           return true;
         })()",
    )?;
    stage.rename(ids[0], "first")?;
    stage.wait("saves === 1")?;
    stage.rename(ids[1], "second")?;
    stage.wait_until_kept()?;
    let told: Vec<(String, u32)> = stage.page.eval("told")?;
    let saved: Vec<u32> = told
        .iter()
        .filter(|(state, _)| state == "saved")
        .map(|(_, saves)| *saves)
        .collect();
    assert_eq!(saved, [2], "{told:?}");
    reload(&stage)?;
    wait_for_cards(&stage, drawn.classes.len())?;
    let names: Vec<String> = cards(&stage)?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..2], ["first", "second"]);
    stage.assert_quiet()?;
    Ok(())
}

/// Thousands of photos come so fast that there is no quiet moment for minutes.
fn changes_without_a_rest_are_kept() -> Outcome {
    let stage = Stage::on_cpu()?;
    stage.page.eval::<bool>(
        "(() => {
           const { put } = IDBObjectStore.prototype;
           globalThis.saves = 0;
           IDBObjectStore.prototype.put = function (...values) {
             if (this.name === 'projects') saves++;
             return put.apply(this, values);
           };
           const name = document.querySelector('.class-name');
           let changes = 0;
           globalThis.changing = setInterval(() => {
             name.value = `thing ${++changes}`;
             name.dispatchEvent(new Event('change'));
           }, 50);
           return true;
         })()",
    )?;
    stage.wait("saves > 0")?;
    let last: String = stage
        .page
        .eval("(clearInterval(changing), document.querySelector('.class-name').value)")?;
    stage.wait_until_kept()?;
    reload(&stage)?;
    wait_for_cards(&stage, 2)?;
    assert_eq!(cards(&stage)?[0].0, last);
    stage.assert_quiet()?;
    Ok(())
}

fn a_browser_that_keeps_nothing_is_told() -> Outcome {
    let stage = Stage::set(xtask::chrome::Chrome::builder())?;
    stage
        .page
        .run_first("Object.defineProperty(globalThis, 'indexedDB', { get: () => undefined });")?;
    stage.open_quick("cpu")?;
    wait_for_cards(&stage, 2)?;
    assert!(
        stage.page.eval::<bool>("document.querySelector('#keeping').hidden")?,
        "nothing is lost yet"
    );
    let id = stage.class_ids()?[0];
    stage.rename(id, "cup")?;
    stage.wait("document.querySelector('#keeping').dataset.code === 'storage-none'")?;
    stage.assert_quiet()?;
    Ok(())
}

fn records_of_a_newer_page_are_left_alone() -> Outcome {
    let stage = Stage::on_cpu()?;
    work(&stage, "browser-projects-newer")?;
    let change = |with: &str| {
        stage.page.eval::<bool>(&format!(
            "new Promise((resolve, reject) => {{
               const request = indexedDB.open('/:projects');
               request.onsuccess = () => {{
                 const transaction = request.result.transaction('projects', 'readwrite');
                 const store = transaction.objectStore('projects');
                 store.getAll().onsuccess = (event) => event.target.result.forEach((record) => store.put({with}));
                 transaction.oncomplete = () => (request.result.close(), resolve(true));
                 transaction.onabort = reject;
               }};
             }})"
        ))
    };
    change("{ ...record, schema: 999 }")?;
    reload(&stage)?;
    wait_for_cards(&stage, 2)?;
    change("{ ...record, schema: 1 }")?;
    reload(&stage)?;
    wait_for_cards(&stage, 3)?;
    wait_for_pictures(&stage, 9)?;
    stage.assert_quiet()?;
    Ok(())
}

/// Saved by one browser, opened by another that has never seen the page, and added to what is there.
fn a_file_opens_elsewhere() -> Outcome {
    let stage = Stage::on_cpu()?;
    let (_, _, before) = work(&stage, "browser-projects-file")?;
    let seen = cards(&stage)?;
    let file = stage
        .download_to(&scratch("browser-projects-download"))?
        .join("Untitled project.glimpse");
    open_menu(&stage)?;
    stage.page.click("#save-project")?;
    stage.wait_for_file(&file)?;
    stage.assert_quiet()?;

    let other = Stage::on_cpu()?;
    other.page.drop_files("#show-step", std::slice::from_ref(&file))?;
    wait_for_cards(&other, 3)?;
    wait_for_pictures(&other, 9)?;
    other.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    assert_eq!(cards(&other)?, seen);
    assert_eq!(other.answers(1)?, before);
    // It is kept there like any other.
    other.wait_until_kept()?;
    reload(&other)?;
    other.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    assert_eq!(other.answers(1)?, before);

    // Once more, into the same project: every class has its photos twice.
    other.page.set_files("#project-input", std::slice::from_ref(&file))?;
    other.wait("document.querySelector('#import').open")?;
    other.page.click("#import-add")?;
    other.wait("document.querySelectorAll('.shot[data-status=ready]').length === 18")?;
    assert_eq!(cards(&other)?.len(), 3);
    assert_eq!(other.answers(2)?.len(), 2);
    // A file that is none changes nothing.
    let broken = file.with_file_name("broken.glimpse");
    std::fs::write(&broken, b"PK nothing of the kind")?;
    other.page.set_files("#project-input", &[broken])?;
    other.wait("document.querySelector('.toast') !== null")?;
    assert_eq!(cards(&other)?.len(), 3);
    other.assert_quiet()?;
    Ok(())
}

fn another_network_embeds_what_was_kept_anew() -> Outcome {
    let stage = Stage::on_cpu()?;
    let (_, ids, before) = work(&stage, "browser-projects-network")?;
    stage.server.mount("/weights", crate::support::other_weights());
    reload(&stage)?;
    wait_for_cards(&stage, 3)?;
    for id in ids {
        stage.wait_for_shots(id, 3)?;
    }
    let after = stage.answers(1)?;
    assert_eq!(
        after[0].method, "prototype",
        "what another network's embeddings trained is not used"
    );
    assert_ne!(after[0].bars, before[0].bars);
    stage.wait_until_kept()?;
    stage.assert_quiet()?;
    Ok(())
}
