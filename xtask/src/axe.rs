//! axe-core, which finds what shuts people out of a page: gets it, and runs it in a page that is open. What is looked at, and what
//! follows from it, is the browser tests' business.

use crate::cdp::Page;
use crate::npm::Package;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::path::PathBuf;

/// The npm package.
const PACKAGE: Package = Package {
    name: "axe-core",
    version: "4.14.1",
    integrity: "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    files: &["axe.min.js"],
};

/// Runs it in the page and keeps what a person needs. The stripe at a class card's edge is a pseudo-element, beside the words and
/// never behind them; unless told so, it would give up on the contrast of all words in a card.
const RUN: &str = "axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  resultTypes: ['violations'],
  checks: { 'color-contrast': { options: { ignorePseudo: true } } },
}).then(({ violations }) => violations.map(({ id, impact, help, nodes }) => ({
  id,
  impact,
  help,
  places: nodes.map(({ target, failureSummary }) => ({ selector: target.flat().join(' '), summary: failureSummary })),
})))";

/// axe-core, ready to run.
#[derive(Debug)]
pub struct Axe {
    script: String,
}

/// A rule that the page breaks.
#[derive(Debug, Deserialize)]
pub struct Violation {
    /// The rule's name, such as `button-name`.
    pub id: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub impact: Option<String>,
    /// The rule in words.
    pub help: String,
    /// Where it is broken.
    pub places: Vec<Place>,
}

/// An element that breaks a rule.
#[derive(Debug, Deserialize)]
pub struct Place {
    /// By which it is found.
    pub selector: String,
    /// What would mend it.
    pub summary: String,
}

impl Axe {
    /// Fetches it where it is not there yet.
    pub fn prepare() -> Result<Self> {
        let file = home()?.join("axe.min.js");
        let script = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self { script })
    }

    /// What it finds in the page as it is now. The script comes by the DevTools protocol, which the page's policy does not stop.
    pub fn violations(&self, page: &Page) -> Result<Vec<Violation>> {
        if page.eval("typeof axe === 'undefined'")? {
            page.eval::<()>(&format!("{}\n;null", self.script))?;
        }
        page.eval(RUN)
    }
}

fn home() -> Result<PathBuf> {
    PACKAGE.prepare(&crate::target_dir().join("tools"))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let impact = self.impact.as_deref().unwrap_or("unknown impact");
        write!(f, "{} ({impact}): {}", self.id, self.help)?;
        for Place { selector, summary } in &self.places {
            write!(f, "\n  {selector}: {}", summary.replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chrome::Chrome;

    #[test]
    fn what_shuts_people_out_is_found_and_told() {
        let chrome = Chrome::start().unwrap();
        let page = chrome.connect().unwrap().new_page().unwrap();
        page.goto(
            "data:text/html,<!doctype html><html lang=en><title>t</title><main><h1>t</h1><button></button></main>",
        )
        .unwrap();
        let found = Axe::prepare().unwrap().violations(&page).unwrap();
        let [one] = &found[..] else { panic!("{found:?}") };
        let told = one.to_string();
        assert!(
            told.starts_with("button-name (critical): ") && told.contains("\n  button: Fix any of"),
            "{told}"
        );
    }
}
