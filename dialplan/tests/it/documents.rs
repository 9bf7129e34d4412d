//! The examples and the documentation are right.

use std::collections::BTreeSet;

use dialplan::{Code, Dialplan, Errors, parse};

/// `examples/dialplans/`
pub(crate) const EXAMPLES: [(&str, &str); 5] = [
    ("echo.toml", include_str!("../../../examples/dialplans/echo.toml")),
    ("production.toml", include_str!("../../../examples/dialplans/production.toml")),
    ("direct-to-bot.toml", include_str!("../../../examples/dialplans/direct-to-bot.toml")),
    ("carrier.toml", include_str!("../../../examples/dialplans/carrier.toml")),
    ("lab.toml", include_str!("../../../examples/dialplans/lab.toml")),
];

const DOCUMENT: &str = include_str!("../../../docs/dialplan.md");

/// What is put in front of an example that shows a part of a file, unless the part brings it.
const REST: [(&str, &str); 5] = [
    (
        "[sip]",
        "[sip]\ndomain = \"voice.example.com\"\nlisten = [\"tls://0.0.0.0:5061\"]\ncertificate = { file = \"c.pem\" }\n\
         key = { file = \"k.pem\" }\nclient_ca = { file = \"ca.pem\" }\n",
    ),
    ("[media]", "[media]\npublic_address = \"203.0.113.10\"\n"),
    ("[[trunk]]", "[[trunk]]\nname = \"carrier-a\"\npeers = [\"tls:sbc.carrier.example\"]\n"),
    (
        "[[app]]",
        "[[app]]\nname = \"support-bot\"\nflow_url = \"https://bot.example.com/flow\"\nsigning = { credential = \"w\" }\n",
    ),
    ("[[route]]", "[[route]]\nname = \"all\"\ndo = [{ app = \"support-bot\" }]\n"),
];

fn whole(part: &str) -> String {
    let has = |header: &str| part.lines().any(|line| line.trim_start().starts_with(header));
    let missing = REST.iter().filter(|(header, _)| !has(header)).map(|(_, text)| *text);
    missing.collect::<String>() + part
}

fn read(part: &str) -> Result<Dialplan, Errors> {
    parse(&whole(part), "example")
}

/// The fenced blocks of the document: what stands after the fence, and the text.
fn blocks() -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = DOCUMENT.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
        blocks.push((info, body.join("\n") + "\n"));
    }
    blocks
}

#[test]
fn the_examples_are_right() {
    for (name, text) in EXAMPLES {
        let plan = parse(text, name).unwrap_or_else(|errors| panic!("{errors}"));
        let codes: BTreeSet<&str> = plan.warnings().problems().iter().map(|problem| problem.code.as_str()).collect();
        // Only the lab has something to be warned of: all that stands under `danger`.
        let expected = if name == "lab.toml" { BTreeSet::from(["danger-in-use"]) } else { BTreeSet::new() };
        assert_eq!(codes, expected, "{}", plan.warnings());
    }
}

#[test]
fn the_examples_of_the_document_are_right() {
    let blocks: Vec<_> = blocks().into_iter().filter(|(info, _)| *info == "toml").collect();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for (_, text) in blocks {
        read(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    }
}

/// A block marked "toml wrong CODE" shows what brings this error or warning, and nothing else.
#[test]
fn the_wrong_examples_of_the_document_are_wrong() {
    let mut shown = BTreeSet::new();
    for (info, text) in blocks() {
        let Some(code) = info.strip_prefix("toml wrong ") else { continue };
        let (problems, report) = match read(&text) {
            Ok(plan) => (plan.warnings().problems().to_vec(), plan.warnings().to_string()),
            Err(errors) => (errors.problems().to_vec(), errors.to_string()),
        };
        let codes: BTreeSet<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, BTreeSet::from([code]), "{report}\n{text}");
        shown.insert(code.to_owned());
    }
    let all: BTreeSet<String> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(shown, all, "each class has its example");
}

#[test]
fn the_document_has_a_section_for_each_class() {
    for code in Code::ALL {
        let heading = format!("### {}", code.as_str());
        assert!(DOCUMENT.lines().any(|line| line == heading), "{heading}");
    }
}

/// Every key of the schema has a row in a table of the document, under the heading of its table.
#[test]
fn the_document_names_every_key() {
    let schema = dialplan::schema();
    let mut missing = Vec::new();
    let mut tables: Vec<(&str, &serde_json::Value)> =
        schema["$defs"].as_object().unwrap().iter().map(|(name, table)| (name.as_str(), table)).collect();
    tables.push(("File", &schema));
    for (name, table) in tables {
        for key in table["properties"].as_object().unwrap().keys() {
            let row = format!("| `{key}` |");
            if !DOCUMENT.lines().any(|line| line.starts_with(&row)) {
                missing.push(format!("{name}.{key}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}
