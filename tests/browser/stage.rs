//! The page as a visitor has it: a server, a browser, a tab, and the handful of things that visitors do.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use xtask::{
    cdp::Page,
    chrome::{Builder, Chrome},
    dist, release,
    server::Server,
    weights::Manifest,
};

use crate::support::{root, scratch, weights};

/// Enough for a slow machine; no test is about time.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A folder as `cargo xtask dist` makes it, of the working tree with the modules as they are, after a change.
pub fn packed(name: &str, change: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = scratch(name);
    dist::pack(&folder, &root().join("pkg"), &Manifest::read(weights())?)?;
    change(&folder)?;
    release::seal(&folder)?;
    Ok(folder)
}

/// A visitor's browser with the page in it.
pub struct Stage {
    // Dropped in this order: the page before its browser.
    /// The tab.
    pub page: Page,
    chrome: Rc<Chrome>,
    /// Serves the repository, with prepared weights.
    pub server: Rc<Server>,
}

/// What a prediction on the page says.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Shown {
    /// The winning class's name.
    pub winner: String,
    /// `prototype` or `finetune`.
    pub method: String,
    /// Every bar: class name and probability.
    pub bars: Vec<(String, f32)>,
}

impl Stage {
    /// Starts a server and a browser; no page is open yet.
    pub fn set(browser: Builder) -> Result<Self> {
        let server = Server::builder(root()).guarded().start()?;
        server.mount("/weights", weights());
        let chrome = browser.start()?;
        Self::around(chrome.connect()?.new_page()?, Rc::new(chrome), Rc::new(server))
    }

    /// A browser whose profile lasts longer than it, and a tab in that.
    pub fn with_profile(profile: PathBuf, server: Rc<Server>) -> Result<Self> {
        let chrome = Chrome::builder().profile(profile).start()?;
        Self::around(chrome.connect()?.new_page_in_profile()?, Rc::new(chrome), server)
    }

    /// Another tab of a browser with a profile.
    pub fn another_tab(&self) -> Result<Self> {
        let page = self.chrome.connect()?.new_page_in_profile()?;
        Self::around(page, Rc::clone(&self.chrome), Rc::clone(&self.server))
    }

    fn around(page: Page, chrome: Rc<Chrome>, server: Rc<Server>) -> Result<Self> {
        page.set_viewport(1280, 800, 1.0, false)?;
        Ok(Self { page, chrome, server })
    }

    /// A packed page, as a visitor of a published one has it, below a sub-path; no page is open yet.
    pub fn set_packed(folder: &Path) -> Result<Self> {
        Self::set_served(
            Server::builder(folder).base("/glimpse").guarded().start()?,
            Chrome::builder(),
        )
    }

    /// The same by another server, or in another browser.
    pub fn set_served(server: Server, browser: Builder) -> Result<Self> {
        let chrome = browser.start()?;
        // Not in a context of its own, so that there can be another tab.
        Self::around(
            chrome.connect()?.new_page_in_profile()?,
            Rc::new(chrome),
            Rc::new(server),
        )
    }

    /// The page on the CPU backend, its engine ready. It takes one view per photo, which is all the same to most tests.
    pub fn on_cpu() -> Result<Self> {
        let stage = Self::set(Chrome::builder())?;
        stage.open_quick("cpu")?;
        Ok(stage)
    }

    /// The same with as many views as visitors have.
    pub fn with_all_views() -> Result<Self> {
        let stage = Self::set(Chrome::builder())?;
        stage.open("cpu")?;
        Ok(stage)
    }

    /// Waits until the packed page is kept for visits without a network.
    pub fn wait_until_offline(&self) -> Result<()> {
        self.wait("navigator.serviceWorker.controller")
    }

    /// Opens the page with a `?backend=` and waits for its engine.
    pub fn open(&self, backend: &str) -> Result<()> {
        self.page
            .goto(&self.server.url(&format!("/index.html?backend={backend}")))?;
        self.wait_for_engine()
    }

    /// The same with one view per photo: quicker, and all that the software adapter has patience for.
    pub fn open_quick(&self, backend: &str) -> Result<()> {
        self.open(&format!("{backend}&views=1"))
    }

    /// Waits until the engine is ready; fails at once where it has failed.
    pub fn wait_for_engine(&self) -> Result<()> {
        self.page
            .wait_for("document.documentElement.dataset.engine !== 'loading'", PATIENCE)?;
        let state: String = self.page.eval("document.documentElement.dataset.engine")?;
        ensure!(state == "ready", "the engine is {state}: {:?}", self.page.messages()?);
        Ok(())
    }

    /// Waits for a condition.
    pub fn wait(&self, condition: &str) -> Result<()> {
        self.page.wait_for(condition, PATIENCE)
    }

    /// Ids of the class cards, in their order.
    pub fn class_ids(&self) -> Result<Vec<u32>> {
        self.page
            .eval("[...document.querySelectorAll('.class-card')].map((card) => Number(card.dataset.classId))")
    }

    /// Names a class.
    pub fn rename(&self, class: u32, name: &str) -> Result<()> {
        let input = format!("[data-class-id='{class}'] .class-name");
        self.page.click(&input)?;
        self.page.press_key("Control+a")?;
        self.page.type_text(name)?;
        self.page.press_key("Enter")
    }

    /// Gives photos to a class through its file picker, without waiting.
    pub fn choose_photos(&self, class: u32, photos: &[PathBuf]) -> Result<()> {
        self.page.set_files(
            &format!("[data-class-id='{class}'] .class-actions input[type=file]"),
            photos,
        )
    }

    /// Gives photos to a class and waits until all its shots are embedded.
    pub fn add_photos(&self, class: u32, photos: &[PathBuf]) -> Result<()> {
        let expected = self.shots(class)? + photos.len();
        self.choose_photos(class, photos)?;
        self.wait_for_shots(class, expected)
    }

    /// Waits until a class has so many embedded shots.
    pub fn wait_for_shots(&self, class: u32, count: usize) -> Result<()> {
        self.wait(&format!(
            "document.querySelectorAll(\"[data-class-id='{class}'] .shot[data-status=ready]\").length === {count}"
        ))
    }

    /// How many shots a class shows, whatever their state.
    pub fn shots(&self, class: u32) -> Result<usize> {
        self.page.eval(&format!(
            "document.querySelectorAll(\"[data-class-id='{class}'] .shot\").length"
        ))
    }

    /// Makes the classes named so, each with its photos; the page's two empty classes are used first.
    pub fn teach(&self, classes: &[(String, Vec<PathBuf>)]) -> Result<Vec<u32>> {
        while self.class_ids()?.len() < classes.len() {
            let before = self.class_ids()?.len();
            self.page.click("#add-class")?;
            self.wait(&format!(
                "document.querySelectorAll('.class-card').length === {}",
                before + 1
            ))?;
        }
        let ids = self.class_ids()?;
        for (id, (name, photos)) in ids.iter().zip(classes) {
            self.rename(*id, name)?;
            self.add_photos(*id, photos)?;
        }
        Ok(ids)
    }

    /// Gives photos to the "try" part and returns what the page says of each, in their order.
    pub fn ask(&self, photos: &[PathBuf]) -> Result<Vec<Shown>> {
        self.page.set_files("#test-input", photos)?;
        self.answers(photos.len())
    }

    /// What the page says of the photos to try, once all of them have an answer.
    pub fn answers(&self, count: usize) -> Result<Vec<Shown>> {
        self.wait(&format!(
            "document.querySelectorAll('.test[data-status=ready] [data-prediction][data-empty=false]').length === {count}"
        ))?;
        // Answers are refreshed together, a moment after the last change.
        self.page
            .eval("new Promise((done) => setTimeout(done, 300)).then(() => true)")
            .map(|_: bool| ())?;
        self.page.eval(
            "[...document.querySelectorAll('.test')]
               .sort((a, b) => a.dataset.testId - b.dataset.testId)
               .map((test) => test.querySelector('[data-prediction]'))
               .map((prediction) => ({
               winner: [...prediction.querySelectorAll('.bar')]
                 .reduce((a, b) => (Number(b.dataset.probability) > Number(a.dataset.probability) ? b : a))
                 .querySelector('.bar-name').textContent,
               method: prediction.dataset.method,
               bars: [...prediction.querySelectorAll('.bar')].map((bar) =>
                 [bar.querySelector('.bar-name').textContent, Number(bar.dataset.probability)]),
             }))",
        )
    }

    /// Presses Train and waits for the trained head.
    pub fn train(&self) -> Result<()> {
        self.wait("!document.querySelector('#train').disabled")?;
        self.page.click("#train")?;
        self.wait("document.querySelector('.train').dataset.head === 'trained'")
    }

    /// Waits until the browser has all that the page shows.
    pub fn wait_until_kept(&self) -> Result<()> {
        self.wait("document.documentElement.dataset.kept === 'saved'")
    }

    /// What is downloaded from now on lies in this folder, which is given back.
    pub fn download_to(&self, folder: &Path) -> Result<PathBuf> {
        let behavior = json!({"behavior": "allow", "downloadPath": folder});
        self.page.send("Page.setDownloadBehavior", behavior)?;
        Ok(folder.to_owned())
    }

    /// Waits for a file that is being downloaded.
    pub fn wait_for_file(&self, file: &Path) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !file.is_file() {
            ensure!(Instant::now() < end, "{} was not downloaded", file.display());
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// The codes of the files that the page has complained about.
    pub fn problem_codes(&self) -> Result<Vec<String>> {
        self.page
            .eval("[...document.querySelectorAll('#problems li')].map((item) => item.dataset.code)")
    }

    /// Fails on anything in the consoles of page and workers.
    pub fn assert_quiet(&self) -> Result<()> {
        let problems = self.page.problems()?;
        if !problems.is_empty() {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("the console is not empty:\n{}", lines.join("\n"));
        }
        Ok(())
    }

    /// One `data-fact` of the engine's line.
    pub fn fact(&self, name: &str) -> Result<String> {
        let expression = format!("document.querySelector(\"[data-fact='{name}']\")?.textContent ?? ''");
        self.page.eval(&expression).context("the engine's facts")
    }
}
