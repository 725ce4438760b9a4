//! Finds, starts and ends a headless Chromium (or Chrome). What is done with it, over the DevTools protocol, is `cdp`.
//!
//! Every browser gets a fresh profile folder that disappears with it, unless it is given one to keep; it is killed when
//! dropped. It runs without its own sandbox, which neither root nor most containers can have: it only ever opens pages
//! of this repository, from localhost.

use crate::cdp::Browser;
use crate::{apt, process};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Names of the program, in order of preference.
const NAMES: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];

/// Where macOS keeps it.
const MAC_APP: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// How long a browser may take to start.
const START: Duration = Duration::from_secs(60);

/// Headless, alone, silent, and the same on every machine.
const FLAGS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--password-store=basic",
    "--force-color-profile=srgb",
];

/// How a browser is started; see [`Chrome::builder`].
#[derive(Debug, Default)]
pub struct Builder {
    flags: Vec<String>,
    profile: Option<PathBuf>,
}

impl Builder {
    /// With WebGPU, on a software adapter where there is no GPU.
    #[must_use]
    pub fn webgpu(self) -> Self {
        self.flag("--enable-unsafe-webgpu").flag("--enable-features=Vulkan")
    }

    /// With WebGPU on the machine's own GPU through Vulkan, which a headless browser on Linux passes over unless told.
    #[must_use]
    pub fn gpu(self) -> Self {
        self.webgpu()
            .flag("--use-angle=vulkan")
            .flag("--disable-vulkan-surface")
            .flag("--ignore-gpu-blocklist")
    }

    /// With a camera that plays a `.mjpeg` or `.y4m` file in a loop. The page must still be allowed to use it, by
    /// [`Page::set_permission`](crate::cdp::Page::set_permission) or [`Builder::camera_allowed`].
    #[must_use]
    pub fn camera(self, file: &Path) -> Self {
        self.flag("--use-fake-device-for-media-stream")
            .flag(&format!("--use-file-for-fake-video-capture={}", file.display()))
    }

    /// Answers every question for the camera with yes.
    #[must_use]
    pub fn camera_allowed(self) -> Self {
        self.flag("--use-fake-ui-for-media-stream")
    }

    /// Uses this profile folder and keeps it, so that a later browser finds what this one stored.
    #[must_use]
    pub fn profile(mut self, dir: impl Into<PathBuf>) -> Self {
        self.profile = Some(dir.into());
        self
    }

    /// Adds one more command line flag.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Starts the browser and waits until it can be talked to.
    pub fn start(self) -> Result<Chrome> {
        let program = find().context(
            "no Chromium or Chrome was found: `cargo xtask test` installs one; or set CHROME to the program's path",
        )?;
        let own = tempfile::Builder::new()
            .prefix("glimpse-chrome-")
            .tempdir()
            .context("cannot create a profile folder")?;
        let profile = self.profile.unwrap_or_else(|| own.path().join("profile"));
        fs::create_dir_all(&profile).with_context(|| format!("cannot create {}", profile.display()))?;
        let announcement = profile.join("DevToolsActivePort");
        // A kept profile may still hold the last browser's.
        let _ = fs::remove_file(&announcement);
        let said = fs::File::create(own.path().join("stderr"))?;
        let process = Command::new(&program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(&self.flags)
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut chrome = Chrome {
            process,
            own: Some(own),
            address: String::new(),
        };
        chrome.address = chrome.wait_for_address(&announcement)?;
        Ok(chrome)
    }
}

/// A running browser, killed when dropped.
#[derive(Debug)]
pub struct Chrome {
    process: Child,
    own: Option<TempDir>,
    address: String,
}

impl Chrome {
    /// Prepares to start a browser.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a browser with a fresh profile and nothing special.
    pub fn start() -> Result<Chrome> {
        Chrome::builder().start()
    }

    /// A connection of its own; several threads can each have one to the same browser.
    pub fn connect(&self) -> Result<Browser> {
        Browser::connect(&self.address)
    }

    /// Asks the browser to end, as a person does by closing it, and waits for that. (Dropping it is the crash.)
    pub fn close(mut self) -> Result<()> {
        self.connect()?.close()?;
        let until = Instant::now() + START;
        while self.process.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("the browser did not end within {} s", START.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The websocket's address, which the browser writes into its profile: a line with the port, a line with the path.
    fn wait_for_address(&mut self, announcement: &Path) -> Result<String> {
        let until = Instant::now() + START;
        loop {
            if let Some((port, path)) = fs::read_to_string(announcement)
                .ok()
                .as_deref()
                .and_then(|text| text.split_once('\n'))
                && path.trim().starts_with('/')
            {
                return Ok(format!("ws://127.0.0.1:{}{}", port.trim(), path.trim()));
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the browser ended at its start with {status}: {}", self.last_words());
            }
            if Instant::now() > until {
                bail!(
                    "the browser was not ready within {} s: {}",
                    START.as_secs(),
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of what the browser wrote to its standard error.
    fn last_words(&self) -> String {
        let text = self
            .own
            .as_ref()
            .and_then(|own| fs::read(own.path().join("stderr")).ok())
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // Its helper processes end a moment later and may still write into the folder.
        let Some(path) = self.own.take().map(TempDir::keep) else {
            return;
        };
        for _ in 0..50 {
            if fs::remove_dir_all(&path).is_ok() || !path.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The browser to use: `CHROME`, else one from the `PATH`.
#[must_use]
pub fn find() -> Option<PathBuf> {
    let named = std::env::var_os("CHROME")
        .map(PathBuf::from)
        .filter(|path| path.is_file());
    let mac = || Some(PathBuf::from(MAC_APP)).filter(|path| path.is_file());
    named.or_else(|| process::find_program(&NAMES)).or_else(mac)
}

/// Where Debian's packages have their colour emoji and their Chinese characters.
const EMOJI: &str = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
const CHINESE: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";

/// Installs colour emoji on Debian where they are missing: the page draws its animal cards from them. Other systems have
/// their own.
pub fn prepare_emoji() -> Result<()> {
    prepare_font(EMOJI, "fonts-noto-color-emoji", "colour emoji")
}

/// The same for Chinese characters, which pictures of the page need. Nothing else does.
pub fn prepare_chinese() -> Result<()> {
    prepare_font(CHINESE, "fonts-noto-cjk", "Chinese characters")
}

fn prepare_font(file: &str, package: &str, what: &str) -> Result<()> {
    if Path::new(file).is_file() || process::find_program(&["apt-get"]).is_none() {
        return Ok(());
    }
    apt::install(&[package], what)
}

/// Installs Debian's Chromium where there is no browser yet.
pub fn prepare() -> Result<()> {
    if find().is_some() {
        return Ok(());
    }
    apt::install(&["chromium"], "Chromium")?;
    find().context("Chromium was installed, but it is not on the PATH")?;
    Ok(())
}
