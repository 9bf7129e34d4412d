//! Prints the JSON Schema of the native protocol:
//! `cargo run -p ai-bridge --example native_schema > docs/native-protocol.schema.json`

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", ai_bridge::stream::native_schema())
}
