//! Seals a packed folder: names the folders of its code after its version, and writes every file's SHA-256 into its service
//! worker, which serves nothing else then. What is packed is `dist.rs`'s business, what follows from the list is `sw.js`'s.

use crate::{links, policy};
use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where `sw.js` has room for the release.
const RELEASE: &str = "const RELEASE = /** @type {Release | null} */ (null);";

/// Files that no page loads, or that the service worker cannot list: itself, hosts' settings, licences.
const UNLISTED: [&str; 4] = ["sw.js", "_headers", "LICENSE-MIT", "LICENSE-APACHE"];

/// The folders of code, and what names each from outside of it: file and beginning of the address. Names inside are relative.
const FOLDERS: [(&str, &[(&str, &str)]); 2] = [
    ("pkg", &[("www/engine/module.js", "../../pkg")]),
    ("www", &[("index.html", "./www"), ("manifest.webmanifest", "./www")]),
];

/// What pages of others import from `www/`, an address that stays while versions come and go.
const LASTING: [&str; 2] = ["api.js", "api.d.ts"];

/// Seals the folder and returns its version, which is the same for the same files and no others.
pub fn seal(dir: &Path) -> Result<String> {
    let worker = dir.join("sw.js");
    let headers: Map<String, Value> = policy::HEADERS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let whole = json!({"files": hashes(dir)?, "headers": headers, "worker": read(&worker)?});
    let version = hash(whole.to_string().as_bytes())[..16].to_owned();
    for (folder, uses) in FOLDERS {
        for (file, address) in uses {
            replace(
                &dir.join(file),
                &format!("{address}/"),
                &format!("{address}-{version}/"),
            )?;
        }
        fs::rename(dir.join(folder), dir.join(format!("{folder}-{version}")))
            .with_context(|| format!("cannot rename {folder} in {}", dir.display()))?;
    }
    lead_on(&dir.join("www"), &version)?;
    let release = json!({"version": version, "headers": headers, "files": hashes(dir)?});
    replace(&worker, RELEASE, &format!("const RELEASE = {release};"))?;
    Ok(version)
}

/// Fills `www` with files that lead to those of the version.
fn lead_on(www: &Path, version: &str) -> Result<()> {
    fs::create_dir(www).with_context(|| format!("cannot create {}", www.display()))?;
    for name in LASTING {
        let text = format!("export * from '../www-{version}/api.js';\n");
        fs::write(www.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
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

/// Replaces a text wherever it stands in a file; it must stand there.
fn replace(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = read(file)?;
    ensure!(text.contains(from), "{} was to have `{from}` in it", file.display());
    fs::write(file, text.replace(from, to)).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn folder() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["pkg/light", "www/engine"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for (name, text) in [
            ("index.html", "./www/main.js ./www/a.css"),
            ("manifest.webmanifest", "./www/icon"),
            ("pkg/light/glimpse.js", "abc"),
            ("sw.js", RELEASE),
            ("www/engine/module.js", "../../pkg/light/"),
            (".nojekyll", ""),
            ("_headers", "x"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn folders_of_code_are_named_after_the_version() {
        let dir = folder();
        let version = seal(dir.path()).unwrap();
        let text = |file: &str| read(&dir.path().join(file)).unwrap();
        assert_eq!(
            text("index.html"),
            format!("./www-{version}/main.js ./www-{version}/a.css")
        );
        assert_eq!(text("manifest.webmanifest"), format!("./www-{version}/icon"));
        assert_eq!(
            text(&format!("www-{version}/engine/module.js")),
            format!("../../pkg-{version}/light/")
        );
        assert_eq!(text(&format!("pkg-{version}/light/glimpse.js")), "abc");
        assert!(!dir.path().join("pkg").exists());
        assert_eq!(
            text("www/api.js"),
            format!("export * from '../www-{version}/api.js';\n")
        );
    }

    #[test]
    fn the_worker_lists_what_the_page_may_load() {
        let dir = folder();
        let version = seal(dir.path()).unwrap();
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
        let files = release["files"].as_object().unwrap();
        let (module, cpu) = (
            format!("www-{version}/engine/module.js"),
            format!("pkg-{version}/light/glimpse.js"),
        );
        let names: Vec<&String> = files.keys().collect();
        let (types, api) = ("www/api.d.ts", "www/api.js");
        assert_eq!(names, ["index.html", "manifest.webmanifest", &cpu, &module, types, api]);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(files[&cpu], abc);
    }

    #[test]
    fn versions_follow_the_files_and_the_worker() {
        let version = |file: &str, text: &str| {
            let dir = folder();
            fs::write(dir.path().join(file), text).unwrap();
            seal(dir.path()).unwrap()
        };
        let first = version("pkg/light/glimpse.js", "abc");
        assert_eq!(version("pkg/light/glimpse.js", "abc"), first);
        assert_eq!(version("_headers", "y"), first);
        assert_ne!(version("pkg/light/glimpse.js", "abd"), first);
        assert_ne!(version("www/more.js", ""), first);
        assert_ne!(version("sw.js", &format!("{RELEASE}\n")), first);
    }

    #[test]
    fn a_sealed_folder_is_not_sealed_again() {
        let dir = folder();
        seal(dir.path()).unwrap();
        assert!(seal(dir.path()).is_err());
    }

    #[test]
    fn what_is_to_be_named_anew_is_there() {
        for (file, address) in FOLDERS.iter().flat_map(|(_, uses)| *uses) {
            assert!(
                read(&crate::root().join(file))
                    .unwrap()
                    .contains(&format!("{address}/"))
            );
        }
        assert!(read(&crate::root().join("sw.js")).unwrap().contains(RELEASE));
    }
}
