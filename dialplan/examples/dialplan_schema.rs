//! Prints the JSON Schema: `cargo run -p dialplan --example dialplan_schema > dialplan/dialplan.schema.json`.

use std::io::{Error, Write, stdout};

fn main() -> Result<(), Error> {
    let mut out = stdout().lock();
    serde_json::to_writer_pretty(&mut out, &dialplan::schema())?;
    out.write_all(b"\n")
}
