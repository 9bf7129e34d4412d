//! Standard Webhooks, checked with the stock library: code that is not Strongline's says that the signature is right.

use hyper::HeaderMap;
use standardwebhooks::{Webhook, WebhookError};

use crate::demo::files::WebhookKey;

/// The keys the application knows. While a key is being replaced there are two.
pub(super) struct Verifier {
    keys: Vec<(String, Webhook)>,
}

impl Verifier {
    pub(super) fn new(keys: &[&WebhookKey]) -> Result<Self, WebhookError> {
        keys.iter()
            .map(|key| Webhook::new(key.secret()).map(|webhook| (format!("{} ({})", key.name, key.id), webhook)))
            .collect::<Result<_, _>>()
            .map(|keys| Self { keys })
    }

    /// The names of the keys under which `payload` is signed; at least one, or the reason for refusal.
    pub(super) fn verify(&self, payload: &[u8], headers: &HeaderMap) -> Result<Vec<String>, WebhookError> {
        let mut good = Vec::new();
        let mut refusal = WebhookError::InvalidSignature;
        for (name, webhook) in &self.keys {
            match webhook.verify(payload, headers) {
                Ok(()) => good.push(name.clone()),
                Err(error) => refusal = error,
            }
        }
        if good.is_empty() { Err(refusal) } else { Ok(good) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn named(name: &str, key: &WebhookKey) -> String {
        format!("{name} ({})", key.id)
    }

    fn headers(keys: &[&WebhookKey], age: i64, payload: &[u8]) -> HeaderMap {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let time = i64::try_from(now).unwrap() - age;
        let signatures: Vec<String> =
            keys.iter().map(|key| Webhook::new(key.secret()).unwrap().sign("msg_1", time, payload).unwrap()).collect();
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", time.to_string().parse().unwrap());
        headers.insert("webhook-signature", signatures.join(" ").parse().unwrap());
        headers
    }

    #[test]
    fn both_keys_of_a_rotation_are_told_apart() {
        let (new, old) = (WebhookKey::generate("new").unwrap(), WebhookKey::generate("old").unwrap());
        let verifier = Verifier::new(&[&new, &old]).unwrap();
        let both = headers(&[&new, &old], 0, b"{}");
        assert_eq!(verifier.verify(b"{}", &both).unwrap(), [named("new", &new), named("old", &old)]);
        let one = headers(&[&old], 0, b"{}");
        assert_eq!(verifier.verify(b"{}", &one).unwrap(), [named("old", &old)]);
    }

    #[test]
    fn another_body_another_key_and_an_old_timestamp_are_refused() {
        let (new, rogue) = (WebhookKey::generate("new").unwrap(), WebhookKey::generate("rogue").unwrap());
        let verifier = Verifier::new(&[&new]).unwrap();
        assert!(verifier.verify(b"{ }", &headers(&[&new], 0, b"{}")).is_err());
        assert!(verifier.verify(b"{}", &headers(&[&rogue], 0, b"{}")).is_err());
        assert!(verifier.verify(b"{}", &headers(&[&new], 301, b"{}")).is_err());
        assert!(verifier.verify(b"{}", &HeaderMap::new()).is_err());
    }
}
