//! A secret that was put into the file by mistake is not shown.

use dialplan::parse;
use proptest::prelude::*;

/// Places where people put secrets; `@` is the secret as a TOML string.
const FILE: &str = r#"
secret = @
[sip]
domain = "voice.example.com"
listen = ["tls://0.0.0.0:5061"]
certificate = @
key = @
client_ca = [@]
password = @
[sip.auth]
password = @
[identity]
roots = @
[api]
listen = "http://127.0.0.1:8080"
key = @
client = [{ name = "crm", key = @, app = "bot", trunks = ["a"], secret = @ }]
[media]
public_address = "203.0.113.10"
[[trunk]]
name = "a"
peers = ["192.0.2.1"]
register = { user = "acme", password = @ }
credentials = { user = "acme", password = @, token = @ }
challenge = { users = [{ user = "pbx", password = @ }, { user = "pbx", password = { file = [@] } }] }
tls = { certificate = @, key = { env = [@] }, ca = @ }
[[app]]
name = "bot"
flow_url = "https://bot.example.com/"
signing = [@, { key = @ }, { credential = "k", value = @ }, { file = [@] }, { env = { x = @ } }]
ca = { credential = @ }
stream = { bearer = @, dialect = 1, token = [[@], { x = @ }] }
[[app]]
name = "bot2"
signing = @
[[route]]
name = "r"
do = [{ stream = { url = 1, signing = @, ca = { file = 1, pem = @ } } }, { say = @ }]
"#;

proptest! {
    #[test]
    fn no_report_shows_a_secret(secret in "[A-Za-z0-9+/=_-]{10,40}", form in 0..4_u8, lines in any::<bool>()) {
        // With the sign no name of a credential has it.
        let secret = format!("{secret}+");
        let inner = if lines && form >= 2 { format!("{secret}\n{secret} x") } else { secret.clone() };
        let quoted = match form {
            0 => format!("\"{inner}\""),
            1 => format!("'{inner}'"),
            2 => format!("\"\"\"{inner}\"\"\""),
            _ => format!("'''\n{inner}'''"),
        };
        let errors = parse(&FILE.replace('@', &quoted), "file").unwrap_err();
        prop_assert!(errors.count() > 15);
        let shown = format!("{errors} {} {errors:?}", errors.warnings());
        prop_assert!(!shown.contains(&secret), "{shown}");
    }

    /// The same where the line is not even TOML.
    #[test]
    fn no_broken_line_shows_a_secret(secret in "[A-Za-z0-9+/_-]{10,40}", key in "(password|api_key|Signing|auth.token|client-secret)", open in "[\"']?") {
        for line in [format!("{key} = {open}{secret}"), format!("{key}: {open}{secret}"), format!("{key} {secret}")] {
            let errors = parse(&format!("[sip]\n{line}\n[media]\n"), "file").unwrap_err();
            let shown = format!("{errors} {errors:?}");
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
    }

    #[test]
    fn no_url_shows_its_token(secret in "[A-Za-z0-9]{10,40}", wrong in "(http|https|ws|ftp)") {
        for url in [format!("{wrong}://u:{secret}@bot.example.com/"), format!("{wrong}://bot.example.com/?t={secret}#")] {
            let text = format!("[[app]]\nname = \"a\"\nflow_url = \"{url}\"\n");
            let errors = parse(&text, "file").unwrap_err();
            let shown = format!("{errors} {errors:?}");
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
    }
}
