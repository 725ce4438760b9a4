//! Counts results: of the steps, and of the tests whose output goes by (libtest and libtest-mimic print the same lines).

use anyhow::Result;

/// What has passed, failed and been skipped so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Tests since cargo was started the last time.
    tests: u64,
    failures: Vec<String>,
    skips: Vec<String>,
    /// Failures among them.
    failed_tests: u64,
}

impl Tally {
    /// A step that is no test counts as one.
    pub fn step(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                println!("{error:#}");
                self.fail(format!("{name}: {error:#}"));
            }
        }
    }

    /// A line of the tests' output.
    pub fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(totals) = line.strip_prefix("test result: ") {
            let (passed, failed, skipped) = (
                count(totals, "passed"),
                count(totals, "failed"),
                count(totals, "ignored"),
            );
            self.passed += passed;
            self.failed += failed;
            self.skipped += skipped;
            self.failed_tests += failed;
            self.tests += passed + failed;
        } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            if outcome.starts_with("FAILED") {
                self.failures.push(name.to_owned());
            } else if outcome.starts_with("ignored") {
                self.skips.push(format!("{name} ({outcome})"));
            }
        }
    }

    /// Cargo has run its tests. A run that failed without a failed test did not compile, or a test program crashed.
    pub fn ended(&mut self, success: bool) {
        if !success && self.failed_tests == 0 {
            self.fail("cargo test failed although no test did: see above".to_owned());
        } else if self.tests == 0 {
            self.fail("no test ran".to_owned());
        }
        (self.tests, self.failed_tests) = (0, 0);
    }

    /// Whether this counts as success; `strict` forbids skipping.
    pub fn is_good(&self, strict: bool) -> bool {
        self.failed == 0 && (self.skipped == 0 || !strict)
    }

    /// Failed and skipped tests by name, then the line of totals.
    pub fn report(&self, strict: bool) -> String {
        let mut report = String::from("\n");
        let mut list = |title: &str, names: &[String]| {
            if !names.is_empty() {
                report.push_str(&format!("{title}:\n  {}\n\n", names.join("\n  ")));
            }
        };
        list("Failed", &self.failures);
        list(
            if strict {
                "Skipped, which CI=true forbids"
            } else {
                "Skipped"
            },
            &self.skips,
        );
        report.push_str(&format!("{} passed, {} failed", self.passed, self.failed));
        if self.skipped > 0 {
            report.push_str(&format!(", {} skipped", self.skipped));
        }
        report.push('\n');
        report
    }

    fn fail(&mut self, what: String) {
        self.failed += 1;
        self.failures.push(what);
    }
}

/// The number before a word in `ok. 3 passed; 0 failed; 1 ignored; …`.
fn count(totals: &str, word: &str) -> u64 {
    let before = totals.split(word).next().unwrap_or_default();
    before
        .split_whitespace()
        .last()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    fn after(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.line(line);
        }
        tally
    }

    #[test]
    fn results_are_summed() {
        let mut tally = after(&[
            "running 3 tests\n",
            "test a::b ... ok\n",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 1.00s\n",
        ]);
        tally.step("format", Ok(()));
        tally.ended(true);
        assert_eq!(tally.report(true), "\n8 passed, 0 failed\n");
        assert!(tally.is_good(true));
    }

    #[test]
    fn failed_and_skipped_tests_are_named() {
        let mut tally = after(&[
            "test a::bad ... FAILED",
            "test real_photos ... ignored, needs ../shared",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        ]);
        tally.ended(false);
        let report = tally.report(true);
        assert!(report.contains("Failed:\n  a::bad\n"), "{report}");
        assert!(report.contains("real_photos (ignored, needs ../shared)"), "{report}");
        assert!(report.ends_with("\n1 passed, 1 failed, 1 skipped\n"), "{report}");
        assert!(!tally.is_good(false));
    }

    #[test]
    fn skipping_is_forbidden_only_in_ci() {
        let tally = after(&["test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out"]);
        assert!(tally.is_good(false));
        assert!(!tally.is_good(true));
    }

    #[test]
    fn a_crash_counts_as_a_failure() {
        let mut tally = after(&["test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"]);
        tally.ended(false);
        assert!(tally.report(false).ends_with("2 passed, 1 failed\n"));
    }

    #[test]
    fn each_run_answers_for_itself() {
        let mut tally = after(&["test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out"]);
        tally.ended(false);
        tally.ended(false);
        assert!(tally.report(false).ends_with("1 passed, 2 failed\n"));
    }

    #[test]
    fn a_run_without_tests_is_no_success() {
        let mut tally = after(&["test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"]);
        tally.step("format", Ok(()));
        tally.ended(true);
        assert!(!tally.is_good(false));
    }

    #[test]
    fn a_failed_step_is_one_failure() {
        let mut tally = Tally::default();
        tally.step("format", (|| bail!("not formatted"))());
        assert!(tally.report(false).contains("format: not formatted"));
    }
}
