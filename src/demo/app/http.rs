//! The HTTPS side: TLS, one request after another, and the upgrade to a WebSocket.
//!
//! hyper does the HTTP, because it is in the tree already for the server's own client; a framework would add nothing
//! to two addresses.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::flow::{self, Tickets};
use super::stream;
use super::talk::Talk;
use super::verify::Verifier;
use super::{AppEvent, Happened};
use crate::demo::files::LOOPBACK_NAME;
use crate::demo::limits::{APP_HANDSHAKE, MAX_APP_CONNECTIONS, MAX_FLOW_BODY};
use crate::demo::speech::WELCOME_SAMPLES;
use crate::demo::tls::TlsFacts;

/// What all connections share.
pub(super) struct Endpoint {
    port: u16,
    verifier: Verifier,
    greeting: Vec<i16>,
    tickets: Mutex<Tickets>,
    events: mpsc::Sender<AppEvent>,
}

impl Endpoint {
    pub(super) fn new(port: u16, verifier: Verifier, greeting: Vec<i16>, events: mpsc::Sender<AppEvent>) -> Self {
        Self { port, verifier, greeting, tickets: Mutex::default(), events }
    }

    /// Tells the story; a full queue loses a line of it and never holds up the call.
    pub(super) fn tell(&self, what: Happened) {
        let at = Instant::now();
        drop(self.events.try_send(AppEvent { at, what }));
    }

    fn refuse(&self, status: StatusCode, reason: impl std::fmt::Display) -> Response<Full<Bytes>> {
        self.tell(Happened::Refused { status: status.as_u16(), reason: reason.to_string() });
        respond(status, Bytes::new())
    }
}

/// Serves until `stopped`.
pub(super) async fn serve(
    listeners: Vec<std::net::TcpListener>,
    tls: TlsAcceptor,
    endpoint: Arc<Endpoint>,
    stopped: oneshot::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(MAX_APP_CONNECTIONS));
    for listener in listeners {
        let Ok(listener) = super::adopt(listener) else {
            continue;
        };
        tokio::spawn(accept(listener, tls.clone(), Arc::clone(&endpoint), Arc::clone(&places)));
    }
    // Sent or dropped, it means the same; the tasks end with the runtime.
    drop(stopped.await);
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, endpoint: Arc<Endpoint>, places: Arc<Semaphore>) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((socket, _)) = listener.accept().await else {
            // Out of descriptors, most likely: let the others finish first.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (tls, endpoint) = (tls.clone(), Arc::clone(&endpoint));
        tokio::spawn(async move {
            connection(socket, tls, endpoint).await;
            drop(place);
        });
    }
}

async fn connection(socket: TcpStream, tls: TlsAcceptor, endpoint: Arc<Endpoint>) {
    // Without it only the speed suffers.
    drop(socket.set_nodelay(true));
    let Ok(Ok(stream)) = tokio::time::timeout(APP_HANDSHAKE, tls.accept(socket)).await else {
        return;
    };
    let facts = TlsFacts::of(stream.get_ref().1);
    let service = hyper::service::service_fn(move |request| {
        let endpoint = Arc::clone(&endpoint);
        async move { Ok::<_, Infallible>(answer(request, &endpoint, facts).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(APP_HANDSHAKE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A broken connection is the peer's business.
    drop(pin!(served).await);
}

fn answer(
    request: Request<Incoming>,
    endpoint: &Arc<Endpoint>,
    tls: TlsFacts,
) -> impl Future<Output = Response<Full<Bytes>>> {
    let endpoint = Arc::clone(endpoint);
    async move {
        match (request.method(), request.uri().path()) {
            (&Method::POST, FLOW_PATH) => on_flow(request, &endpoint, tls).await,
            (&Method::GET, STREAM_PATH) => on_stream(request, &endpoint, tls),
            (_, FLOW_PATH | STREAM_PATH) => endpoint.refuse(StatusCode::METHOD_NOT_ALLOWED, "method"),
            _ => endpoint.refuse(StatusCode::NOT_FOUND, "path"),
        }
    }
}

async fn on_flow(request: Request<Incoming>, endpoint: &Endpoint, tls: TlsFacts) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_FLOW_BODY).collect().await else {
        return endpoint.refuse(StatusCode::PAYLOAD_TOO_LARGE, "body");
    };
    let body = body.to_bytes();
    let keys = match endpoint.verifier.verify(&body, &head.headers) {
        Ok(keys) => keys,
        Err(error) => return endpoint.refuse(StatusCode::UNAUTHORIZED, error),
    };
    if !flow::accepts(&body) {
        return endpoint.refuse(StatusCode::UNPROCESSABLE_ENTITY, "not a flow request");
    }
    endpoint.tell(Happened::FlowVerified { keys, tls });
    let ticket = endpoint.tickets.lock().unwrap_or_else(PoisonError::into_inner).issue();
    let answer = flow::stream_answer(&endpoint.ws_url(&format!("{STREAM_PATH}?ticket={ticket}")));
    let mut response = respond(StatusCode::OK, answer.to_string());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn on_stream(mut request: Request<Incoming>, endpoint: &Arc<Endpoint>, tls: TlsFacts) -> Response<Full<Bytes>> {
    let address = request.uri().path_and_query().map_or("", |path| path.as_str());
    let keys = match endpoint.verifier.verify(endpoint.ws_url(address).as_bytes(), request.headers()) {
        Ok(keys) => keys,
        Err(error) => return endpoint.refuse(StatusCode::UNAUTHORIZED, error),
    };
    let ticket = request.uri().query().and_then(|query| query.strip_prefix("ticket="));
    let known =
        ticket.is_some_and(|ticket| endpoint.tickets.lock().unwrap_or_else(PoisonError::into_inner).take(ticket));
    if !known {
        return endpoint.refuse(StatusCode::FORBIDDEN, "no such stream, or used before");
    }
    if !offers(&request, SUBPROTOCOL) {
        return endpoint.refuse(StatusCode::BAD_REQUEST, "subprotocol");
    }
    let mut response = match create_response_with_body(&request, Full::default) {
        Ok(response) => response,
        Err(error) => return endpoint.refuse(StatusCode::BAD_REQUEST, error),
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    endpoint.tell(Happened::StreamAccepted { keys, tls });
    let upgrade = hyper::upgrade::on(&mut request);
    let talk = Talk::new(&endpoint.greeting, WELCOME_SAMPLES);
    tokio::spawn(stream::run(upgrade, talk, Arc::clone(endpoint)));
    response
}

impl Endpoint {
    /// The address as it was given out: the signature of the handshake covers it byte for byte.
    fn ws_url(&self, path_and_query: &str) -> String {
        format!("wss://{LOOPBACK_NAME}:{}{path_and_query}", self.port)
    }
}

/// RFC 6455 section 4.1: the subprotocols are a comma-separated list, in one header or several.
fn offers(request: &Request<Incoming>, subprotocol: &str) -> bool {
    request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offered| offered.trim() == subprotocol)
}

fn respond(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// Where Strongline asks.
pub(crate) const FLOW_PATH: &str = "/flow";
const STREAM_PATH: &str = "/stream";
pub(super) const SUBPROTOCOL: &str = "strongline.native.v1";
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
