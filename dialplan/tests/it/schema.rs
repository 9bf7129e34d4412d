//! The JSON Schema: checked in, current, and never stricter than the parser.

use dialplan::parse;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;

use crate::documents::EXAMPLES;

fn validator() -> Validator {
    jsonschema::validator_for(&dialplan::schema()).unwrap()
}

fn as_json(toml: &str) -> Option<Value> {
    toml::from_str(toml).ok()
}

#[test]
fn the_schema_in_the_tree_is_current() {
    let checked_in: Value = serde_json::from_str(include_str!("../../dialplan.schema.json")).unwrap();
    assert!(
        checked_in == dialplan::schema(),
        "run: cargo run -p dialplan --example dialplan_schema > dialplan/dialplan.schema.json"
    );
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::meta::validate(&dialplan::schema()).is_ok());
}

#[test]
fn the_schema_accepts_the_examples() {
    let validator = validator();
    for (name, text) in EXAMPLES {
        let json = as_json(text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
}

/// Every default in the schema is a value that the schema itself accepts, in its place.
#[test]
fn defaults_are_valid() {
    let schema = dialplan::schema();
    let mut seen = 0;
    for table in schema["$defs"].as_object().unwrap().values() {
        for property in table["properties"].as_object().unwrap().values() {
            let Some(default) = property.get("default") else { continue };
            let mut alone = property.clone();
            alone["$defs"] = schema["$defs"].clone();
            assert!(jsonschema::is_valid(&alone, default), "{property}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn what_the_schema_refuses_the_parser_refuses() {
    refused_by_both(
        EXAMPLES[1].1,
        &[
            ("domain ", "domian "),
            ("\"tls://0.0.0.0:5061\"", "\"http://0.0.0.0:5061\""),
            ("max_calls   = 2000", "max_calls   = 0"),
            ("max_calls   = 2000", "max_calls   = \"many\""),
            ("{ credential = \"sip-tls-key\" }", "\"-----BEGIN PRIVATE KEY-----\""),
            ("{ credential = \"sip-tls-key\" }", "{ vault = \"x\" }"),
            ("{ credential = \"sip-tls-key\" }", "{ credential = \"a\", file = \"b\" }"),
            ("\"20000-29999\"", "20000"),
            ("\"tls:sbc.carrier-a.example\"", "\"sip:sbc.carrier-a.example\""),
            ("[\"pcma\", \"pcmu\"]", "[\"opus\"]"),
            ("https://bot.example.com/flow", "http://bot.example.com/flow"),
            ("rate = 16000", "rate = 44100"),
            ("\"hangup\"\n\n[[app]]", "\"explode\"\n\n[[app]]"),
            ("{ ring = {} }", "{ record = {} }"),
            ("{ ring = {} }", "{ ring = {}, answer = {} }"),
            ("{ ring = {} }", "{}"),
            ("\"+1415777*\"", "\"+1 415 777\""),
            ("reject = 404", "reject = 200"),
            ("reject = 404", "reject = 404\nschedule = {}"),
            ("[media]", "[recording]\n[media]"),
        ],
    );
    refused_by_both(
        EXAMPLES[3].1,
        &[
            ("to                = \"sips:sip.carrier.example\"", "to = \"https://sip.carrier.example\""),
            ("\"+1650*\"", "\"+1 650\""),
            ("\"sips:*@pbx.example.com\"", "\"pbx.example.com\""),
            ("expires = 600", "expires = 6"),
            ("calls_per_day     = 500", "calls_per_day = 0"),
            ("reliable   = \"supported\"", "reliable = true"),
            ("identity   = \"mark\"", "identity = \"trust\""),
            ("attest = [\"A\", \"B\"]", "attest = [\"A\", \"Z\"]"),
            ("mode = \"attended\"", "mode = \"warm\""),
            ("{ credential = \"carrier-a-password\" }", "\"hunter2\""),
            ("\"http://127.0.0.1:8080\"", "\"127.0.0.1:8080\""),
            ("trunks = [\"carrier-a\"]", "trunks = []"),
            ("options = 30", "options = 30\nrefer = \"accept\""),
        ],
    );
}

/// Each change makes a file that neither the schema nor the parser accepts.
fn refused_by_both(base: &str, changes: &[(&str, &str)]) {
    let validator = validator();
    for (from, to) in changes {
        assert!(base.contains(from), "{from}");
        let broken = base.replacen(from, to, 1);
        let json = as_json(&broken).unwrap();
        assert!(!validator.is_valid(&json), "the schema accepts {to}");
        assert!(parse(&broken, "broken").is_err(), "the parser accepts {to}");
    }
}

/// Values of every kind, to be put where others stood.
const VALUES: [&str; 22] = [
    "1",
    "0",
    "404",
    "8000",
    "20",
    "-1",
    "1.5",
    "true",
    "\"\"",
    "\"x\"",
    "\"*\"",
    "\"+1*\"",
    "\"off\"",
    "\"hangup\"",
    "\"pcmu\"",
    "\"10.0.0.0/8\"",
    "\"https://a.example/\"",
    "[]",
    "[\"x\"]",
    "{}",
    "{ file = \"f\" }",
    "1979-05-27",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A file with some lines gone and some values exchanged: if the schema refuses it, so does the parser.
    #[test]
    fn the_schema_is_never_stricter(
        example in 0..EXAMPLES.len(),
        gone in proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        exchanged in proptest::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&VALUES[..])), 0..3),
    ) {
        let mut lines: Vec<String> = EXAMPLES[example].1.lines().map(str::to_owned).collect();
        for (index, value) in exchanged {
            let line = &mut lines[index.index(EXAMPLES[example].1.lines().count())];
            if let Some((key, _)) = line.clone().split_once('=') {
                *line = format!("{key}= {value}");
            }
        }
        for index in gone {
            let index = index.index(lines.len());
            lines.remove(index);
        }
        let text = lines.join("\n");
        let Some(json) = as_json(&text) else {
            prop_assert!(parse(&text, "mutant").is_err());
            return Ok(());
        };
        if parse(&text, "mutant").is_ok() {
            prop_assert!(VALIDATOR.with(|validator| validator.is_valid(&json)), "{text}");
        }
    }
}

thread_local! {
    static VALIDATOR: Validator = validator();
}
