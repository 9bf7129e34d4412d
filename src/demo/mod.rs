//! `strongline demo`: the main job on one machine, from one command.
//!
//! It makes a throw-away CA and keys ([`files`]), starts the example AI application ([`app`]) and the server as a child
//! process ([`server`]), places a real call with a caller of its own ([`caller`]), tells the eight steps as they are
//! reported ([`story`]), and measures what came back ([`measure`], [`align`]).

pub mod align;
pub mod app;
mod args;
pub mod caller;
pub mod files;
mod limits;
pub mod measure;
mod probe;
mod result;
mod run;
pub mod screen;
pub mod server;
mod speech;
pub mod story;
mod tls;
pub mod wav;

pub use args::DemoArgs;
pub use result::{DemoResult, Interruption};
pub use run::{DemoError, run};
pub use tls::TlsFacts;
