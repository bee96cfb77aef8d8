//! What goes back to a client: a response, and how the wire is to treat it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// An answer, complete but for the sockets.
#[derive(Debug)]
pub struct Answer {
    /// Status, headers and body.
    pub response: Response<Bytes>,
    /// How it is sent.
    pub wire: Wire,
}

/// How a server sends a response, or fails to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// As it should be.
    Whole,
    /// The head and so many bytes of the body, then the connection is reset.
    Reset {
        /// Bytes of the body before the end; with 0 not even the head is sent.
        after: usize,
    },
    /// A few bytes at a time.
    Drip {
        /// Bytes per piece, at least 1.
        bytes: usize,
        /// Pause after every piece, in milliseconds.
        pause_ms: u64,
    },
    /// Nothing, until the client gives up.
    Hang,
    /// The body followed by this many blanks, which JSON allows and nobody wants.
    Padded {
        /// Number of blanks.
        bytes: u64,
    },
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: StatusCode, body: &Value) -> Answer {
        Answer::bytes(status, "application/json; charset=utf-8", body.to_string().into())
    }

    /// An answer with any body.
    pub fn bytes(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Answer {
            response,
            wire: Wire::Whole,
        }
    }

    /// An error in Resource Manager's shape.
    pub fn arm_error(status: StatusCode, code: &str, message: &str) -> Answer {
        Answer::json(status, &json!({"error": {"code": code, "message": message}}))
    }

    /// An error in Microsoft.Insights' shape.
    pub fn insights_error(status: StatusCode, code: &str, message: &str) -> Answer {
        Answer::json(status, &json!({"code": code, "message": message}))
    }

    /// Adds a header. A value that no header can carry is left out.
    pub fn with_header(mut self, name: &'static str, value: &str) -> Answer {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }
}
