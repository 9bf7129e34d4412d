//! What the operator sees when a file is wrong.

use dialplan::parse;

/// One snapshot for each broken file: all its errors, then its warnings.
macro_rules! broken {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            let file = concat!(stringify!($name), ".toml");
            let text = include_str!(concat!("broken/", stringify!($name), ".toml"));
            let report = match parse(text, file) {
                Ok(plan) => format!("{}", plan.warnings()),
                Err(errors) => format!("{errors}\n{}", errors.warnings()),
            };
            assert!(!report.is_empty());
            for secret in ["hunter2", "swordfish", "horse", "aHVudGVy"] {
                assert!(!report.contains(secret), "{report}");
            }
            insta::assert_snapshot!(report);
        })+
    };
}

broken!(
    syntax,
    unclosed,
    empty,
    unknown_keys,
    not_available,
    wrong_types,
    bad_values,
    ports,
    secrets,
    insecure,
    client_ca,
    names,
    trunk_values,
    trunk_needs,
    second_leg,
    doubtful_trunks,
    routes,
    warnings,
);
