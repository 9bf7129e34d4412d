//! Requests and responses.

use std::{fmt, net::SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    HeaderError, HeaderName, Headers, Method, StatusCode, Text, Uri, Via,
    headers::{put_clean, put_line},
    host::write,
};

/// A request or a response.
///
/// A message has no `Display`: use `encode`. Its `Debug` shows neither values nor the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// The headers.
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body.
    pub const fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// Writes the message, with its Content-Length.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Request(request) => request.encode(out),
            Self::Response(response) => response.encode(out),
        }
    }
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    method: Method,
    uri: Uri,
    headers: Headers,
    body: Bytes,
}

impl Request {
    /// A request without headers.
    pub const fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::new(), body: Bytes::new() }
    }

    pub(super) const fn from_parts(method: Method, uri: Uri, headers: Headers, body: Bytes) -> Self {
        Self { method, uri, headers, body }
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The Request-URI.
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Sets the Request-URI.
    pub fn set_uri(&mut self, uri: Uri) {
        self.uri = uri;
    }

    /// Writes the request, with its Content-Length.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_slice(self.method.as_str().as_bytes());
        out.put_u8(b' ');
        self.uri.encode(out);
        out.put_slice(b" SIP/2.0\r\n");
        encode_rest(&self.headers, &self.body, out);
    }
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: StatusCode,
    reason: Bytes,
    headers: Headers,
    body: Bytes,
}

impl Response {
    /// A response without headers.
    pub const fn new(status: StatusCode) -> Self {
        Self {
            status,
            reason: Bytes::from_static(status.phrase().as_bytes()),
            headers: Headers::new(),
            body: Bytes::new(),
        }
    }

    pub(super) const fn from_parts(status: StatusCode, reason: Bytes, headers: Headers, body: Bytes) -> Self {
        Self { status, reason, headers, body }
    }

    /// A response to `request`: its Via, From, To, Call-ID and CSeq are copied as they were written
    /// (RFC 3261 8.2.6.2), Timestamp into a 100 (8.2.6.1).
    ///
    /// To gets its tag by [`Response::ensure_to_tag`].
    pub fn for_request(request: &Request, status: StatusCode) -> Self {
        let mut response = Self::new(status);
        response.copy(&request.headers);
        response
    }

    /// Copies what a response repeats of a request's headers.
    pub(super) fn copy(&mut self, from: &Headers) {
        for header in from.iter() {
            let name = header.name();
            let is_copied = matches!(
                name,
                HeaderName::Via | HeaderName::From | HeaderName::To | HeaderName::CallId | HeaderName::CSeq
            ) || (*name == HeaderName::Timestamp && self.status == StatusCode::TRYING);
            if let Some(value) = header.value().filter(|_| is_copied) {
                self.headers.push(name.clone(), value.clone());
            }
        }
    }

    /// The status code.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn set_status(&mut self, status: StatusCode) {
        self.status = status;
        self.reason = Bytes::from_static(status.phrase().as_bytes());
    }

    /// The reason phrase, when it is UTF-8.
    pub fn reason(&self) -> Option<&str> {
        std::str::from_utf8(&self.reason).ok()
    }

    /// Sets the reason phrase.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Text>) -> Self {
        self.reason = reason.into().into_bytes();
        self
    }

    /// Gives To this tag, when it has none (RFC 3261 8.2.6.2).
    pub fn ensure_to_tag(&mut self, tag: &str) -> Result<(), HeaderError> {
        let to = self.to()?;
        if to.tag().is_none() {
            self.headers.set(HeaderName::To, to.with_tag(tag).to_value());
        }
        Ok(())
    }

    /// Writes the response, with its Content-Length.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_slice(b"SIP/2.0 ");
        write(out, self.status);
        out.put_u8(b' ');
        put_clean(out, &self.reason);
        out.put_slice(b"\r\n");
        encode_rest(&self.headers, &self.body, out);
    }
}

macro_rules! common {
    ($type:ident) => {
        impl $type {
            /// The headers.
            pub const fn headers(&self) -> &Headers {
                &self.headers
            }

            /// The headers, to change.
            pub const fn headers_mut(&mut self) -> &mut Headers {
                &mut self.headers
            }

            /// The body.
            pub const fn body(&self) -> &Bytes {
                &self.body
            }

            /// Notes the source in the top Via, as [`Headers::note_source`].
            pub fn note_source(&mut self, source: SocketAddr) -> Result<Via, HeaderError> {
                self.headers.note_source(source)
            }

            /// Sets the body and its Content-Type.
            pub fn set_body(&mut self, content_type: impl Into<Bytes>, body: impl Into<Bytes>) {
                self.headers.set(HeaderName::ContentType, content_type);
                self.body = body.into();
            }
        }

        /// The typed headers, as [`Headers`] reads them.
        impl std::ops::Deref for $type {
            type Target = Headers;

            fn deref(&self) -> &Headers {
                &self.headers
            }
        }
    };
}

common!(Request);
common!(Response);

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

fn encode_rest(headers: &Headers, body: &Bytes, out: &mut BytesMut) {
    headers.encode(out);
    let mut length = BytesMut::with_capacity(8);
    write(&mut length, body.len());
    put_line(out, "Content-Length", &length);
    out.put_slice(b"\r\n");
    out.put_slice(body);
}
