//! The arrows of the house: who may use whom (ARCHITECTURE.md).

use std::collections::BTreeSet;
use std::process::Command;

/// All normal dependencies of `package`, direct and not, with the given features.
fn dependencies(package: &str, arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--package",
            package,
        ])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect()
}

fn ours(package: &str) -> BTreeSet<String> {
    const OURS: [&str; 5] = ["strongline", "sip-core", "media-engine", "ai-bridge", "dialplan"];
    dependencies(package, &["--all-features"]).into_iter().filter(|name| OURS.contains(&name.as_str())).collect()
}

#[test]
fn sip_core_media_engine_and_dialplan_use_nothing_of_ours() {
    for package in ["sip-core", "media-engine", "dialplan"] {
        assert_eq!(ours(package), BTreeSet::new(), "{package}");
    }
}

#[test]
fn the_bridge_uses_the_media_engine_only() {
    assert_eq!(ours("ai-bridge"), BTreeSet::from(["media-engine".to_owned()]));
}

#[test]
fn the_bridge_takes_only_audio_and_cleared_from_the_media_engine() {
    let mut seen = 0;
    for file in rust_files("ai-bridge/src") {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("media_engine::") {
            let path = &text[at + "media_engine::".len()..];
            assert!(
                path.starts_with("audio::") || path.starts_with("pci::"),
                "{}: media_engine::{}",
                file.display(),
                path.lines().next().unwrap_or_default()
            );
            seen += 1;
        }
    }
    assert!(seen > 0, "the check looked at the wrong files");
}

#[test]
fn cores_have_no_runtime() {
    const SHELLS: [&str; 9] =
        ["tokio", "mio", "socket2", "async-std", "smol", "hyper", "reqwest", "tokio-rustls", "tokio-tungstenite"];
    for package in ["sip-core", "media-engine", "ai-bridge", "dialplan"] {
        let found: Vec<_> = dependencies(package, &["--no-default-features"])
            .into_iter()
            .filter(|name| SHELLS.contains(&name.as_str()))
            .collect();
        assert_eq!(found, Vec::<String>::new(), "{package} without features");
    }
}

/// `Cleared` is minted in `pci/` and nowhere else. Other crates cannot (`tests/ui`); this one is told not to.
#[test]
fn nothing_outside_the_guard_constructs_cleared_audio() {
    let mut inside = 0;
    for file in rust_files("media-engine/src") {
        let text = std::fs::read_to_string(&file).unwrap();
        if file.to_string_lossy().contains("media-engine/src/pci/") {
            inside += text.matches("Cleared").count();
            continue;
        }
        for construction in ["Cleared {", "Cleared(", "Cleared::mint", "Cleared::new", "Cleared::from"] {
            assert!(!text.contains(construction), "{} holds `{construction}`", file.display());
        }
    }
    assert!(inside > 0, "the guard has moved: mend this test");
}

fn rust_files(folder: &str) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    found
}
