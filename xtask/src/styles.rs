//! Joins the page's stylesheets into one for `dist`, in the order in which the page names them, without comments and line breaks: one
//! file compresses better than many. What a rule says is not touched.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// How the page names a stylesheet: a line of its own.
const LINK: &str = r#"<link rel="stylesheet" href="./"#;

/// Where the joined one lies.
const JOINED: &str = "www/styles/page.css";

/// Joins the stylesheets of the packed page in `dist`; the single ones go.
pub fn join(dist: &Path) -> Result<()> {
    let page = dist.join("index.html");
    let html = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let (mut lines, mut joined) = (Vec::new(), String::new());
    for line in html.lines() {
        let Some(name) = line.trim().strip_prefix(LINK).and_then(|rest| rest.split('"').next()) else {
            lines.push(line.to_owned());
            continue;
        };
        let file = dist.join(name);
        let css = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        if joined.is_empty() {
            lines.push(line.replace(name, JOINED));
        }
        joined.push_str(&bare(&css));
    }
    fs::write(dist.join(JOINED), joined).with_context(|| format!("cannot write {JOINED}"))?;
    fs::write(&page, lines.join("\n") + "\n").with_context(|| format!("cannot write {}", page.display()))
}

/// Without comments, spaces after colons, and line breaks, for which a space stands where a declaration goes on.
fn bare(css: &str) -> String {
    let mut rest = css;
    let mut text = String::with_capacity(css.len());
    while let Some((before, comment)) = rest.split_once("/*") {
        text.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let mut bare = String::with_capacity(text.len());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        bare.push_str(&line.replace(": ", ":"));
        if !line.ends_with(['{', '}', ';', ',']) {
            bare.push(' ');
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_one_stylesheet_with_all_rules() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("www/styles")).unwrap();
        let html = "<head>\n  <link rel=\"stylesheet\" href=\"./www/styles/a.css\">\n  <link rel=\"stylesheet\" href=\"./www/styles/b.css\">\n  <script src=\"./www/main.js\"></script>\n</head>\n";
        fs::write(dir.path().join("index.html"), html).unwrap();
        fs::write(
            dir.path().join("www/styles/a.css"),
            "/* First,\n   in two lines. */\n\n.a {\n  color: red; /* why */\n}\n",
        )
        .unwrap();
        fs::write(
            dir.path().join("www/styles/b.css"),
            ".b,\n.c {\n  margin:\n    1px\n    2px;\n}\n",
        )
        .unwrap();
        join(dir.path()).unwrap();
        let page = fs::read_to_string(dir.path().join("index.html")).unwrap();
        assert_eq!(
            page,
            "<head>\n  <link rel=\"stylesheet\" href=\"./www/styles/page.css\">\n  <script src=\"./www/main.js\"></script>\n</head>\n"
        );
        let css = fs::read_to_string(dir.path().join(JOINED)).unwrap();
        assert_eq!(css, ".a {color:red;}.b,.c {margin: 1px 2px;}");
        assert!(!dir.path().join("www/styles/a.css").exists());
    }
}
