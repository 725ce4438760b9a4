//! Finds, in HTML, JavaScript and CSS, what would break a page that lies in a sub-path or would leave its origin: loads by
//! an absolute path (`"/www/app.js"`) or from another host. Links that a person clicks (`<a href>`) may go anywhere.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// What stands before an address that will be loaded. Compared with the blanks removed.
const LOADS: [&str; 16] = [
    "src=",
    "srcset=",
    "href=",
    "poster=",
    "action=",
    "data=",
    "from",
    "import",
    "import(",
    "fetch(",
    "Worker(",
    "URL(",
    "Request(",
    "register(",
    "importScripts(",
    "url(",
];

/// Fails with the list of forbidden loads in the folder's pages, scripts and styles.
pub fn check(dir: &Path) -> Result<()> {
    let mut found = Vec::new();
    for file in files(dir)? {
        let kind = file
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if !matches!(kind, "html" | "js" | "mjs" | "css" | "webmanifest") {
            continue;
        }
        let text = fs::read_to_string(&file).with_context(|| format!("{} is not text", file.display()))?;
        let name = file.strip_prefix(dir).unwrap_or(&file).display().to_string();
        found.extend(
            loads(&text)
                .into_iter()
                .map(|(line, address)| format!("  {name}:{line}: {address}")),
        );
    }
    if !found.is_empty() {
        bail!(
            "only relative addresses may be loaded, so that the page works in any sub-path:\n{}",
            found.join("\n")
        );
    }
    Ok(())
}

/// All files below a folder, sorted.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(files(&path)?)
        } else {
            all.push(path)
        }
    }
    all.sort();
    Ok(all)
}

/// Line and address of each forbidden load in a text.
fn loads(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, _) in text.char_indices() {
        let address = &text[start..];
        if !is_elsewhere(address) {
            continue;
        }
        let before = text[..start].trim_end_matches(char::is_whitespace);
        let quoted = before.ends_with(['"', '\'', '`']);
        let context = before.trim_end_matches(['"', '\'', '`']).trim_end();
        if (quoted || context.ends_with("url(")) && is_load(context) && !is_in_anchor(context) {
            let end = address
                .find(['"', '\'', '`', ')', '\n', ' ', '>'])
                .unwrap_or(address.len());
            found.push((text[..start].lines().count().max(1), address[..end].to_owned()));
        }
    }
    found
}

fn is_elsewhere(address: &str) -> bool {
    address.starts_with('/') || address.starts_with("http://") || address.starts_with("https://")
}

fn is_load(context: &str) -> bool {
    let tail: String = {
        let characters: Vec<char> = context.chars().rev().filter(|c| !c.is_whitespace()).take(16).collect();
        characters.into_iter().rev().collect()
    };
    LOADS.iter().any(|load| tail.ends_with(load))
}

/// Whether the attribute belongs to an `<a …` tag.
fn is_in_anchor(context: &str) -> bool {
    let Some(tag) = context.rfind('<') else { return false };
    let name: String = context[tag + 1..]
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    name.eq_ignore_ascii_case("a") && context.ends_with('=')
}

#[cfg(test)]
mod tests {
    use super::loads;

    fn addresses(text: &str) -> Vec<String> {
        loads(text).into_iter().map(|(_, address)| address).collect()
    }

    #[test]
    fn absolute_paths_and_other_hosts_are_found() {
        assert_eq!(
            addresses(r#"<script type="module" src="/www/app.js"></script>"#),
            ["/www/app.js"]
        );
        assert_eq!(
            addresses(r#"<link rel="stylesheet" href = "https://x.test/a.css">"#),
            ["https://x.test/a.css"]
        );
        assert_eq!(addresses("import { a } from '/www/a.js';"), ["/www/a.js"]);
        assert_eq!(addresses("import \"//x.test/a.js\";"), ["//x.test/a.js"]);
        assert_eq!(
            addresses("await fetch(`/weights/manifest.json`)"),
            ["/weights/manifest.json"]
        );
        assert_eq!(addresses("new Worker(\n  '/www/worker.js')"), ["/www/worker.js"]);
        assert_eq!(addresses("a { background: url(/www/a.png) }"), ["/www/a.png"]);
        assert_eq!(
            addresses("@import url(\"http://x.test/a.css\");"),
            ["http://x.test/a.css"]
        );
    }

    #[test]
    fn relative_addresses_text_and_anchors_are_left_alone() {
        assert!(addresses(r#"<script src="www/app.js"></script> <img src="./a.png">"#).is_empty());
        assert!(addresses(r#"<a class="x" href="https://x.test/">elsewhere</a>"#).is_empty());
        assert!(addresses("// see https://x.test/ for why\nconst text = 'from /etc or \"/\"';").is_empty());
        assert!(addresses("const ratio = a / b; new URL('worker.js', import.meta.url)").is_empty());
        assert!(addresses("const ns = 'http://www.w3.org/2000/svg';").is_empty());
    }

    #[test]
    fn lines_are_counted() {
        assert_eq!(loads("\n\nfetch('/x')")[0].0, 3);
    }
}
