//! Share links: made in one browser, opened in another that has never seen the page.

use glimpse::native::weights::{Encoding, Licence, Source, prepare};
use libtest_mimic::Trial;
use xtask::chrome::Chrome;

use crate::{
    learning::{choose, taught},
    recovery::SPOIL,
    stage::{Shown, Stage},
    support::{Drawn, Outcome, drawn_classes, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "share::a_link_answers_as_the_page_it_is_of",
            a_link_answers_as_the_page_it_is_of,
        ),
        trial("share::a_short_link_has_a_qr_code", a_short_link_has_a_qr_code),
        trial("share::a_link_is_read_only", a_link_is_read_only),
        trial("share::bad_links_say_so", bad_links_say_so),
        trial("share::what_fits_no_link_says_why", what_fits_no_link_says_why),
        trial(
            "share::a_restarted_engine_knows_the_link",
            a_restarted_engine_knows_the_link,
        ),
    ]
}

/// A page that was taught and trained, and its link's fragment.
pub fn shared(name: &str) -> Result<(Stage, Drawn, String), libtest_mimic::Failed> {
    let (stage, drawn) = taught(name)?;
    stage.train()?;
    let fragment = link_of(&stage)?;
    Ok((stage, drawn, fragment))
}

/// Presses the button, and gives the fragment of the address in the dialog.
fn link_of(stage: &Stage) -> anyhow::Result<String> {
    stage.wait("!document.querySelector('#share').disabled")?;
    stage.page.click("#share")?;
    stage.wait("document.querySelector('#share-dialog').open")?;
    stage
        .page
        .eval("new URL(document.querySelector('#share-address').value).hash")
}

/// Opens a link, and waits until the engine runs.
fn open(stage: &Stage, fragment: &str) -> anyhow::Result<()> {
    stage.page.goto("about:blank")?;
    stage
        .page
        .goto(&stage.server.url(&format!("/index.html?backend=cpu{fragment}")))?;
    stage.wait_for_engine()
}

fn photos(drawn: &Drawn) -> Vec<std::path::PathBuf> {
    drawn.queries.iter().map(|(_, photo)| photo.clone()).collect()
}

/// The same winner, and no probability further than two points away.
fn assert_alike(exact: &[Shown], shared: &[Shown]) {
    assert_eq!(exact.len(), shared.len());
    for (exact, shared) in exact.iter().zip(shared) {
        assert_eq!((&exact.winner, &exact.method), (&shared.winner, &shared.method));
        for (name, probability) in &exact.bars {
            let bar = shared.bars.iter().find(|(other, _)| other == name);
            let (_, other) = bar.unwrap_or_else(|| panic!("no {name} in {shared:?}"));
            assert!((probability - other).abs() < 0.02, "{exact:?}\n{shared:?}");
        }
    }
}

fn a_link_answers_as_the_page_it_is_of() -> Outcome {
    let (maker, drawn, fragment) = shared("browser-share")?;
    let said: String = maker
        .page
        .eval("document.querySelector('#share-contents').textContent")?;
    assert!(said.contains("3 classes") && said.contains("vectors"), "{said}");
    let exact = maker.answers(drawn.queries.len())?;
    maker.assert_quiet()?;

    let visitor = Stage::set(Chrome::builder())?;
    open(&visitor, &fragment)?;
    let names: Vec<String> = visitor
        .page
        .eval("[...document.querySelectorAll('.shared-class')].map((item) => item.textContent)")?;
    assert_eq!(names, ["disc", "stripes", "checks"]);
    assert_alike(&exact, &visitor.ask(&photos(&drawn))?);
    let nearest: usize = visitor
        .page
        .eval("document.querySelectorAll('[data-nearest-shot-id]').length")?;
    assert_eq!(nearest, 0, "there are no shots that a photo could be like");
    visitor.assert_quiet()?;
    Ok(())
}

/// As a phone's camera sees it; a long link says why it has none.
fn a_short_link_has_a_qr_code() -> Outcome {
    let (stage, ..) = shared("browser-share-qr")?;
    let said = |stage: &Stage| -> anyhow::Result<(bool, String)> {
        stage
            .page
            .eval("[document.querySelector('.share-qr').hidden, document.querySelector('#share-length').textContent]")
    };
    let (hidden, words) = said(&stage)?;
    assert!(hidden && words.contains("too many for a QR code"), "{words}");
    stage
        .page
        .eval::<Option<()>>("(document.querySelector('#share-dialog').close(), null)")?;
    stage
        .page
        .click(".class-card:last-of-type [data-action=remove-class]")?;
    choose(&stage, "prototype")?;
    stage.train()?;
    link_of(&stage)?;
    let (hidden, words) = said(&stage)?;
    assert!(!hidden, "{words}");
    let picture = scratch("browser-share-qr-code").join("page.png");
    stage.page.screenshot(&picture)?;
    let grey = image::open(&picture)?.to_luma8();
    let (width, height) = grey.dimensions();
    let pixel = |x: usize, y: usize| grey.get_pixel(x as u32, y as u32).0[0];
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width as usize, height as usize, pixel);
    let read: Vec<String> = seen
        .detect_grids()
        .iter()
        .filter_map(|grid| Some(grid.decode().ok()?.1))
        .collect();
    let address: String = stage.page.eval("document.querySelector('#share-address').value")?;
    assert_eq!(read, [address]);
    stage.assert_quiet()?;
    Ok(())
}

/// No training, no classes to change, nothing kept; "make it yours" begins with the names.
fn a_link_is_read_only() -> Outcome {
    let (_maker, drawn, fragment) = shared("browser-share-viewer")?;
    let visitor = Stage::set(Chrome::builder())?;
    open(&visitor, &fragment)?;
    visitor.ask(&photos(&drawn))?;
    let tools: usize = visitor.page.eval("document.querySelectorAll('#train, #add-class, .class-card, #share, select[data-truth]:not([hidden] *)').length")?;
    assert_eq!(tools, 0);
    let databases: Vec<String> = visitor
        .page
        .eval("indexedDB.databases().then((all) => all.map(({ name }) => name))")?;
    assert_eq!(databases, Vec::<String>::new());
    let kept: usize = visitor.page.eval("localStorage.length + sessionStorage.length")?;
    assert_eq!(kept, 0);
    visitor.page.click("#make-it-yours")?;
    visitor.wait("document.querySelectorAll('.class-card').length === 3")?;
    visitor.wait_for_engine()?;
    let names: Vec<String> = visitor
        .page
        .eval("[...document.querySelectorAll('.class-name')].map((input) => input.value)")?;
    assert_eq!(names, ["disc", "stripes", "checks"]);
    let shots: usize = visitor.page.eval("document.querySelectorAll('.shot').length")?;
    assert_eq!(shots, 0);
    let address: String = visitor.page.eval("location.hash")?;
    assert_eq!(address, "", "a reload does not begin anew");
    visitor.assert_quiet()?;
    Ok(())
}

fn bad_links_say_so() -> Outcome {
    let (_maker, drawn, fragment) = shared("browser-share-bad")?;
    let visitor = Stage::set(Chrome::builder())?;
    let code = |visitor: &Stage| -> anyhow::Result<String> {
        visitor.wait("document.querySelector('#banner-link')")?;
        visitor.page.eval("document.querySelector('#banner-link').dataset.code")
    };
    open(&visitor, &fragment[..fragment.len() / 2])?;
    assert_eq!(code(&visitor)?, "link-damaged");
    let own: bool = visitor.page.eval("document.querySelector('#show-step').hidden")?;
    assert!(own, "there is nothing to make one's own");
    visitor.page.click("#leave-link")?;
    visitor.wait("document.querySelectorAll('.class-card').length === 2")?;

    let other = scratch("browser-share-other-network");
    prepare(
        &other,
        &Source::Untrained(2),
        &Licence::default(),
        Encoding::default(),
        &mut |_| (),
    )?;
    visitor.server.mount("/weights", &other);
    visitor.page.eval::<Option<()>>(
        "caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => null)",
    )?;
    open(&visitor, &fragment)?;
    assert_eq!(code(&visitor)?, "link-network");
    visitor.page.set_files("#test-input", &photos(&drawn))?;
    visitor.wait("document.querySelectorAll('.test[data-status=ready]').length === 3")?;
    visitor
        .page
        .eval::<bool>("new Promise((done) => setTimeout(done, 300, true))")?;
    let empty: usize = visitor
        .page
        .eval("document.querySelectorAll('.test [data-prediction][data-empty=true]').length")?;
    assert_eq!(empty, 3, "nothing is named by a network that the link was not made for");
    Ok(())
}

fn what_fits_no_link_says_why() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-share-none"))?;
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu")?;
    let state = |stage: &Stage| -> anyhow::Result<(bool, bool, String)> {
        let reason = "document.querySelector('#share-reason').textContent";
        stage.page.eval(&format!(
            "[document.querySelector('#share').disabled, document.querySelector('#share-file').hidden, {reason}]"
        ))
    };
    stage.teach(&drawn.classes)?;
    let (disabled, no_file, reason) = state(&stage)?;
    assert!(disabled && no_file && reason.contains("Train first"), "{reason}");
    choose(&stage, "nearest")?;
    stage.train()?;
    let (disabled, no_file, reason) = state(&stage)?;
    assert!(disabled && !no_file && reason.contains("Nearest photo"), "{reason}");
    choose(&stage, "prototype")?;
    stage.page.click("#train")?;
    stage.wait("!document.querySelector('#share').disabled")?;
    assert!(state(&stage)?.1);
    stage.assert_quiet()?;
    Ok(())
}

fn a_restarted_engine_knows_the_link() -> Outcome {
    let (_maker, drawn, fragment) = shared("browser-share-crash")?;
    let visitor = Stage::set(Chrome::builder())?;
    open(&visitor, &fragment)?;
    let before = visitor.ask(&photos(&drawn))?;
    let workers = visitor.page.workers()?;
    assert!(workers.first().ok_or("a worker")?.eval::<bool>(SPOIL)?);
    // The next photo meets the broken engine.
    visitor.page.set_files("#test-input", &photos(&drawn)[..1])?;
    let after = visitor.answers(4)?;
    assert_eq!(after[..3], before);
    assert_eq!(after[3], before[0]);
    Ok(())
}
