//! The same question as [`super::decide`], answered with reasons.

use std::fmt::{self, Debug, Display, Formatter};

use serde::Serialize;

use super::{CallFacts, Decision, decide};
use crate::model::{Dialplan, Outcome, Reject, Step, When};

/// Why a call takes the route it takes. `Display` is what `strongline explain` prints.
///
/// It holds the numbers that were asked about: for the operator's terminal, not for logs. `Debug` leaves them out.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The trunk asked about.
    pub trunk: String,
    /// Whether the file has this trunk.
    pub trunk_exists: bool,
    /// The caller asked about.
    pub from: String,
    /// The number asked about.
    pub to: String,
    /// The direction asked about.
    pub direction: &'static str,
    /// The attestation asked about.
    pub attest: &'static str,
    /// Every route, in the order in which they are tried.
    pub routes: Vec<RouteExplanation>,
    /// What happens.
    pub verdict: Verdict,
}

/// Why one route is taken, or is not.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct RouteExplanation {
    /// Its name.
    pub name: String,
    /// The line on which it starts.
    pub line: usize,
    /// Whether all its conditions hold.
    pub fits: bool,
    /// Whether it is the one that is taken: the first that fits.
    pub taken: bool,
    /// Its conditions; one that is not in the file holds and is left out.
    pub conditions: Vec<Condition>,
}

/// One condition of a route.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The key under `when`.
    pub key: &'static str,
    /// What the file says.
    pub wanted: Vec<String>,
    /// What the call has.
    pub found: String,
    /// Whether it holds.
    pub holds: bool,
}

/// What happens to the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It takes the steps of a route.
    Steps {
        /// The route.
        route: String,
        /// The steps in words.
        steps: Vec<String>,
    },
    /// A route refuses it.
    Reject {
        /// The route.
        route: String,
        /// The SIP status.
        status: u16,
    },
    /// No route fits.
    NoRoute {
        /// The SIP status.
        status: u16,
    },
}

/// Says for every route why it fits or does not.
pub fn explain(plan: &Dialplan, facts: &CallFacts) -> Explanation {
    let decision = decide(plan, facts);
    let taken = match &decision {
        Decision::Route(route) | Decision::Reject { route, .. } => Some(*route),
        Decision::NoRoute => None,
    };
    let routes = plan.routes.iter().enumerate().map(|(index, route)| {
        let conditions = conditions(&route.when, facts);
        RouteExplanation {
            name: route.name.to_string(),
            line: plan.line_of_route(index),
            fits: conditions.iter().all(|condition| condition.holds),
            taken: taken.is_some_and(|taken| std::ptr::eq(taken, route)),
            conditions,
        }
    });
    Explanation {
        trunk: facts.trunk.clone(),
        trunk_exists: plan.trunk(&facts.trunk).is_some(),
        from: facts.from.as_str().to_owned(),
        to: facts.to.as_str().to_owned(),
        direction: facts.direction.as_str(),
        attest: facts.attest.as_str(),
        routes: routes.collect(),
        verdict: verdict(&decision),
    }
}

/// The keys under `when`.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Trunk,
    From,
    To,
    Direction,
    Attest,
}

pub(super) const KEYS: [Key; 5] = [Key::Trunk, Key::From, Key::To, Key::Direction, Key::Attest];

pub(super) fn holds(key: Key, when: &When, facts: &CallFacts) -> bool {
    match key {
        Key::Trunk => when.trunk.is_empty() || when.trunk.iter().any(|name| *name == *facts.trunk),
        Key::From => when.from.iter().any(|pattern| pattern.matches(&facts.from)),
        Key::To => when.to.iter().any(|pattern| pattern.matches(&facts.to)),
        Key::Direction => when.direction() == facts.direction,
        Key::Attest => when.attest.is_empty() || when.attest.contains(&facts.attest),
    }
}

fn conditions(when: &When, facts: &CallFacts) -> Vec<Condition> {
    let words = |list: &[crate::value::NumberPattern]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let condition = |key: Key| {
        let (name, wanted, found): (_, Vec<String>, &str) = match key {
            Key::Trunk => ("trunk", when.trunk.iter().map(ToString::to_string).collect(), &facts.trunk),
            Key::From => ("from", words(&when.from), facts.from.as_str()),
            Key::To => ("to", words(&when.to), facts.to.as_str()),
            Key::Direction => ("direction", vec![when.direction().to_string()], facts.direction.as_str()),
            Key::Attest => ("attest", when.attest.iter().map(ToString::to_string).collect(), facts.attest.as_str()),
        };
        Condition { key: name, wanted, found: found.to_owned(), holds: holds(key, when, facts) }
    };
    // That a route is for calls that come in is only worth saying where it is why the call does not fit.
    let silent = |condition: &Condition| condition.key == "direction" && when.direction.is_none() && condition.holds;
    let asked = |condition: &Condition| !condition.wanted.is_empty() && condition.wanted != ["*"] && !silent(condition);
    KEYS.into_iter().map(condition).filter(asked).collect()
}

fn verdict(decision: &Decision<'_>) -> Verdict {
    match decision {
        Decision::NoRoute => Verdict::NoRoute { status: Reject::NO_ROUTE.status },
        Decision::Reject { reject, route } => Verdict::Reject { route: route.name.to_string(), status: reject.status },
        Decision::Route(route) => {
            let steps = match &route.outcome {
                Outcome::Do(steps) => steps.iter().map(in_words).collect(),
                Outcome::Reject(_) => Vec::new(),
            };
            Verdict::Steps { route: route.name.to_string(), steps }
        }
    }
}

fn in_words(step: &Step) -> String {
    match step {
        Step::Ring => "ring".to_owned(),
        Step::Answer => "answer".to_owned(),
        Step::Play(play) => format!("play {}", play.file.path().display()),
        Step::App(app) => format!("ask the app \"{}\"", app.name),
        Step::Stream(stream) => format!("stream to {} ({})", stream.url.host(), stream.dialect),
        Step::Dial(dial) => format!("dial {} on trunk \"{}\"", dial.to.expose(), dial.trunk),
        Step::Transfer(transfer) => format!("transfer to {} ({})", transfer.to.expose(), transfer.mode),
        Step::Hangup => "hang up".to_owned(),
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "An {} call on trunk \"{}\" from {} to {}", self.direction, self.trunk, self.from, self.to)?;
        if !self.trunk_exists {
            writeln!(
                f,
                "note: the file has no trunk \"{}\"; such a call would be refused before any route",
                self.trunk
            )?;
        }
        for route in &self.routes {
            let word = match (route.taken, route.fits) {
                (true, _) => "TAKEN",
                (false, true) => "fits, but an earlier route was taken",
                (false, false) => "no",
            };
            writeln!(f, "  line {:>4}  \"{}\": {word}", route.line, route.name)?;
            if route.conditions.is_empty() {
                writeln!(f, "             it is for every call")?;
            }
            for condition in &route.conditions {
                let Condition { key, wanted, found, holds } = condition;
                let (sign, verb) = if *holds { ("yes", "is") } else { ("no ", "is not") };
                writeln!(f, "             {sign} {key} {found} {verb} {}", wanted.join(" or "))?;
            }
        }
        match &self.verdict {
            Verdict::Steps { route, steps } => {
                writeln!(f, "=> route \"{route}\": {}", steps.join(", then "))
            }
            Verdict::Reject { route, status } => {
                writeln!(f, "=> route \"{route}\" refuses it with {status}")
            }
            Verdict::NoRoute { status } => {
                writeln!(f, "=> no route fits: it is refused with {status}")
            }
        }
    }
}

impl Debug for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("trunk", &self.trunk)
            .field("routes", &self.routes.len())
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

impl Debug for RouteExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, line, fits, taken, conditions: _ } = self;
        write!(f, "RouteExplanation {{ name: {name:?}, line: {line}, fits: {fits}, taken: {taken}, .. }}")
    }
}

impl Debug for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("key", &self.key).field("holds", &self.holds).finish_non_exhaustive()
    }
}
