//! The dialplan file: parse, check, explain, decide
