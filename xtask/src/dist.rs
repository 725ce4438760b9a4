//! `cargo xtask dist`: packs `dist/`, a folder that any static host can serve in any sub-path, and proves it by opening it
//! in a headless Chromium. What is in it is decided here, and nowhere else.

use crate::cdp::{Level, Page};
use crate::chrome::{self, Chrome};
use crate::progress::step;
use crate::server::Server;
use crate::uglify::Uglify;
use crate::wasm::{self, Profile};
use crate::weights::{self, Manifest};
use crate::{links, policy, release, root, styles};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What is taken of the repository's top level.
const PAGE: [&str; 6] = [
    "index.html",
    "www",
    "sw.js",
    "manifest.webmanifest",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

/// A sub-path, as on a project page.
const SUB_PATH: &str = "/glimpse";

/// How long the page may take until its engine is ready or has failed.
const ENGINE: Duration = Duration::from_secs(120);

/// Builds, packs and tries `dist/`. `local` also takes weights that must not be published.
pub fn run(local: bool) -> Result<()> {
    let manifest = weights::prepare()?;
    if !local {
        refuse_unpublishable(&manifest)?;
    }
    let package = wasm::package(Profile::Release)?;
    let dist = root().join("dist");
    pack(&dist, &package, &manifest)?;
    step("Making the page's scripts and styles small", || {
        styles::join(&dist)?;
        shrink(&dist.join("www"))
    })?;
    let version = release::seal(&dist)?;
    links::check(&dist)?;
    chrome::prepare()?;
    step("Opening dist/ in a headless Chromium", || try_out(&dist))?;
    let (count, bytes) = size(&dist)?;
    println!(
        "\n  dist/ is ready: version {version}, {count} files, {:.1} MB. Any static host can serve it.\n",
        bytes as f64 / 1e6
    );
    Ok(())
}

fn refuse_unpublishable(manifest: &Manifest) -> Result<()> {
    let path = manifest.path.display();
    if !manifest.trained {
        bail!(
            "{path} says `trained: false`: an untrained network is of no use to visitors. Prepare trained weights \
             (cargo glimpse weights --from FILE-OR-URL), or pack for yourself alone: cargo xtask dist --local"
        );
    }
    if !manifest.redistributable {
        bail!(
            "{path} says `redistributable: false`: these weights may not be published. Prepare others \
             (cargo glimpse weights --from FILE-OR-URL), or pack for yourself alone: cargo xtask dist --local"
        );
    }
    Ok(())
}

/// Fills `dist` anew, with the page as it lies here, the modules of `package`, and a network. It is not sealed yet.
pub fn pack(dist: &Path, package: &Path, manifest: &Manifest) -> Result<()> {
    if dist.exists() {
        fs::remove_dir_all(dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    for name in PAGE {
        copy(&root().join(name), &dist.join(name))?;
    }
    copy(package, &dist.join("pkg"))?;
    for file in [&manifest.path, &manifest.file] {
        let name = file.file_name().context("the manifest names no file")?;
        copy(file, &dist.join("weights").join(name))?;
    }
    fs::write(dist.join("_headers"), policy::headers_file())?;
    // Without it GitHub Pages would leave files out.
    fs::write(dist.join(".nojekyll"), "")?;
    Ok(())
}

/// Copies a file, or a folder without its dotfiles, READMEs and type declarations, which no page loads.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if !text.starts_with('.') && !text.ends_with(".md") && !text.ends_with(".d.ts") {
                copy(&from.join(&name), &to.join(&name))?;
            }
        }
        return Ok(());
    }
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Makes the scripts of a folder smaller.
fn shrink(www: &Path) -> Result<()> {
    let uglify = Uglify::prepare()?;
    for file in links::files(www)? {
        if file.extension().is_some_and(|extension| extension == "js") {
            uglify.shrink(&file)?;
        }
    }
    Ok(())
}

/// Opens a sealed folder below a sub-path, and once more without a network.
pub fn try_out(dist: &Path) -> Result<()> {
    let server = Server::builder(dist).base(SUB_PATH).guarded().start()?;
    let chrome = Chrome::start()?;
    let page = chrome.connect()?.new_page()?;
    page.goto(&server.url("/"))?;
    check_engine(&page)?;
    page.wait_for("navigator.serviceWorker.controller", ENGINE)
        .context("the page was never kept for visits without a network (sw.js)")?;
    server.set_offline(true);
    page.reload().context("without a network the page cannot be opened")?;
    check_engine(&page).context("without a network")?;
    check_requests(&page, &server)
}

/// Waits until the page says that its engine is ready, without any error.
fn check_engine(page: &Page) -> Result<()> {
    page.wait_for(
        "['ready', 'failed'].includes(document.documentElement.dataset.engine)",
        ENGINE,
    )
    .context("the page never said whether its engine is ready (data-engine on <html>)")?;
    let engine: String = page.eval("document.documentElement.dataset.engine")?;
    let errors: Vec<_> = page
        .messages()?
        .into_iter()
        .filter(|message| message.level == Level::Error)
        .collect();
    let list: String = errors.iter().map(|error| format!("\n  {error}")).collect();
    if engine != "ready" || !errors.is_empty() {
        bail!(
            "the page in dist/ says that its engine is {engine:?}; errors: {}{list}",
            errors.len()
        );
    }
    Ok(())
}

/// Fails where the page asked for anything outside of its folder.
fn check_requests(page: &Page, server: &Server) -> Result<()> {
    let strangers: Vec<_> = page.requests()?.into_iter().filter(|url| leaves(url, server)).collect();
    if !strangers.is_empty() {
        bail!(
            "the page in dist/ asks for what lies outside of it: {}",
            strangers.join(", ")
        );
    }
    Ok(())
}

/// Whether an address is on the network but not below the served sub-path.
fn leaves(url: &str, server: &Server) -> bool {
    let inside = url.starts_with(&server.url("/")) || url.starts_with("blob:") || url.starts_with("data:");
    // The browser asks for this by itself where a page names no icon.
    !inside && url != format!("{}/favicon.ico", server.origin())
}

fn size(dir: &Path) -> Result<(usize, u64)> {
    let files = links::files(dir)?;
    let mut bytes = 0;
    for file in &files {
        bytes += fs::metadata(file)?.len();
    }
    Ok((files.len(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compressed;

    fn manifest(redistributable: bool, trained: bool) -> Manifest {
        Manifest {
            path: "weights/manifest.json".into(),
            file: "weights/x".into(),
            redistributable,
            trained,
        }
    }

    /// What a visitor downloads besides modules and network, as any host compresses it, each file for itself.
    #[test]
    fn scripts_and_styles_stay_below_100_kb() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["index.html", "www", "sw.js"] {
            copy(&root().join(name), &dir.path().join(name)).unwrap();
        }
        styles::join(dir.path()).unwrap();
        shrink(dir.path()).unwrap();
        let mut files = links::files(dir.path()).unwrap();
        files.retain(|file| {
            file.extension()
                .is_some_and(|extension| extension == "js" || extension == "css")
        });
        let sizes = compressed::sizes(&files).unwrap();
        let [raw, gzip, brotli] = [0, 1, 2].map(|kind| sizes.iter().map(|size| size[kind]).sum::<f64>());
        println!("{} files: {raw} bytes, {gzip} by gzip, {brotli} by brotli", files.len());
        assert!(brotli <= 100_000.0, "{brotli} bytes by brotli");
    }

    #[test]
    fn only_free_trained_weights_are_published() {
        assert!(refuse_unpublishable(&manifest(true, true)).is_ok());
        for (bad, word) in [
            (manifest(false, true), "redistributable"),
            (manifest(true, false), "untrained"),
        ] {
            let error = refuse_unpublishable(&bad).unwrap_err().to_string();
            assert!(
                error.contains(word) && error.contains("manifest.json") && error.contains("--local"),
                "{error}"
            );
        }
    }
}
