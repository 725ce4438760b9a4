//! UglifyJS: gets it, and has it take comments and long names out of the scripts that `dist` packs. Which those are is decided
//! in `dist.rs`. It is one package without dependencies; esbuild's for all systems broke down under Node.js 20 when it was tried.

use crate::npm::{self, Package};
use crate::process;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The npm package.
const PACKAGE: Package = Package {
    name: "uglify-js",
    version: "3.19.3",
    integrity: "sha512-v3Xu+yuwBXisp6QYTcH4UbH+xYJXqnq2m/LtQVWKWzYc1iehYnLixoQDN9FH6/j9/oybfd6W9Ghwkl8+UMKTKQ==",
    files: &["bin", "lib", "tools", "package.json"],
};

/// What is left as it is written would be shorter otherwise, but is repeated less then: brotli makes more of it. The same holds for
/// quotes that are always single ones.
const COMPRESS: &str = "passes=2,booleans=false,comparisons=false,inline=false";

/// UglifyJS, ready to run.
#[derive(Debug)]
pub struct Uglify {
    program: PathBuf,
}

impl Uglify {
    /// Fetches it where it is not there yet.
    pub fn prepare() -> Result<Self> {
        npm::prepare_node()?;
        let home = PACKAGE.prepare(&crate::target_dir().join("tools"))?;
        Ok(Self {
            program: home.join("bin/uglifyjs"),
        })
    }

    /// Rewrites a module in place. What it does stays the same; strings, exports and properties keep their names, but for private
    /// ones, which nothing outside of their class can see.
    pub fn shrink(&self, module: &Path) -> Result<()> {
        process::output(
            Command::new("node")
                .arg(&self.program)
                .arg(module)
                .args([
                    "--module",
                    "--compress",
                    COMPRESS,
                    "--beautify",
                    "beautify=false,quote_style=1",
                    "--mangle",
                    "--mangle-props",
                    "regex=/^#/",
                    "--output",
                ])
                .arg(module),
        )
        .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_module_is_smaller_and_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let module = dir.path().join("sum.mjs");
        let text = "// Adds.\nexport class Sum {\n  #total = 0;\n  /** @param {number} amount */\n  add(amount) {\n    this.#total += amount ?? 1;\n    return `${this.#total}`;\n  }\n}\n";
        fs::write(&module, text).unwrap();
        Uglify::prepare().unwrap().shrink(&module).unwrap();
        let small = fs::read_to_string(&module).unwrap();
        assert!(
            small.len() < text.len() && !small.contains("Adds") && !small.contains("total"),
            "{small}"
        );
        let run =
            "import('./sum.mjs').then(({ Sum }) => { const sum = new Sum(); sum.add(2); console.log(sum.add()); })";
        let said = process::output(Command::new("node").current_dir(dir.path()).args(["-e", run])).unwrap();
        assert_eq!(said.trim(), "3");
    }
}
