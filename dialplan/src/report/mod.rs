//! What is wrong with a file, where, and what to do about it.

mod problem;
mod scrub;
mod source;
mod suggest;

pub use problem::{Code, Errors, Problem, Warnings};
pub(crate) use source::{Found, Source};
pub(crate) use suggest::{did_you_mean, join_words};
