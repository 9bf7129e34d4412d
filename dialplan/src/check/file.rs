//! Checks across the tables of the file.

use std::collections::BTreeMap;

use super::{routes, trunks};
use crate::model::File;
use crate::report::{Code, did_you_mean, join_words};
use crate::rule::{Kind, Reader};

/// Names: each is given once, and each that is used exists.
pub(crate) fn names(cx: &mut Reader<'_>) {
    let mut known: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    for (kind, name, span) in cx.defined.clone() {
        let kind_word = kind.as_str();
        let line = cx.source.line(span.start);
        if let Some(first) = known.get(&(kind, name.clone())) {
            let message = format!("a second {kind_word} named \"{name}\"; the first is on line {first}");
            cx.error(Code::Duplicate, span, message, format!("give each {kind_word} its own name"));
        } else {
            known.insert((kind, name), line);
        }
    }
    for (kind, name, span) in cx.used.clone() {
        if known.contains_key(&(kind, name.clone())) {
            continue;
        }
        let kind_word = kind.as_str();
        let names = || known.keys().filter(|(other, _)| *other == kind).map(|(_, name)| name.as_str());
        let help = match did_you_mean(&name, names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if names().next().is_none() => format!("the file has no [[{kind_word}]]"),
            None => format!("the file has {}", join_words(names().take(MOST_NAMES_SHOWN))),
        };
        cx.error(Code::UnknownName, span, format!("no {kind_word} is named \"{name}\""), help);
    }
}

/// Secrets from the environment: allowed only by `[danger]`.
pub(crate) fn environment(cx: &mut Reader<'_>, allowed: bool) {
    if allowed {
        let place = cx.place("danger.env_secrets");
        let message = "secrets may come from the environment, which every process of this user can read";
        let help = "use { credential = \"name\" } or { file = \"/path\" }, then remove the key";
        return cx.warn(Code::DangerInUse, place, message, help);
    }
    for span in cx.from_env.clone() {
        let message = "a secret from the environment, which every process of the same user can read";
        let help = "use { credential = \"name\" } or { file = \"/path\" }, or add [danger] env_secrets = true";
        cx.error(Code::NeedsDanger, span, message, help);
    }
}

/// What is only worth saying about a file without errors: its warnings.
pub(crate) fn warnings(cx: &mut Reader<'_>, file: &File) {
    let pairs = file.media.ports.pairs();
    if pairs < file.sip.max_calls {
        let place = cx.place("media.ports");
        let place = if place.is_empty() { cx.place("media") } else { place };
        let message = format!("room for {pairs} calls, but `sip.max_calls` is {}", file.sip.max_calls);
        cx.warn(Code::Doubtful, place, message, "widen `media.ports` (two ports a call) or lower `sip.max_calls`");
    }
    for (index, app) in file.apps.iter().enumerate() {
        let used = cx.used.iter().any(|(kind, name, _)| *kind == Kind::App && app.name == **name);
        if !used {
            let place = cx.place(&format!("app[{index}].name"));
            cx.warn(
                Code::Unused,
                place,
                format!("no route uses the app \"{}\"", app.name),
                "add a route, or remove it",
            );
        }
    }
    if file.trunks.is_empty() {
        cx.warn(Code::Doubtful, 0..0, "the file has no [[trunk]]: every call is refused", "add a [[trunk]]");
    }
    if file.routes.is_empty() {
        cx.warn(Code::Doubtful, 0..0, "the file has no [[route]]: every call is refused with 404", "add a [[route]]");
    }
    trunks::overlaps(cx, &file.trunks);
    routes::unreachable(cx, &file.routes, &file.trunks);
}

const MOST_NAMES_SHOWN: usize = 10;
