//! The example dialplan of the demo.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

/// What the example dialplan depends on.
#[derive(Clone, Debug)]
pub struct DialplanFacts {
    /// Where the server listens for SIP over TLS.
    pub sip: SocketAddr,
    /// Where the example application answers.
    pub app: SocketAddr,
    /// First and last RTP port.
    pub rtp_ports: (u16, u16),
}

impl DialplanFacts {
    /// The dialplan as text, with its files in `dir`.
    pub(super) fn render(&self, dir: &Path) -> String {
        let Self { sip, app, rtp_ports: (first, last) } = self;
        let app_port = app.port();
        let dir = escape(&dir.display().to_string());
        format!(
            r#"# The dialplan of `strongline demo`. The demo writes it anew at each start.
# Keys and certificates beside it are throw-away: made for one run, good for the loopback names only.

[sip]
domain      = "{ip}"                                # many a softphone cannot look up "localhost" for its ACK
listen      = ["tls://{sip}"]
certificate = {{ file = "{dir}/sip.pem" }}
key         = {{ file = "{dir}/sip.key" }}
max_calls   = {calls}

[media]
ports          = "{first}-{last}"
public_address = "{ip}"
bind           = "{ip}"

# One trunk: this machine. Media must be SRTP; a plain offer is refused with 488.
[[trunk]]
name   = "loopback"
peers  = ["127.0.0.0/8", "::1"]
srtp   = "required"
codecs = ["pcmu", "pcma"]
media  = {{ prefixes = ["127.0.0.0/8", "::1/128"] }}      # loopback media only where it is listed

# The example application, started by the demo itself. Two webhook keys are valid at once: the first signs new
# requests, the second is on its way out.
[[app]]
name          = "talking-echo"
flow_url      = "https://localhost:{app_port}/flow"
ca            = {{ file = "{dir}/ca.pem" }}
signing       = [{{ file = "{dir}/webhook-new.key" }}, {{ file = "{dir}/webhook-old.key" }}]
private_hosts = ["localhost"]                            # all other private addresses stay out of reach
stream        = {{ dialect = "native", rate = 16000, hosts = ["localhost"] }}

[[route]]
name = "talk to the application"
when = {{ trunk = "loopback" }}
do   = [
  {{ answer = {{}} }},
  {{ app = "talking-echo" }},
  {{ hangup = {{}} }},
]
"#,
            ip = sip.ip(),
            calls = (last - first).div_ceil(2).max(1),
        )
    }
}

/// The inside of a TOML basic string.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _written = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_accepts_it_without_a_warning_wherever_it_lies() {
        let facts = DialplanFacts {
            sip: "127.0.0.1:5061".parse().unwrap(),
            app: "127.0.0.1:4443".parse().unwrap(),
            rtp_ports: (40_000, 40_099),
        };
        for dir in ["/tmp/demo", "/tmp/a \"b\" c:\\d"] {
            let text = facts.render(Path::new(dir));
            let dialplan = ::dialplan::parse(&text, "dialplan.toml").unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(dialplan.warnings().to_string(), "", "{text}");
        }
    }
}
