//! `strongline demo`.
pub mod align;
pub mod app;
pub mod files;
mod limits;
mod probe;
mod speech;
mod tls;
pub mod wav;
