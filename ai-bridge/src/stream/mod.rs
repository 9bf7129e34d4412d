//! Streams: a call's audio to an application and back, in the dialect the application speaks.
//!
//! ```text
//!            caller                                            application
//! &Cleared<Pcm> ─► pieces ─► encoder ─► outbox (2 s, drop oldest, gap) ─► poll_message ─► socket
//!           Pcm ◄─ pop_playout ◄─ PlayQueue (marks, clear) ◄─ parser ◄─ handle_text / handle_binary ◄─ socket
//! ```
//!
//! [`StreamSession`] knows no dialect: it holds the queues, marks, barge-in and bounds. A dialect is an encoder and a
//! parser beside it. Neither direction waits for the other. A session is one stream of one call; how many of them share
//! a connection is not its business.
//!
//! Feed it one thing (`uplink`, `handle_text`, `handle_binary`, `on_frame_sent`, …), then drain `poll_message` and
//! `poll_event`.

mod dialect;
mod event;
mod native;
mod outbox;
mod pieces;
mod playout;
mod session;
mod start;
mod stats;
mod teler;

pub use self::dialect::Dialect;
pub use self::event::{CloseCode, Digits, StopReason, StreamEvent, WsMessage};
pub use self::native::{FlowState, FromApp, Media, SUBPROTOCOL, ToApp, schema as native_schema};
pub use self::playout::{ChunkId, Cleared, Mark, MarkState, MarksFull, PlayQueue, Pushed, QueueLimits};
pub use self::session::StreamSession;
pub use self::start::{StreamOptions, StreamStart};
pub use self::stats::{Refusal, StreamStats};
