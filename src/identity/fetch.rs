//! The way to a certificate (THREATS T43): https to ports 443 and 8443, to public addresses, without redirects, 16 KiB and
//! two seconds at most; few at once, and one for each URL.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ai_bridge::flow::HttpsUrl;
use ai_bridge::net::{AddressGuard, ConnectError, GuardError, HttpClient, HttpError, HttpOptions};
use sip_core::identity::{Chain, Failure, Roots};
use sip_core::limits::CHAIN;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::cache::{Cache, Found, Outcome};
use super::{Counts, Settings};

/// Ports that certificates are fetched from.
const PORTS: [u16; 2] = [443, 8443];
/// Fetches under way at once; a call that needs one more is not verified.
const FETCHES: usize = 32;
/// Look-up, connection, retry and body together.
const DEADLINE: Duration = Duration::from_secs(2);

/// Fetches certificates.
pub(super) struct Fetcher {
    client: HttpClient,
    guard: AddressGuard,
    hosts: Vec<String>,
    roots: Arc<Roots>,
    counts: Arc<Counts>,
    cache: Mutex<Cache>,
    running: Arc<Semaphore>,
    runtime: Handle,
}

impl Fetcher {
    pub(super) fn new(settings: Settings, roots: Arc<Roots>, counts: Arc<Counts>, runtime: Handle) -> Self {
        let options = HttpOptions { connect: DEADLINE, total: DEADLINE, max_body: CHAIN };
        Self {
            client: HttpClient::new(settings.tls, options),
            guard: settings.guard,
            hosts: settings.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            roots,
            counts,
            cache: Mutex::default(),
            running: Arc::new(Semaphore::new(FETCHES)),
            runtime,
        }
    }

    /// The certificates at `url`, from the cache or fetched. They led to a root when they came.
    pub(super) async fn chain(self: &Arc<Self>, url: &str, now: u64) -> Outcome {
        let target = self.target(url)?;
        let mut waiting = match self.find_or_fetch(target, now)? {
            Found::Known(outcome) => {
                self.counts.cached();
                return outcome;
            }
            Found::Fetching(waiting) => waiting,
            Found::Nothing => return Err(Failure::Fetch),
        };
        match waiting.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(Failure::Fetch)),
            Err(_) => Err(Failure::Fetch),
        }
    }

    fn find_or_fetch(self: &Arc<Self>, target: HttpsUrl, now: u64) -> Result<Found, Failure> {
        let mut cache = self.cache();
        match cache.find(target.as_str(), Instant::now()) {
            Found::Nothing => {}
            found @ (Found::Known(_) | Found::Fetching(_)) => return Ok(found),
        }
        let permit = Arc::clone(&self.running).try_acquire_owned().map_err(|_| Failure::FetchBusy)?;
        let (sender, waiting) = watch::channel(None);
        cache.begin(target.as_str(), waiting.clone(), Instant::now());
        self.runtime.spawn(Arc::clone(self).run(target, now, sender, permit));
        Ok(Found::Fetching(waiting))
    }

    async fn run(
        self: Arc<Self>,
        target: HttpsUrl,
        now: u64,
        sender: watch::Sender<Option<Outcome>>,
        permit: OwnedSemaphorePermit,
    ) {
        let outcome = self.fetch(&target, now).await;
        if let Err(failure) = &outcome {
            tracing::warn!(
                event = "identity.fetch_failed",
                reason = failure.as_str(),
                host = target.host(),
                port = target.port(),
                "no certificate for an identity"
            );
        }
        self.cache().end(target.as_str(), outcome.clone(), Instant::now());
        sender.send_replace(Some(outcome));
        drop(permit);
    }

    async fn fetch(&self, target: &HttpsUrl, now: u64) -> Outcome {
        self.counts.fetch();
        let answer = self.client.get(target, &self.guard).await.map_err(|error| failure(&error))?;
        let chain = Chain::read(&answer.body)?;
        // Whoever can place a call can have anything fetched; only who is certified gets a lasting place in the cache.
        chain.check(&self.roots, now)?;
        Ok(Arc::new(chain))
    }

    fn target(&self, url: &str) -> Result<HttpsUrl, Failure> {
        let target = HttpsUrl::parse(url).map_err(|_| Failure::Url)?;
        let is_host_allowed = self.hosts.is_empty() || self.hosts.iter().any(|host| host == target.host());
        if is_host_allowed && PORTS.contains(&target.port()) { Ok(target) } else { Err(Failure::FetchRefused) }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.cache().len()
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("hosts", &self.hosts).field("guard", &self.guard).finish_non_exhaustive()
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the lists are open; what is left is a fetch that failed")]
fn failure(error: &HttpError) -> Failure {
    match error {
        HttpError::Connect(ConnectError::Guard(GuardError::Address { .. } | GuardError::NotListed { .. })) => {
            Failure::FetchRefused
        }
        HttpError::Connect(ConnectError::Timeout { .. } | ConnectError::Guard(GuardError::LookUpTimeout { .. }))
        | HttpError::Timeout { .. } => Failure::FetchTimeout,
        HttpError::Redirect { .. } => Failure::FetchRedirect,
        HttpError::TooLong { .. } => Failure::FetchTooLong,
        _ => Failure::Fetch,
    }
}
