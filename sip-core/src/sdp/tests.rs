//! Tests of the session descriptions.
