//! A request to a receiver or to who issues its tokens, and the response, within bounds.

use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::egress::{Outbound, OutboundError, ProxyConnector, TrustingResolver, last_cause};

/// A receiver that takes longer than this for one batch is as good as gone.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most receivers answer with a few words, some with an entry for every event.
const LONGEST_RESPONSE: usize = 4 << 20;
/// However long a receiver asks to be left alone: some send a date as a number.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Sends requests over kept connections, each with its response within a time.
pub(super) struct Exchange(
    Client<HttpsConnector<ProxyConnector<HttpConnector<TrustingResolver>>>, Full<Bytes>>,
);

impl Exchange {
    /// Over the way out that is configured.
    pub(super) fn new(outbound: &Outbound, resolver: TrustingResolver) -> Result<Self, OutboundError> {
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        let connector = outbound.open()?.connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self(client))
    }

    /// Sends a request. The error does not name the receiver.
    pub(super) async fn run(&self, request: Request<Full<Bytes>>) -> Result<(Parts, Bytes), String> {
        let exchange = async {
            let response = self
                .0
                .request(request)
                .await
                .map_err(|error| last_cause(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_RESPONSE)
                .collect()
                .await
                .map_err(|error| error.to_string())?;
            Ok((head, body.to_bytes()))
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {TIMEOUT:?}")))
    }
}

/// The wait that a receiver asks for, in seconds; the form with a date is rare enough to fall back to our own delays.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_that_a_receiver_asks_for_has_an_end() {
        for (value, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("1767225600", Some(3_600)),
            ("18446744073709551615", Some(3_600)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]);
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
