//! Checks of `[api]`. The reader stands on the table when they run.

use crate::model::ApiClient;
use crate::report::Code;
use crate::rule::Reader;
use crate::value::{ApiListen, SecretRef};

/// TLS has its certificate.
pub(crate) fn api_listener(
    cx: &mut Reader<'_>,
    listen: Option<ApiListen>,
    certificate: Option<&Option<SecretRef>>,
    key: Option<&Option<SecretRef>>,
) {
    super::certificate_with_key(cx, certificate, key);
    let Some(listen) = listen else { return };
    match (listen.tls, certificate) {
        (true, Some(None)) => {
            let place = cx.place_of("listen");
            let message = format!("{listen} without `certificate` and `key` in `[api]`");
            let help = "add certificate = { file = \"/etc/strongline/tls/fullchain.pem\" } and key = { credential = \"api-tls-key\" }";
            cx.error(Code::Conflict, place, message, help);
        }
        (false, Some(Some(_))) => {
            let place = cx.place_of("certificate");
            let message = format!("a certificate, but {listen} speaks no TLS");
            cx.warn(Code::Unused, place, message, "write \"tls://\", or remove it");
        }
        (true, Some(Some(_)) | None) | (false, Some(None) | None) => {}
    }
}

/// An API that nobody may use is a slip of the pen.
pub(crate) fn api_has_clients(cx: &mut Reader<'_>, clients: Option<&[ApiClient]>) {
    if clients.is_some_and(<[ApiClient]>::is_empty) && cx.place_of("client") == cx.place(&cx.path()) {
        let place = cx.place(&cx.path());
        let help = "add [[api.client]] with name, key, app and trunks";
        cx.error(Code::MissingKey, place, "`[api]` lacks `client`: nobody may use it", help);
    }
}
