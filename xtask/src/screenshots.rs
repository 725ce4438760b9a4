//! `cargo xtask screenshots`: every state of the page as a picture, in each language, on a laptop in light and on a phone in dark. A
//! person looks at them; nothing is compared. All photos in them are emoji, drawn by the page's own cards.

use crate::cdp::{Browser, Page};
use crate::chrome::{self, Chrome};
use crate::progress::step;
use crate::{root, serve, target_dir};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Whatever the page does, it has done it within this.
const PATIENCE: Duration = Duration::from_secs(180);

/// The languages by their codes.
const LANGUAGES: [&str; 2] = ["en", "zh"];

/// How the page is seen.
struct Size {
    name: &'static str,
    width: u32,
    height: u32,
    scale: f64,
    phone: bool,
    scheme: &'static str,
}

const SIZES: [Size; 2] = [
    Size {
        name: "laptop",
        width: 1280,
        height: 800,
        scale: 1.0,
        phone: false,
        scheme: "light",
    },
    Size {
        name: "phone",
        width: 390,
        height: 844,
        scale: 2.0,
        phone: true,
        scheme: "dark",
    },
];

/// Takes the page from one state to the next.
type Reach = fn(&Page) -> Result<()>;

/// The states, one after the other: each begins where the one before it ended.
const STATES: [(&str, Reach); 17] = [
    ("empty", empty),
    ("error", error),
    ("collecting", collecting),
    ("training", training),
    ("keys", keys),
    ("quiz", quiz),
    ("why", why),
    ("methods", methods),
    ("hood", hood),
    ("primer", primer),
    ("export", export),
    ("preview", preview),
    ("link", link),
    ("live", live),
    ("deleted", deleted),
    ("projects", projects),
    ("shared", shared),
];

/// What README shows, and from which picture it comes.
const README: [(&str, &str); 2] = [
    ("quiz-en-laptop.png", "laptop-light.png"),
    ("quiz-en-phone.png", "phone-dark.png"),
];

/// Runs before the page's own scripts: the same cards in every run, and a camera that looks at one of them.
const STAGED: &str = "let seed = 7;
Math.random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
navigator.mediaDevices.getUserMedia = async () => {
  const { drawCard } = await import('/www/cards.js');
  const card = await createImageBitmap(await drawCard({ key: 'fox', glyph: '🦊' }));
  const canvas = Object.assign(document.createElement('canvas'), { width: 480, height: 480 });
  const draw = () => canvas.getContext('2d').drawImage(card, 0, 0, 480, 480);
  setInterval(draw, 50);
  draw();
  return canvas.captureStream();
};";

/// Takes all pictures and says where they lie. With `readme`, README's are renewed too.
pub fn run(readme: bool) -> Result<()> {
    chrome::prepare()?;
    chrome::prepare_emoji()?;
    chrome::prepare_chinese()?;
    if !serve::prepare()?.trained {
        bail!("the network is untrained, so the page offers no cards: cargo glimpse weights --from FILE-OR-URL");
    }
    let server = serve::builder().start()?;
    let chrome = Chrome::builder().flag("--hide-scrollbars").start()?;
    let browser = chrome.connect()?;
    let mut pictures = Vec::new();
    for language in LANGUAGES {
        for size in &SIZES {
            let address = server.url(&format!("/index.html?backend=cpu&lang={language}"));
            pictures.extend(step(
                &format!("Walking through the page: {language}, {}", size.name),
                || walk(&browser, &address, language, size),
            )?);
        }
    }
    for picture in &pictures {
        println!("{}", picture.display());
    }
    if readme {
        for (from, to) in README {
            let to = root().join("docs/images").join(to);
            fs::copy(folder().join(from), &to).with_context(|| format!("cannot write {}", to.display()))?;
            println!("{}", to.display());
        }
    }
    Ok(())
}

fn folder() -> PathBuf {
    target_dir().join("screenshots")
}

/// A visit in a context of its own, from state to state.
fn walk(browser: &Browser, address: &str, language: &str, size: &Size) -> Result<Vec<PathBuf>> {
    let page = browser.new_page()?;
    page.set_viewport(size.width, size.height, size.scale, size.phone)?;
    page.set_color_scheme(size.scheme)?;
    page.run_first(STAGED)?;
    page.goto(address)?;
    let mut pictures = Vec::new();
    for (state, reach) in STATES {
        reach(&page).with_context(|| format!("{state}, {language}, {}", size.name))?;
        settle(&page)?;
        let file = folder().join(format!("{state}-{language}-{}.png", size.name));
        page.screenshot(&file)?;
        pictures.push(file);
    }
    Ok(pictures)
}

/// Whatever moves has come to rest, and every picture is drawn.
fn settle(page: &Page) -> Result<()> {
    run_script(
        page,
        "await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
         await new Promise((done) => setTimeout(done, 400));",
    )
}

/// Runs statements in the page.
fn run_script(page: &Page, statements: &str) -> Result<()> {
    page.eval::<()>(&format!("(async () => {{ {statements}; return null; }})()"))
}

fn wait(page: &Page, condition: &str) -> Result<()> {
    page.wait_for(condition, PATIENCE)
}

/// Gives drawn emoji, and files that are no photos, to a file picker.
fn give(page: &Page, picker: &str, glyphs: &[&str], bad: &[&str]) -> Result<()> {
    let script = format!(
        "const {{ drawCard }} = await import('/www/cards.js');
         const transfer = new DataTransfer();
         for (const glyph of {}) transfer.items.add(new File([await drawCard({{ key: '', glyph }})], 'card.png', {{ type: 'image/png' }}));
         for (const name of {}) transfer.items.add(new File(['words'], name));
         const input = document.querySelector({});
         input.files = transfer.files;
         input.dispatchEvent(new Event('change', {{ bubbles: true }}))",
        json!(glyphs),
        json!(bad),
        json!(picker)
    );
    run_script(page, &script)
}

/// The file picker of a class, counted from 1.
fn picker(class: usize) -> String {
    format!(".class-card:nth-child({class}) .class-actions input[type=file]")
}

fn scroll_to(page: &Page, selector: &str) -> Result<()> {
    run_script(page, &format!("document.querySelector('{selector}').scrollIntoView()"))
}

fn scroll_to_top(page: &Page) -> Result<()> {
    run_script(page, "scrollTo(0, 0)")
}

/// Presses a button that another size of screen may not show.
fn press(page: &Page, selector: &str) -> Result<()> {
    run_script(page, &format!("document.querySelector('{selector}').click()"))
}

fn close_dialog(page: &Page) -> Result<()> {
    run_script(page, "document.querySelector('dialog[open]').close()")
}

fn empty(page: &Page) -> Result<()> {
    wait(page, "document.documentElement.dataset.engine === 'ready'")?;
    wait(page, "document.querySelector('.class-card')")
}

fn error(page: &Page) -> Result<()> {
    give(page, &picker(1), &["🍎", "🍎", "🍎"], &["notes.txt", "IMG_0007.jpg"])?;
    wait(page, "document.querySelectorAll('#problems li').length === 2")?;
    wait(
        page,
        "document.querySelectorAll('.shot[data-status=ready]').length === 3",
    )
}

fn collecting(page: &Page) -> Result<()> {
    press(page, "#dismiss-problems")?;
    give(page, &picker(2), &["🍌", "🍌", "🍌"], &[])?;
    wait(
        page,
        "document.querySelectorAll('.shot[data-status=ready]').length === 6",
    )?;
    press(page, ".class-card:nth-child(2) [data-action=camera]")?;
    wait(page, "!document.querySelector('[data-shutter]').disabled")?;
    scroll_to(page, ".class-card:nth-child(2)")
}

fn training(page: &Page) -> Result<()> {
    press(page, ".class-card:nth-child(2) [data-action=camera]")?;
    // It takes the longest of those that need no other module, so that there is something to be seen.
    press(page, "[name=method][value=siamese]")?;
    run_script(
        page,
        "const steps = document.querySelector('[data-setting=steps]');
         steps.value = 10000;
         steps.dispatchEvent(new Event('input', { bubbles: true }))",
    )?;
    wait(page, "!document.querySelector('#train').disabled")?;
    press(page, "#train")?;
    wait(page, "document.querySelector('#train-progress').value > 0.05")?;
    scroll_to(page, "#train-step")
}

fn keys(page: &Page) -> Result<()> {
    press(page, "#cancel-training")?;
    press(page, ".toast .icon-button")?;
    press(page, "[name=method][value=finetune]")?;
    scroll_to_top(page)?;
    press(page, "#keys")
}

fn quiz(page: &Page) -> Result<()> {
    close_dialog(page)?;
    wait(page, "document.documentElement.dataset.kept === 'saved'")?;
    press(page, "#cards")?;
    wait(
        page,
        "document.querySelectorAll('.test[data-status=ready] [data-prediction][data-empty=false]').length === 6",
    )?;
    wait(page, "document.querySelector('.train').dataset.head === 'trained'")?;
    wait(page, "document.querySelector('#assessment').dataset.source === 'tests'")?;
    // On a laptop the steps stand side by side, and each scrolls by itself.
    run_script(page, "if (innerWidth > 1000) scrollTo(0, 0)")
}

fn why(page: &Page) -> Result<()> {
    press(page, ".test-why")?;
    wait(page, "document.querySelector('#why').dataset.state === 'ready'")
}

fn methods(page: &Page) -> Result<()> {
    close_dialog(page)?;
    press(page, "#other-methods > summary")?;
    press(page, "#settings > summary")?;
    scroll_to(page, "#how")
}

fn hood(page: &Page) -> Result<()> {
    press(page, "#other-methods > summary")?;
    press(page, "#settings > summary")?;
    press(page, "#hood > summary")?;
    wait(page, "document.querySelector('#hood .plane')")?;
    scroll_to(page, "#hood")
}

fn primer(page: &Page) -> Result<()> {
    press(page, "#hood > summary")?;
    press(page, "#open-primer")?;
    wait(page, "document.querySelector('#primer-finetuning figure')")
}

fn export(page: &Page) -> Result<()> {
    press(page, "#primer > summary")?;
    press(page, "#export > summary")?;
    scroll_to(page, "#export")
}

fn preview(page: &Page) -> Result<()> {
    press(page, "#export > summary")?;
    scroll_to_top(page)?;
    press(page, ".shot-open")
}

fn link(page: &Page) -> Result<()> {
    close_dialog(page)?;
    press(page, "#share")?;
    wait(page, "document.querySelector('#share-dialog').open")
}

fn live(page: &Page) -> Result<()> {
    close_dialog(page)?;
    press(page, "#live-toggle")?;
    wait(page, "Number(document.querySelector('#live').dataset.frames) >= 10")?;
    scroll_to(page, "#live")
}

fn deleted(page: &Page) -> Result<()> {
    press(page, "#live-toggle")?;
    scroll_to_top(page)?;
    press(page, ".class-card:nth-child(6) [data-action=remove-class]")?;
    wait(page, "document.querySelector('.toast')")
}

fn projects(page: &Page) -> Result<()> {
    press(page, ".toast-undo")?;
    scroll_to_top(page)?;
    press(page, ".project-summary")?;
    wait(page, "document.querySelector('.project-item')")
}

/// Opens the link that the dialog still holds.
fn shared(page: &Page) -> Result<()> {
    let link: String = page.eval("document.querySelector('#share-address').value")?;
    let (_, fragment) = link.split_once('#').context("a link has a fragment")?;
    let address: String = page.eval("location.href.split('#')[0]")?;
    page.goto("about:blank")?;
    page.goto(&format!("{address}#{fragment}"))?;
    wait(page, "document.documentElement.dataset.engine === 'ready'")?;
    wait(page, "document.querySelector('#shared-classes li')")?;
    give(page, "#test-input", &["🦊"], &[])?;
    wait(
        page,
        "document.querySelector('.test [data-prediction][data-empty=false]')",
    )
}
