//! Verifying, for what an application sends to the server and for the tests of what the server sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq as _};

use super::{MessageId, SigningKey};
use crate::limits::{MAX_SIGNATURES, WEBHOOK_TOLERANCE_S};

/// Checks the three headers against the body: fresh by `now` (Unix seconds), and signed by any one of the keys.
///
/// Each signature is compared with each key's in constant time and none ends the comparison early. Versions other than
/// `v1` are skipped, as the specification asks.
pub fn verify(
    keys: &[SigningKey],
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: u64,
) -> Result<(), VerifyError> {
    MessageId::new(id).map_err(|_| VerifyError::Id)?;
    let sent = timestamp.parse::<u64>().map_err(|_| VerifyError::Timestamp)?;
    if now.saturating_sub(sent) > WEBHOOK_TOLERANCE_S {
        return Err(VerifyError::TooOld);
    }
    if sent.saturating_sub(now) > WEBHOOK_TOLERANCE_S {
        return Err(VerifyError::TooNew);
    }
    if signature.split(' ').count() > MAX_SIGNATURES {
        return Err(VerifyError::TooManySignatures);
    }
    let expected: Vec<[u8; 32]> = keys.iter().map(|key| key.mac(id, timestamp, body)).collect();
    let mut found = Choice::from(0);
    for given in signature.split(' ').filter_map(v1) {
        for ours in &expected {
            found |= ours.ct_eq(&given);
        }
    }
    if bool::from(found) { Ok(()) } else { Err(VerifyError::Signature) }
}

/// The octets of one `v1,<base64>` item.
fn v1(item: &str) -> Option<[u8; 32]> {
    STANDARD.decode(item.strip_prefix("v1,")?).ok()?.try_into().ok()
}

/// Why a signed message is refused. The texts tell a developer what to mend, and nothing of the expected value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// `webhook-id` is not an id.
    #[error("webhook-id is not an id: 1 to 64 letters, digits, `_` or `-`")]
    Id,
    /// `webhook-timestamp` is not a number.
    #[error("webhook-timestamp is not a number of Unix seconds")]
    Timestamp,
    /// Sent too long ago.
    #[error("the message is more than {WEBHOOK_TOLERANCE_S} s old: sign each attempt anew, and check the clocks")]
    TooOld,
    /// Sent in the future.
    #[error("the message is more than {WEBHOOK_TOLERANCE_S} s in the future: check the clocks")]
    TooNew,
    /// More signatures than a rotation needs.
    #[error("webhook-signature has more than {MAX_SIGNATURES} items: sign with the live keys only")]
    TooManySignatures,
    /// No signature matches.
    #[error("no v1 signature matches: check the secret, and sign the raw body before anything re-writes it")]
    Signature,
}
