//! Whom the calls of a trunk may reach.

use std::fmt;
use std::sync::Arc;

use crate::wire::Uri;

/// Says of a target whether it may be called. What it knows is for the call side: sip-core only asks.
#[derive(Clone)]
pub struct Targets(Arc<dyn Fn(&Uri) -> bool + Send + Sync>);

impl Targets {
    /// Those that `permits` says yes to.
    pub fn new(permits: impl Fn(&Uri) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(permits))
    }

    /// Whether this one may be called.
    pub fn permit(&self, target: &Uri) -> bool {
        (self.0)(target)
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").finish_non_exhaustive()
    }
}
