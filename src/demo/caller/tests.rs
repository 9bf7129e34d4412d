use tokio::sync::mpsc;

use super::*;
use crate::demo::app::App;
use crate::demo::files::Workdir;

#[tokio::test]
async fn a_server_with_a_certificate_of_another_ca_is_named_as_that() {
    let base = tempfile::tempdir().unwrap();
    let dir = Workdir::create(&base.path().join("a"), true).unwrap();
    let other = Workdir::create(&base.path().join("b"), true).unwrap();
    let (sender, _events) = mpsc::channel(8);
    let server = App::start(&dir, 0, sender).unwrap();
    let call = Call::tls(server.address(), "localhost", other.ca_pem.clone());
    let error = Caller::place(call).await.unwrap_err();
    assert!(matches!(&error, CallError::Tls(reason) if reason.contains("certificate")), "{error}");
    // The right CA, but a name that the certificate does not show.
    let call = Call::tls(server.address(), "sip.example.com", dir.ca_pem.clone());
    assert!(matches!(Caller::place(call).await.unwrap_err(), CallError::Tls(_)));
}

#[tokio::test]
async fn nobody_listening_is_an_error_and_no_hang() {
    let base = tempfile::tempdir().unwrap();
    let dir = Workdir::create(&base.path().join("a"), true).unwrap();
    let port = crate::demo::files::free_port().unwrap();
    let call = Call::tls(([127, 0, 0, 1], port).into(), "localhost", dir.ca_pem.clone());
    assert!(matches!(Caller::place(call).await.unwrap_err(), CallError::Tls(_)));
}
