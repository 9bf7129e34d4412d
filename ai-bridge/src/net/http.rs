//! The flow request: one signed POST over our own TLS, so that what protected it is known.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::request::Builder;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::connect::{ConnectError, ConnectFacts, Target, connect};
use super::guard::AddressGuard;
use super::tls::ClientTls;
use crate::flow::HttpsUrl;
use crate::limits::{CONNECT_DEADLINE, MAX_HTTP_BODY, MAX_HTTP_HEAD, MAX_HTTP_HEADERS, REQUEST_DEADLINE, RETRY_WAIT};
use crate::webhook::{MessageId, Signer};

/// Deadlines and bounds of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpOptions {
    /// Deadline of each attempt's look-up, TCP and TLS.
    pub connect: Duration,
    /// Deadline of the whole request, retry and body included.
    pub total: Duration,
    /// Longest body in octets.
    pub max_body: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { connect: CONNECT_DEADLINE, total: REQUEST_DEADLINE, max_body: MAX_HTTP_BODY }
    }
}

/// Sends signed requests. It follows no redirect, knows no proxy, asks for no compression and keeps no connection.
#[derive(Debug, Clone)]
pub struct HttpClient {
    tls: ClientTls,
    options: HttpOptions,
}

/// A `2xx` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
    /// What is known of the connection.
    pub facts: ConnectFacts,
    /// Attempts it took: 1 or 2.
    pub attempts: u32,
    /// From the call to the end of the body.
    pub took: Duration,
}

impl HttpClient {
    /// A client with these deadlines.
    pub const fn new(tls: ClientTls, options: HttpOptions) -> Self {
        Self { tls, options }
    }

    /// Posts a JSON body, signed anew for each attempt under the one id.
    pub async fn post(
        &self,
        url: &HttpsUrl,
        guard: &AddressGuard,
        signer: &Signer,
        id: &MessageId,
        body: Bytes,
    ) -> Result<HttpAnswer, HttpError> {
        self.post_with(url, guard, signer, id, body, &[]).await
    }

    /// The same with further headers, which the signature does not cover.
    pub async fn post_with(
        &self,
        url: &HttpsUrl,
        guard: &AddressGuard,
        signer: &Signer,
        id: &MessageId,
        body: Bytes,
        headers: &[(&'static str, &'static str)],
    ) -> Result<HttpAnswer, HttpError> {
        self.exchange(url, guard, || signed_post(url, signer, id, body.clone(), headers)).await
    }

    /// As [`HttpClient::post`], for an event: Teler's signature stands beside ours.
    pub async fn post_event(
        &self,
        url: &HttpsUrl,
        guard: &AddressGuard,
        signer: &Signer,
        id: &MessageId,
        body: Bytes,
    ) -> Result<HttpAnswer, HttpError> {
        self.exchange(url, guard, || signed_event(url, signer, id, body.clone())).await
    }

    /// Fetches what stands there, such as a sound that the application named. Not signed: it asks for nothing to be done.
    pub async fn get(&self, url: &HttpsUrl, guard: &AddressGuard) -> Result<HttpAnswer, HttpError> {
        let request = || finished(head(Request::get(url.target()), url), Bytes::new());
        self.exchange(url, guard, request).await
    }

    async fn exchange(
        &self,
        url: &HttpsUrl,
        guard: &AddressGuard,
        request: impl Fn() -> Result<Request<Full<Bytes>>, HttpError>,
    ) -> Result<HttpAnswer, HttpError> {
        let begun = Instant::now();
        let deadline = begun + self.options.total;
        let mut attempts = 1;
        loop {
            match timeout_at(deadline, self.attempt(url, guard, &request, deadline)).await {
                Ok(Ok((status, body, facts))) => {
                    return Ok(HttpAnswer { status: status.as_u16(), body, facts, attempts, took: begun.elapsed() });
                }
                Ok(Err(HttpError::Connect(error))) if error.is_transient() && attempts == 1 => {
                    attempts = 2;
                    let again = Instant::now() + RETRY_WAIT;
                    if again >= deadline {
                        return Err(HttpError::Connect(error));
                    }
                    sleep_until(again).await;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(HttpError::Timeout { after: self.options.total }),
            }
        }
    }

    async fn attempt(
        &self,
        url: &HttpsUrl,
        guard: &AddressGuard,
        request: impl Fn() -> Result<Request<Full<Bytes>>, HttpError>,
        deadline: Instant,
    ) -> Result<(StatusCode, Bytes, ConnectFacts), HttpError> {
        let target = Target { host: url.host(), port: url.port(), send_buffer: None };
        let connect_by = deadline.min(Instant::now() + self.options.connect);
        let (stream, facts) = connect(guard, &self.tls, &target, connect_by).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HTTP_HEAD)
            .max_headers(MAX_HTTP_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(exchange)?;
        let request = request()?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(exchange)?;
            accepted(response.status(), response.headers())?;
            let status = response.status();
            Ok((status, read(response.into_body(), self.options.max_body).await?, facts))
        };
        tokio::pin!(answer);
        tokio::select! {
            biased;
            done = &mut answer => done,
            // The connection may end as soon as it has handed over the last of the body.
            _ = connection => answer.await,
        }
    }
}

fn head(request: Builder, url: &HttpsUrl) -> Builder {
    request
        .header(header::HOST, url.authority())
        .header(header::CONNECTION, "close")
        .header(header::USER_AGENT, USER_AGENT)
}

fn signed_post(
    url: &HttpsUrl,
    signer: &Signer,
    id: &MessageId,
    body: Bytes,
    headers: &[(&'static str, &'static str)],
) -> Result<Request<Full<Bytes>>, HttpError> {
    let request = signed_head(url, signer, id, unix_now(), &body);
    finished(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)), body)
}

fn signed_event(
    url: &HttpsUrl,
    signer: &Signer,
    id: &MessageId,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, HttpError> {
    let timestamp = unix_now();
    let request = signed_head(url, signer, id, timestamp, &body)
        .header("x-teler-event-id", id.as_str())
        .header("x-teler-timestamp", timestamp)
        .header("x-teler-signature", signer.sign_for_teler(timestamp, &body));
    finished(request, body)
}

fn signed_head(url: &HttpsUrl, signer: &Signer, id: &MessageId, timestamp: u64, body: &[u8]) -> Builder {
    let mut request = head(Request::post(url.target()), url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json");
    for (name, value) in signer.sign(id, timestamp, body).pairs() {
        request = request.header(name, value);
    }
    request
}

fn finished(request: Builder, body: Bytes) -> Result<Request<Full<Bytes>>, HttpError> {
    request.body(Full::new(body)).map_err(|_| HttpError::Request)
}

/// How the server names itself.
pub(super) const USER_AGENT: &str = concat!("strongline/", env!("CARGO_PKG_VERSION"));

/// Unix seconds.
#[expect(clippy::disallowed_methods, reason = "net/ is where the wall clock is asked")]
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn accepted(status: StatusCode, headers: &HeaderMap) -> Result<(), HttpError> {
    if status.is_redirection() {
        return Err(HttpError::Redirect { status: status.as_u16() });
    }
    if !status.is_success() {
        let hint = match status.as_u16() {
            400 | 401 | 403 => {
                "does it verify the signature with this server's key, over the raw body, by a right clock?"
            }
            404 | 405 => "is the path of the URL right, and does it take POST for a flow, GET for a file?",
            413 => "does it limit the length of requests?",
            429 => "is it rate-limiting the server?",
            500..=599 => "look into the application's own log",
            _ => "answer with 200 and one action",
        };
        return Err(HttpError::Status { status: status.as_u16(), hint });
    }
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(HttpError::Encoded),
    }
}

async fn read(mut body: Incoming, max: usize) -> Result<Bytes, HttpError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(HttpError::TooLong { max });
    }
    let mut whole = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(exchange)?.into_data() else { continue };
        if whole.len() + data.len() > max {
            return Err(HttpError::TooLong { max });
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn exchange(source: hyper::Error) -> HttpError {
    HttpError::Exchange { source }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The whole request took too long.
    #[error("the application did not answer within {after:?}: answer first and do slow work afterwards")]
    Timeout {
        /// The deadline.
        after: Duration,
    },
    /// A redirect.
    #[error("the application answered {status}, but redirects are not followed: give the final address")]
    Redirect {
        /// The status.
        status: u16,
    },
    /// Not a success.
    #[error("the application answered {status}: {hint}")]
    Status {
        /// The status.
        status: u16,
        /// What to look at.
        hint: &'static str,
    },
    /// The body is too long.
    #[error("the application's answer is longer than {max} octets: a flow answer is one action object")]
    TooLong {
        /// The bound.
        max: usize,
    },
    /// The body is compressed though nobody asked for it.
    #[error("the application's answer is compressed: switch compression off for it")]
    Encoded,
    /// HTTP went wrong.
    #[error("the exchange with the application broke: {source}; does it speak HTTP/1.1 on this port?")]
    Exchange {
        /// What went wrong.
        #[source]
        source: hyper::Error,
    },
    /// The request cannot be written.
    #[error("the flow URL cannot be put into a request: check its host and path")]
    Request,
}
