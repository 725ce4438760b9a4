//! What a page of this repository may do, in the headers that say so: the one place where they stand. `serve` and the browser
//! tests send them with every response, `dist` writes them into `_headers` and has the service worker send them, and
//! `index.html` repeats the policy in a `<meta>`, for hosts that read neither.
//!
//! Nothing here forbids framing: another site may show the page in an `<iframe>`.

/// Nothing is loaded, asked or sent but from and to the page's own origin; what is shown may also be the page's own blobs.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     connect-src 'self'; style-src 'self'; manifest-src 'self'; img-src 'self' blob:; media-src 'self' blob:; \
     base-uri 'none'; form-action 'none'";

/// The headers of every response.
pub const HEADERS: [(&str, &str); 3] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    // Files are what their type says, and nothing else.
    ("X-Content-Type-Options", "nosniff"),
    // Where a visitor follows a link to is told nothing of where they come from.
    ("Referrer-Policy", "no-referrer"),
];

/// The file `_headers`, which several static hosts read. Whatever changes is asked for anew: the page keeps its files itself.
#[must_use]
pub fn headers_file() -> String {
    let lines = HEADERS.iter().chain(&[("Cache-Control", "no-cache")]);
    let lines: String = lines.map(|(name, value)| format!("  {name}: {value}\n")).collect();
    format!("/*\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_page_carries_the_same_policy() {
        let page = fs::read_to_string(crate::root().join("index.html")).unwrap();
        let meta = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{CONTENT_SECURITY_POLICY}\">");
        let (before, _) = page.split_once(&meta).expect("index.html has the policy of policy.rs");
        assert!(
            !before.contains("<link") && !before.contains("<script"),
            "nothing is loaded before it"
        );
    }

    #[test]
    fn the_headers_file_has_a_line_for_each() {
        let file = headers_file();
        assert!(file.starts_with("/*\n  Content-Security-Policy: default-src 'none'; script-src"));
        assert_eq!(file.lines().count(), 5);
    }
}
