//! Look-ups of next hops: one task each, and no more than so many at a time.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::endpoint::{Input, LocateId};
use crate::locate::{LocateError, Located, Locator, Step, Target};

use super::Resolver;

/// The look-ups under way and those that wait for one to end. Dropping it stops them all.
pub(super) struct Lookups {
    tasks: JoinSet<()>,
    waiting: VecDeque<(LocateId, Target, [u8; 32])>,
    inputs: mpsc::Sender<Input>,
    resolver: Option<Resolver>,
}

impl Lookups {
    /// Answers go to `inputs`.
    pub(super) fn new(inputs: mpsc::Sender<Input>, resolver: Option<Resolver>) -> Self {
        Self { tasks: JoinSet::new(), waiting: VecDeque::new(), inputs, resolver }
    }

    /// Begins a look-up, now or when there is room. `seed` decides between servers of equal priority.
    pub(super) fn begin(&mut self, id: LocateId, target: Target, seed: [u8; 32]) {
        self.waiting.push_back((id, target, seed));
        self.turn();
    }

    /// Begins what there is room for.
    pub(super) fn turn(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        while self.tasks.len() < AT_A_TIME
            && let Some((id, target, seed)) = self.waiting.pop_front()
        {
            let (inputs, resolver) = (self.inputs.clone(), self.resolver.clone());
            self.tasks.spawn(async move {
                let result = match resolver {
                    Some(resolver) => resolver.locate(target, seed).await,
                    None => read(target, seed),
                };
                // The driver may be gone: then nobody waits for it.
                drop(inputs.send(Input::Located { id, result }).await);
            });
        }
    }
}

/// Addresses lead to themselves; without a resolver there is nobody to ask for a name.
fn read(target: Target, seed: [u8; 32]) -> Result<Located, LocateError> {
    let mut locator = Locator::new(target, seed);
    match locator.poll() {
        Step::Done(result) => result,
        Step::Ask(_) | Step::Wait => Err(LocateError::Unanswered),
    }
}

/// Look-ups at a time. Each trunk has two at the most, so that the queue is bounded by the rules.
const AT_A_TIME: usize = 16;
