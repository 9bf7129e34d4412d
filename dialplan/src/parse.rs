//! From text to a checked [`Dialplan`], or to everything that is wrong with it.

use std::sync::Arc;

use toml::de::{DeTable, Error as TomlError};

use crate::check;
use crate::limits::{MAX_FILE_OCTETS, MAX_PROBLEMS};
use crate::model::{Dialplan, File, Outcome, Reject, Route, RouteFile};
use crate::report::{Code, Errors, Found, Problem, Source, Warnings};
use crate::rule::{Reader, Table};

/// Reads the text of a dialplan file; `name` is the name of the file in messages.
///
/// All problems are reported at once, each with line, column, and what to do about it.
pub fn parse(source: &str, name: &str) -> Result<Dialplan, Errors> {
    let index = Source::new(source);
    let mut cx = Reader::new(&index);
    if source.len() > MAX_FILE_OCTETS {
        let message = format!("the file has {} octets; at most {MAX_FILE_OCTETS} are read", source.len());
        cx.error(Code::OutOfRange, 0..0, message, "is it the right file?");
        return Err(failed(&cx, name));
    }
    let (document, broken) = DeTable::parse_recoverable(source);
    let file = File::read(&mut cx, document.get_ref(), 0..0);
    check::names(&mut cx);
    if let Some(file) = &file {
        check::across(&mut cx, file);
    }
    if let Some(allowed) = cx.env_secrets {
        check::environment(&mut cx, allowed);
    }
    syntax(&mut cx, &broken);
    match file {
        Some(file) if cx.errors.is_empty() => {
            check::warnings(&mut cx, &file);
            let lines = (0..file.routes.len()).map(|at| (at, index.line(cx.place(&format!("route[{at}]")).start)));
            Ok(Dialplan { lines: lines.collect(), ..plan(file, Warnings::new(name, placed(&cx, &cx.warnings))) })
        }
        Some(_) | None => Err(failed(&cx, name)),
    }
}

/// Where the text is not TOML, nothing is known about what comes after it: only the first error of each line counts, and
/// of the rest of the findings only those that stand before the first broken line.
fn syntax(cx: &mut Reader<'_>, broken: &[TomlError]) {
    let mut places: Vec<(usize, &TomlError)> =
        broken.iter().map(|error| (error.span().map_or(0, |span| span.start), error)).collect();
    places.sort_by_key(|(at, _)| *at);
    let Some((first, _)) = places.first() else {
        return;
    };
    let first = cx.source.line(*first);
    let source = cx.source;
    let known = |found: &Found| {
        let whole = matches!(found.code, Code::MissingKey | Code::UnknownName | Code::Conflict);
        !whole && source.line(found.span.start) < first
    };
    cx.errors.retain(known);
    cx.warnings.clear();
    let mut line = 0;
    for (at, error) in places {
        if cx.source.line(at) == line {
            continue;
        }
        line = cx.source.line(at);
        let span = error.span().unwrap_or(at..at);
        let help = "this is not TOML, or something before it was not closed; see https://toml.io";
        cx.error(Code::Syntax, span, error.message().to_owned(), help);
    }
}

fn failed(cx: &Reader<'_>, name: &str) -> Errors {
    Errors::new(name, placed(cx, &cx.errors), Warnings::new(name, placed(cx, &cx.warnings)))
}

/// Turns offsets into lines and excerpts, in the order of the file: the first ones, and how many there are.
fn placed(cx: &Reader<'_>, found: &[Found]) -> (Vec<Problem>, usize) {
    let mut order: Vec<&Found> = found.iter().collect();
    order.sort_by_key(|found| (found.span.start, found.span.end));
    let shown = order.into_iter().take(MAX_PROBLEMS);
    (shown.map(|found| cx.source.problem(found, &cx.masks)).collect(), found.len())
}

fn plan(file: File, warnings: Warnings) -> Dialplan {
    let routes = file.routes.into_iter().map(|route| Arc::new(checked_route(route)));
    Dialplan {
        sip: file.sip,
        media: file.media,
        danger: file.danger,
        identity: file.identity,
        api: file.api,
        trunks: file.trunks.into_iter().map(Arc::new).collect(),
        apps: file.apps.into_iter().map(Arc::new).collect(),
        routes: routes.collect(),
        warnings,
        lines: std::collections::BTreeMap::default(),
    }
}

fn checked_route(route: RouteFile) -> Route {
    let outcome = match (route.steps, route.reject) {
        (Some(steps), None) => Outcome::Do(steps),
        (_, Some(reject)) => Outcome::Reject(reject),
        // `do_or_reject` has reported it; a file with errors never comes here.
        (None, None) => Outcome::Reject(Reject::from(404)),
    };
    Route { name: route.name, when: route.when, outcome }
}
