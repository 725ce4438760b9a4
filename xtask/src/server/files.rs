//! From a request's path to a file below one of the mounted folders, and never to one outside. No HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What lies at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A folder that was asked for without its final slash.
    Folder,
    File(PathBuf),
}

/// The part of `path` below `prefix`: `/weights/a` below `/weights` is `/a`; `/weightsX` is not below it.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Looks a path up in the mounts, the latest first. Nothing is found at or below a hidden path.
pub(super) fn find(path: &str, hidden: &[String], mounts: &[(String, PathBuf)]) -> Found {
    let Some(path) = decode(path) else {
        return Found::Nothing;
    };
    // An empty part would hide a hidden path's name from the comparison.
    if path.contains("//") || hidden.iter().any(|hidden| below(&path, hidden).is_some()) {
        return Found::Nothing;
    }
    let hit = mounts
        .iter()
        .rev()
        .find_map(|(prefix, dir)| Some((below(&path, prefix)?, dir)));
    let Some((rest, dir)) = hit else { return Found::Nothing };
    let Some(file) = safe_join(dir, rest) else {
        return Found::Nothing;
    };
    if !file.is_dir() {
        return if file.is_file() {
            Found::File(file)
        } else {
            Found::Nothing
        };
    }
    let index = file.join("index.html");
    match (path.ends_with('/'), index.is_file()) {
        (_, false) => Found::Nothing,
        (true, true) => Found::File(index),
        (false, true) => Found::Folder,
    }
}

/// The file's bytes and an ETag made of its length and time.
pub(super) fn read(file: &Path) -> std::io::Result<(Vec<u8>, String)> {
    let meta = fs::metadata(file)?;
    let changed = meta
        .modified()?
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_nanos());
    Ok((fs::read(file)?, format!("\"{:x}-{changed:x}\"", meta.len())))
}

/// The media type a browser needs for a file's extension.
pub(super) fn mime(file: &Path) -> &'static str {
    let extension = file
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" | "ts" | "rs" | "toml" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

/// `dir` joined with a path, if that names nothing hidden and nothing outside, links included.
fn safe_join(dir: &Path, path: &str) -> Option<PathBuf> {
    let mut file = dir.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        // A leading dot also covers `.` and `..`.
        if part.starts_with('.') || part.contains(['\\', ':', '\0']) {
            return None;
        }
        file.push(part);
    }
    let real = file.canonicalize().ok()?;
    real.starts_with(dir.canonicalize().ok()?).then_some(real)
}

/// Resolves `%41` and the like; `None` for what is not UTF-8 then.
fn decode(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_resolved() {
        assert_eq!(decode("/a%20b/%C3%A4").as_deref(), Some("/a b/ä"));
        assert_eq!(decode("/%zz"), None);
        assert_eq!(decode("/%4"), None);
        assert_eq!(decode("/%ff"), None);
    }

    #[test]
    fn prefixes_end_at_slashes() {
        assert_eq!(below("/weights/a", "/weights"), Some("/a"));
        assert_eq!(below("/weights", "/weights"), Some(""));
        assert_eq!(below("/weightsX", "/weights"), None);
        assert_eq!(below("/x", ""), Some("/x"));
    }

    #[test]
    fn nothing_outside_or_hidden_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        fs::create_dir_all(inside.join(".git")).unwrap();
        fs::write(dir.path().join("secret"), "").unwrap();
        fs::write(inside.join(".git/config"), "").unwrap();
        fs::write(inside.join("page.html"), "").unwrap();
        let mounts = [(String::new(), inside.clone())];
        fs::create_dir(inside.join("target")).unwrap();
        fs::write(inside.join("target/built"), "").unwrap();
        let hidden = ["/target".to_owned()];
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/..\\secret",
            "/a/../page.html",
            "/.git/config",
            "/target/built",
            "/%74arget/built",
            "//target/built",
            "/",
        ] {
            assert_eq!(find(path, &hidden, &mounts), Found::Nothing, "{path}");
        }
        let page = inside.join("page.html").canonicalize().unwrap();
        assert_eq!(find("/page.html", &hidden, &mounts), Found::File(page));
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_folder_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        fs::create_dir(&inside).unwrap();
        fs::write(dir.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), inside.join("link")).unwrap();
        assert_eq!(find("/link", &[], &[(String::new(), inside)]), Found::Nothing);
    }
}
