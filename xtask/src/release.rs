//! Seals a packed folder: gives it a version, and writes every file's SHA-256 into its service worker, which serves nothing
//! else then. What is packed is `dist.rs`'s business, what follows from the list is `sw.js`'s.

use crate::{links, policy};
use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where `sw.js` has room for the release.
const RELEASE: &str = "const RELEASE = /** @type {Release | null} */ (null);";

/// Where `index.html` has room for the version.
const VERSION: &str = "<meta name=\"version\" content=\"\">";

/// Files that no page loads, or that the service worker cannot list: itself, hosts' settings, licences.
const UNLISTED: [&str; 4] = ["sw.js", "_headers", "LICENSE-MIT", "LICENSE-APACHE"];

/// Seals the folder and returns its version, which is the same for the same files and no others.
pub fn seal(dir: &Path) -> Result<String> {
    let (page, worker) = (dir.join("index.html"), dir.join("sw.js"));
    let headers: Map<String, Value> = policy::HEADERS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let whole = json!({"files": hashes(dir)?, "headers": headers, "worker": read(&worker)?});
    let version = hash(whole.to_string().as_bytes())[..16].to_owned();
    let stamp = VERSION.replace("\"\"", &format!("\"{version}\""));
    fill(&page, VERSION, &stamp)?;
    // With the version in it the page has another hash.
    let release = json!({"version": version, "headers": headers, "files": hashes(dir)?});
    fill(&worker, RELEASE, &format!("const RELEASE = {release};"))?;
    Ok(version)
}

/// Hashes of all that a page may load, by its path below the folder.
fn hashes(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    for file in links::files(dir)? {
        let parts = file.strip_prefix(dir)?.iter().map(|part| part.to_string_lossy());
        let path = parts.collect::<Vec<_>>().join("/");
        if !path.starts_with('.') && !UNLISTED.contains(&path.as_str()) {
            let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            hashes.insert(path, hash(&bytes));
        }
    }
    Ok(hashes)
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn fill(file: &Path, room: &str, with: &str) -> Result<()> {
    let text = read(file)?;
    let (before, after) = text
        .split_once(room)
        .with_context(|| format!("{} has no room for the release: `{room}`", file.display()))?;
    fs::write(file, [before, with, after].concat()).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn folder() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("www")).unwrap();
        for (name, text) in [
            ("index.html", VERSION),
            ("sw.js", RELEASE),
            ("www/main.js", "abc"),
            (".nojekyll", ""),
            ("_headers", "x"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn the_worker_lists_what_the_page_may_load() {
        let dir = folder();
        let version = seal(dir.path()).unwrap();
        let page = read(&dir.path().join("index.html")).unwrap();
        assert_eq!(page, format!("<meta name=\"version\" content=\"{version}\">"));
        let worker = read(&dir.path().join("sw.js")).unwrap();
        let release = worker
            .strip_prefix("const RELEASE = ")
            .unwrap()
            .strip_suffix(';')
            .unwrap();
        let release: Value = serde_json::from_str(release).unwrap();
        assert_eq!(release["version"], version);
        assert_eq!(
            release["headers"]["Content-Security-Policy"],
            policy::CONTENT_SECURITY_POLICY
        );
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            release["files"],
            json!({"index.html": hash(page.as_bytes()), "www/main.js": abc})
        );
    }

    #[test]
    fn versions_follow_the_files_and_the_worker() {
        let version = |file: &str, text: &str| {
            let dir = folder();
            fs::write(dir.path().join(file), text).unwrap();
            seal(dir.path()).unwrap()
        };
        let first = version("www/main.js", "abc");
        assert_eq!(version("www/main.js", "abc"), first);
        assert_eq!(version("_headers", "y"), first);
        assert_ne!(version("www/main.js", "abd"), first);
        assert_ne!(version("www/more.js", ""), first);
        assert_ne!(version("sw.js", &format!("{RELEASE}\n")), first);
    }

    #[test]
    fn a_sealed_folder_is_not_sealed_again() {
        let dir = folder();
        seal(dir.path()).unwrap();
        let error = seal(dir.path()).unwrap_err().to_string();
        assert!(error.contains("index.html has no room"), "{error}");
    }
}
