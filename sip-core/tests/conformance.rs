//! Each row of `docs/conformance.md` names code and tests that exist.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether a source file, of Rust or Python, has a function of this name; `…` stands for the rest of it.
fn has(source: &str, name: &str) -> bool {
    let functions = source.split("fn ").skip(1).chain(source.split("def ").skip(1));
    functions.filter_map(|rest| rest.split(['(', '<']).next()).any(|function| {
        // Tests of Python are named with or without what pytest knows them by.
        [Some(function), function.strip_prefix("test_")].into_iter().flatten().any(|function| {
            match (name.strip_prefix('…'), name.strip_suffix('…')) {
                (Some(end), _) => function.ends_with(end),
                (None, Some(start)) => function.starts_with(start),
                (None, None) => function == name,
            }
        })
    })
}

/// The files of a cell exist, and each name after a file is that of a function in one of them.
fn check(cell: &str, row: &str) {
    let mut sources = String::new();
    for word in quoted(cell) {
        if word.contains('/') {
            let path = root().join(word);
            if path.is_dir() {
                continue;
            }
            sources += &fs::read_to_string(path).unwrap_or_else(|_| panic!("`{word}` is no file: {row}"));
        } else if word.contains('_')
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_…".contains(c))
        {
            assert!(sources.is_empty() || has(&sources, word), "`{word}` is no function of its files: {row}");
        }
    }
}

#[test]
fn every_row_names_code_and_tests_that_exist() {
    let text = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let mut rows = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| RFC, section")) {
        if row.contains("| not done: ") {
            continue;
        }
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, _, code, test] = cells[..] else { panic!("not four cells: {row}") };
        assert!(code.contains('/') && test.contains('/'), "no file is named: {row}");
        check(code, row);
        check(test, row);
        rows += 1;
    }
    assert!(rows > 50, "{rows}");
}
