//! `index.html` names every module that the page starts with, so that they all come at once, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use xtask::root;

/// The modules that a module imports statically, as paths in the repository.
fn imports(module: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(root().join(module)).unwrap_or_else(|error| panic!("{}: {error}", module.display()));
    let folder = module.parent().unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with(['/', '*']))
        .filter_map(|line| {
            let (_, address) = line.split_once(" from '").or_else(|| line.split_once("import '"))?;
            Some(resolved(&folder.join(address.trim_end_matches(['\'', ';']))))
        })
        .collect()
}

/// The path without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(whole.pop()),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    whole
}

#[test]
fn every_module_of_the_start_is_preloaded_and_no_other() {
    let mut reached = BTreeSet::new();
    let mut open = vec![PathBuf::from("www/main.js")];
    while let Some(module) = open.pop() {
        if reached.insert(module.clone()) {
            open.extend(imports(&module));
        }
    }
    assert!(reached.len() > 20, "{reached:?}");
    let page = fs::read_to_string(root().join("index.html")).unwrap();
    let preloaded: BTreeSet<PathBuf> = page
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<link rel=\"modulepreload\" href=\"./"))
        .map(|rest| PathBuf::from(rest.trim_end_matches("\">")))
        .collect();
    assert_eq!(preloaded, reached);
}
