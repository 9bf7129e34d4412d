//! The command line, as an operator sees it.

use std::process::{Command, Output};

use crate::harness::Lab;

fn strongline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strongline")).args(arguments).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn check_says_all_that_is_wrong_at_once() {
    let lab = Lab::new();
    let path = lab.path("broken.toml");
    std::fs::write(
        &path,
        "[sip]\ndomian = \"voice.example.com\"\nlisten = [\"tsl://0.0.0.0\"]\n[media]\nports = \"9-1\"\n",
    )
    .unwrap();
    let output = strongline(&["check", "--dialplan", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    for wanted in ["broken.toml:2:1", "did you mean `domain`", "broken.toml:3:", "broken.toml:5:"] {
        assert!(error.contains(wanted), "{wanted} is not in:\n{error}");
    }
}

#[test]
fn check_reads_what_the_file_names() {
    let lab = Lab::new();
    let path = lab.dialplan("", "[[route]]\nname = \"x\"\ndo = [{ play = { file = \"missing.wav\" } }]");
    let output = strongline(&["check", "--dialplan", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing.wav"), "{}", text(&output.stderr));
    let output = strongline(&["check", "--file-only", "--dialplan", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    lab.tone("missing.wav", std::time::Duration::from_secs(1));
    let output = strongline(&["check", "--dialplan", path.to_str().unwrap()]);
    assert!(output.status.success() && text(&output.stdout).contains("good"), "{}", text(&output.stderr));
}

#[test]
fn explain_names_the_route_and_the_reason() {
    let lab = Lab::new();
    let path = lab.dialplan("", "[[route]]\nname = \"premium\"\nwhen = { to = \"+1900*\" }\nreject = 603\n[[route]]\nname = \"all\"\nreject = 404");
    let path = path.to_str().unwrap();
    let explain = |to: &str| {
        let output =
            strongline(&["explain", "--dialplan", path, "--trunk", "lab", "--from", "+14155550111", "--to", to]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(explain("+19005550100").contains("premium"));
    assert!(explain("+14155550100").contains("all"));
    let output = strongline(&["explain", "--dialplan", path, "--trunk", "nope", "--from", "+1", "--to", "+1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the file has: lab"), "{}", text(&output.stderr));
}

#[test]
fn explain_knows_attestations_and_calls_that_we_place() {
    let lab = Lab::new();
    let root = lab.keys.root().display().to_string();
    let routes = format!(
        "[identity]\nroots = {{ file = \"{root}/ca.pem\" }}\n[[route]]\nname = \"vouched\"\nwhen = {{ attest = [\"A\", \"B\"] }}\nreject = 480\n\
         [[route]]\nname = \"placed\"\nwhen = {{ direction = \"outbound\" }}\nreject = 403\n[[route]]\nname = \"all\"\nreject = 404"
    );
    let path = lab.dialplan("", &routes);
    let explain = |more: &[&str]| {
        let call = ["explain", "--trunk", "lab", "--from", "+14155550111", "--to", "+14155550100", "--dialplan"];
        let output = strongline(&[&call[..], &[path.to_str().unwrap()], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(explain(&[]).contains("=> route \"all\""));
    assert!(explain(&["--attest", "B"]).contains("=> route \"vouched\""));
    assert!(explain(&["--attest", "failed"]).contains("attest failed is not A or B"));
    assert!(explain(&["--direction", "outbound"]).contains("=> route \"placed\""));
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["serve", "check", "explain", "demo"] {
        let output = strongline(&[command, "--help"]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("Examples:"), "{command}");
    }
}

#[test]
fn a_missing_dialplan_is_said_with_what_to_do() {
    let output = strongline(&["serve", "--dialplan", "/nowhere/strongline.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--dialplan FILE"), "{}", text(&output.stderr));
}
