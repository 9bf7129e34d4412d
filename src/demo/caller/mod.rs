//! A caller of our own: one real call over SIP (UDP, TCP or TLS) with plain RTP or SDES-SRTP, for the demo and the tests.
//!
//! It is built of the same parts as the server, used in the other role: `sip-core` as UAC, `media-engine` for the media.
//! Each call has a thread of its own with a current-thread runtime, so that its 20 ms are not held up by anything else.
//!
//! ```no_run
//! use strongline::demo::caller::{Call, Caller, HangUp, Sound};
//!
//! # async fn call(server: std::net::SocketAddr, ca_pem: String) -> Result<(), Box<dyn std::error::Error>> {
//! let call = Call::tls(server, "localhost", ca_pem)
//!     .say(Sound::Tone { hz: 440.0, length: std::time::Duration::from_secs(2) })
//!     .hang_up(HangUp::AfterSpeech(std::time::Duration::from_millis(500)));
//! let report = Caller::place(call).await?;
//! println!("{:?} {:?}", report.setup, report.suite);
//! # Ok(())
//! # }
//! ```

mod media;
mod options;
mod report;
mod script;
mod sdp;
mod signalling;
#[cfg(test)]
mod tests;

use tokio::sync::oneshot;

pub use self::options::{Call, HangUp, Protection, Sound, Touch, Via};
pub use self::report::{CallError, CallReport, CallerEvent, End};

/// Places calls. See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Caller;

impl Caller {
    /// Places one call and returns when it is over. Dropping the future hangs up.
    pub async fn place(call: Call) -> Result<CallReport, CallError> {
        let (sender, receiver) = oneshot::channel();
        let (alive, dropped) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("caller".into())
            .spawn(move || {
                let outcome = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(CallError::Socket)
                    .and_then(|runtime| runtime.block_on(signalling::place(call, dropped)));
                // Nobody waits for it when the future was dropped.
                drop(sender.send(outcome));
            })
            .map_err(CallError::Socket)?;
        let outcome = receiver.await.unwrap_or(Err(CallError::Died));
        drop(alive);
        outcome
    }
}
