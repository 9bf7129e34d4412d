//! Which route a call takes, and why.

mod explain;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::{Dialplan, Outcome, Reject, Route, When};
use crate::value::{Attest, Direction, Party};

pub use explain::{Condition, Explanation, RouteExplanation, Verdict, explain};

/// What is known of a call when its route is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// The name of the trunk it came in on, or goes out on.
    pub trunk: String,
    /// The caller.
    pub from: Party,
    /// The number called.
    pub to: Party,
    /// Who started it.
    pub direction: Direction,
    /// How far the caller's number is vouched for.
    pub attest: Attest,
}

impl CallFacts {
    /// An inbound call; `from` and `to` are the user parts of the URIs, see [`Party::from_user`].
    pub fn inbound(trunk: impl Into<String>, from: &str, to: &str) -> Self {
        Self {
            trunk: trunk.into(),
            from: Party::from_user(from),
            to: Party::from_user(to),
            direction: Direction::Inbound,
            attest: Attest::None,
        }
    }

    /// The same call, with what its identity is worth.
    #[must_use]
    pub fn attested(self, attest: Attest) -> Self {
        Self { attest, ..self }
    }

    /// A call that we place over this trunk: the number shown, and the one called.
    pub fn outbound(trunk: impl Into<String>, from: &str, to: &str) -> Self {
        Self { direction: Direction::Outbound, ..Self::inbound(trunk, from, to) }
    }
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    /// It takes this route's steps.
    Route(&'p Arc<Route>),
    /// This route refuses it.
    Reject {
        /// The response.
        reject: &'p Reject,
        /// The route.
        route: &'p Arc<Route>,
    },
    /// No route fits: it is refused with 404.
    NoRoute,
}

/// Finds the first route whose conditions hold.
pub fn decide<'p>(plan: &'p Dialplan, facts: &CallFacts) -> Decision<'p> {
    let fits = |route: &&Arc<Route>| fits(&route.when, facts);
    plan.routes.iter().find(fits).map_or(Decision::NoRoute, decided)
}

fn decided(route: &Arc<Route>) -> Decision<'_> {
    match &route.outcome {
        Outcome::Do(_) => Decision::Route(route),
        Outcome::Reject(reject) => Decision::Reject { reject, route },
    }
}

fn fits(when: &When, facts: &CallFacts) -> bool {
    explain::KEYS.into_iter().all(|key| explain::holds(key, when, facts))
}
