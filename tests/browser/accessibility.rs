//! The page is open to all: axe-core finds nothing in any of its states, a finger hits every control, nothing is wider than a phone,
//! and nothing jumps away from under the eye.

use std::path::PathBuf;

use anyhow::Context;
use libtest_mimic::Trial;
use xtask::{axe::Axe, cdp::Permission, chrome::Chrome};

use crate::{
    camera::stream,
    stage::Stage,
    support::{Drawn, Outcome, draw, drawn_classes, fixture, scratch, trial, trial_on_shared, untrained_weights},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "accessibility::the_checker_finds_something",
            the_checker_finds_something,
        ),
        trial("accessibility::every_state_is_open_to_all", every_state_is_open_to_all),
        trial_on_shared("accessibility::nothing_jumps", nothing_jumps),
    ]
}

/// How the page is looked at.
#[derive(Clone, Copy)]
struct Look {
    width: u32,
    height: u32,
    phone: bool,
    scheme: &'static str,
}

const fn laptop(scheme: &'static str) -> Look {
    Look {
        width: 1280,
        height: 800,
        phone: false,
        scheme,
    }
}

const fn phone(scheme: &'static str) -> Look {
    Look {
        width: 360,
        height: 640,
        phone: true,
        scheme,
    }
}

/// The languages, and how each is looked at: together they have both sizes in both schemes.
const LANGUAGES: [(&str, [Look; 2]); 2] = [
    ("en", [laptop("light"), phone("dark")]),
    ("zh", [laptop("dark"), phone("light")]),
];

/// What a phone's visitor would stumble over: a page wider than the screen, and controls that are smaller than a fingertip.
const ON_A_PHONE: &str = "(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const found = scrollWidth > clientWidth ? [`the page is ${scrollWidth} pixels wide`] : [];
  const controls = 'button, summary, select, a[href], label:has(input), input:not(label input)';
  for (const control of (document.querySelector('dialog[open]') ?? document.body).querySelectorAll(controls)) {
    const { width, height } = control.getBoundingClientRect();
    if (!control.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || width === 0) continue;
    if (Math.min(width, height) < 43.5) found.push(`${Math.round(width)} × ${Math.round(height)}: ${control.outerHTML.slice(0, 120)}`);
  }
  return found;
})()";

/// Whatever fades in or changes its colour does so at once; what never ends, such as a bar without a length, goes on.
const SETTLED: &str = "(() => {
  for (const animation of document.getAnimations()) if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
  return true;
})()";

/// Somebody who looks at one state of the page after another.
struct Inspector {
    axe: Axe,
    looks: [Look; 2],
    findings: Vec<String>,
}

impl Inspector {
    fn new(looks: [Look; 2]) -> anyhow::Result<Self> {
        Ok(Self {
            axe: Axe::prepare()?,
            looks,
            findings: Vec::new(),
        })
    }

    /// Notes what is wrong with the page as it is now. It is seen as before at the end.
    fn look(&mut self, stage: &Stage, state: &str) -> anyhow::Result<()> {
        for look in self.looks.into_iter().rev() {
            let Look { width, height, .. } = look;
            let place = format!("{state}, {width} × {height}, {}", look.scheme);
            stage.page.set_viewport(width, height, 1.0, look.phone)?;
            stage.page.set_color_scheme(look.scheme)?;
            stage.page.eval::<bool>(SETTLED)?;
            let mut found: Vec<String> = self
                .axe
                .violations(&stage.page)
                .context(place.clone())?
                .iter()
                .map(ToString::to_string)
                .collect();
            if look.phone {
                found.extend(stage.page.eval::<Vec<String>>(ON_A_PHONE)?);
            }
            self.findings.extend(found.iter().map(|one| format!("{place}: {one}")));
        }
        Ok(())
    }

    fn assert_content(&self) {
        assert!(self.findings.is_empty(), "{}", self.findings.join("\n"));
    }
}

/// A button without a name, words that are hardly seen, and a control that is too small.
const PLANTED: &str = "(() => {
  const button = document.createElement('button');
  button.style.setProperty('width', '20px');
  const words = document.createElement('p');
  words.textContent = 'hardly seen';
  words.style.setProperty('color', 'gray');
  words.style.setProperty('background', 'silver');
  document.querySelector('#main').prepend(button, words);
  return true;
})()";

fn the_checker_finds_something() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.page.goto(&stage.server.url("/index.html?backend=cpu&lang=en"))?;
    stage.wait("document.querySelector('.class-card')")?;
    stage.page.eval::<bool>(PLANTED)?;
    let mut inspector = Inspector::new(LANGUAGES[0].1)?;
    inspector.look(&stage, "planted")?;
    let found = inspector.findings.join("\n");
    assert!(found.contains("light: button-name (critical)"), "{found}");
    assert!(found.contains("dark: color-contrast (serious)"), "{found}");
    assert!(found.contains("dark: 20 × "), "{found}");
    Ok(())
}

fn every_state_is_open_to_all() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-accessibility"))?;
    let film = stream("browser-accessibility-film", &[draw("disc", 1)])?;
    let stage = Stage::set(Chrome::builder().camera(&film))?;
    // The banner that says so is then in every state.
    stage.server.mount("/weights", untrained_weights());
    stage
        .page
        .set_permission(&stage.server.origin(), "camera", Permission::Granted)?;
    for (language, looks) in LANGUAGES {
        let mut inspector = Inspector::new(looks)?;
        stage.open_quick(&format!("cpu&lang={language}"))?;
        show(&stage, &mut inspector, &drawn)?;
        train(&stage, &mut inspector)?;
        open_what_opens(&stage, &mut inspector)?;
        watch(&stage, &mut inspector)?;
        let fragment = share(&stage, &mut inspector)?;
        let photo = drawn.queries[0].1.clone();
        leave(&stage, &mut inspector)?;
        other_pages(&stage, &mut inspector, language, &fragment, photo)?;
        inspector.assert_content();
    }
    stage.assert_quiet()?;
    Ok(())
}

/// A new project; what is there of an old one stays in the browser.
fn begin_anew(stage: &Stage) -> anyhow::Result<()> {
    stage.page.click(".project-summary")?;
    stage.page.click("#new-project")?;
    stage.wait("document.querySelectorAll('.class-card').length === 2 && !document.querySelector('.shot')")
}

/// Step 1, from nothing to three classes, with files that are refused and with the camera.
fn show(stage: &Stage, inspector: &mut Inspector, drawn: &Drawn) -> anyhow::Result<()> {
    stage.wait("document.querySelector('.class-card')")?;
    if stage.page.eval("document.querySelector('.shot') !== null")? {
        begin_anew(stage)?;
    }
    inspector.look(stage, "empty")?;

    let bad = [
        "empty.jpg",
        "text.jpg",
        "truncated.jpg",
        "truncated.png",
        "corrupt.jpg",
        "plain.heic",
    ];
    let class = stage.class_ids()?[0];
    stage.choose_photos(class, &bad.map(fixture))?;
    stage.wait("document.querySelectorAll('#problems li').length === 6")?;
    inspector.look(stage, "files that are refused")?;
    stage.page.click("#dismiss-problems")?;

    let ids = stage.teach(&drawn.classes)?;
    let camera = format!("[data-class-id='{}'] [data-action=camera]", ids[0]);
    stage.page.click(&camera)?;
    stage.wait("!document.querySelector('[data-shutter]').disabled")?;
    stage.page.click(".burst summary")?;
    inspector.look(stage, "collecting with the camera")?;
    stage.page.click(&camera)?;
    let queries: Vec<PathBuf> = drawn.queries.iter().map(|(_, photo)| photo.clone()).collect();
    stage.ask(&queries)?;
    stage.page.set_files("#pair-input-0", &queries[..1])
}

/// Step 2, with all its settings.
fn train(stage: &Stage, inspector: &mut Inspector) -> anyhow::Result<()> {
    stage.train()?;
    stage.answers(3)?;
    stage.wait("document.querySelector('#assessment').dataset.source !== 'none'")?;
    inspector.look(stage, "trained")?;
    let open_folds = |open: bool| {
        stage.page.eval::<bool>(&format!(
            "(() => {{ for (const fold of document.querySelectorAll('details.settings')) fold.open = {open}; return true; }})()"
        ))
    };
    open_folds(true)?;
    stage.wait("document.querySelector('#hood .plane') && document.querySelector('#primer-finetuning figure')")?;
    inspector.look(
        stage,
        "methods, settings, files for elsewhere, under the hood, the primer",
    )?;
    open_folds(false)?;
    Ok(())
}

/// Dialogs and menus.
fn open_what_opens(stage: &Stage, inspector: &mut Inspector) -> anyhow::Result<()> {
    let opened = [
        ("#keys", "#keys-dialog", ""),
        (
            ".test-why",
            "#why",
            " && document.querySelector('#why').dataset.state === 'ready'",
        ),
        (".shot-open", "#preview", ""),
        (".engine-summary", "#engine", ""),
    ];
    for (button, element, also) in opened {
        stage.page.click(button)?;
        stage.wait(&format!("document.querySelector('{element}').open{also}"))?;
        inspector.look(stage, element)?;
        stage.page.press_key("Escape")?;
        stage.wait(&format!("!document.querySelector('{element}').open"))?;
    }
    Ok(())
}

/// Step 3, with the camera.
fn watch(stage: &Stage, inspector: &mut Inspector) -> anyhow::Result<()> {
    stage.page.click("#live-toggle")?;
    stage.wait("Number(document.querySelector('#live').dataset.frames) >= 3")?;
    inspector.look(stage, "live")?;
    stage.page.click("#live-freeze")?;
    stage.wait("document.querySelector('#live').dataset.frozen === 'true'")?;
    inspector.look(stage, "frozen")?;
    stage.page.click("#live-toggle")
}

/// The dialog with a link; returns the link's fragment.
fn share(stage: &Stage, inspector: &mut Inspector) -> anyhow::Result<String> {
    stage.wait("!document.querySelector('#share').disabled")?;
    stage.page.click("#share")?;
    stage.wait("document.querySelector('#share-dialog').open")?;
    inspector.look(stage, "a link")?;
    let fragment = stage
        .page
        .eval("new URL(document.querySelector('#share-address').value).hash")?;
    stage.page.press_key("Escape")?;
    Ok(fragment)
}

/// Something is deleted, and another project begun.
fn leave(stage: &Stage, inspector: &mut Inspector) -> anyhow::Result<()> {
    stage.page.click("[data-action=remove-class]")?;
    stage.wait("document.querySelector('.toast')")?;
    inspector.look(stage, "deleted")?;
    stage.wait_until_kept()?;
    begin_anew(stage)?;
    stage.page.click(".project-summary")?;
    stage.wait("document.querySelector('.project-item')")?;
    inspector.look(stage, "the project menu")
}

/// What a link opens, a damaged one too, and what another page embeds.
fn other_pages(
    stage: &Stage,
    inspector: &mut Inspector,
    language: &str,
    fragment: &str,
    photo: PathBuf,
) -> anyhow::Result<()> {
    let address = |rest: &str| {
        stage
            .server
            .url(&format!("/index.html?backend=cpu&views=1&lang={language}{rest}"))
    };
    stage.page.goto("about:blank")?;
    stage.page.goto(&address(fragment))?;
    stage.wait_for_engine()?;
    stage.ask(&[photo])?;
    inspector.look(stage, "what a link opens")?;
    stage.page.goto("about:blank")?;
    stage.page.goto(&address("#c=damaged"))?;
    stage.wait("document.querySelector('#banner-link')")?;
    inspector.look(stage, "a damaged link")?;
    stage.page.goto(&address("&embed=1"))?;
    stage.wait("document.querySelector('.embedded')")?;
    inspector.look(stage, "in another page")
}

/// Adds up how far things move by themselves, not within half a second of a click or a key.
const SHIFTS: &str = "globalThis.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    if (hadRecentInput) continue;
    const moved = sources.map(({ node }) => `${node?.nodeName} ${node?.className ?? ''}`);
    shifts.push([value, moved.join(', ')]);
  }
}).observe({ type: 'layout-shift', buffered: true });";

fn nothing_jumps() -> Outcome {
    let film = stream("browser-steady-film", &[draw("disc", 1)])?;
    for look in [laptop("light"), phone("dark")] {
        let stage = Stage::set(Chrome::builder().camera(&film))?;
        stage
            .page
            .set_permission(&stage.server.origin(), "camera", Permission::Granted)?;
        stage.page.set_viewport(look.width, look.height, 1.0, look.phone)?;
        stage.page.run_first(SHIFTS)?;
        stage.open_quick("cpu")?;
        stage.page.click("#cards")?;
        stage.answers(6)?;
        stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
        stage.train()?;
        stage
            .page
            .click("#live-toggle")
            .context(format!("{} × {}", look.width, look.height))?;
        stage.wait("Number(document.querySelector('#live').dataset.frames) >= 20")?;
        let shifts: Vec<(f64, String)> = stage.page.eval("shifts")?;
        let sum: f64 = shifts.iter().map(|(value, _)| value).sum();
        assert!(sum <= 0.05, "{} × {}: {sum}: {shifts:?}", look.width, look.height);

        // The quiz is there with the cards alone.
        let mut inspector = Inspector::new([laptop("light"), phone("dark")])?;
        inspector.look(&stage, "the quiz")?;
        inspector.assert_content();
        stage.assert_quiet()?;
    }
    Ok(())
}
