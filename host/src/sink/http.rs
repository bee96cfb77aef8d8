//! An HTTP receiver. Accepted on any 2xx, as far as the shape of the receiver's answers does not say otherwise.

use super::halves::Halves;
use super::post::{Endpoint, Poster, Verdict};
use super::shape::{Settled, Shape};
use super::{Accepted, Delivery, Sink, SinkError};
use crate::batch::Event;
use crate::egress::OutboundError;

pub(super) struct HttpSink {
    source: String,
    shape: Shape,
    poster: Poster,
}

impl HttpSink {
    pub(super) fn new(source: &str, endpoint: Endpoint, shape: Shape) -> Result<Self, OutboundError> {
        Ok(Self {
            source: source.to_owned(),
            shape,
            poster: Poster::new(endpoint)?,
        })
    }

    /// Delivers a batch, and where the receiver refuses it, finds out which events are to blame by halving.
    async fn deliver_all(&self, events: &[Event]) -> Result<Accepted, SinkError> {
        let mut refused = Vec::new();
        let mut parts = Halves::within(self.shape.limits(), events.iter().map(|event| event.body.len()));
        while let Some(part) = parts.next() {
            let (kind, body) = self.shape.request(&self.source, &events[part.clone()]);
            let settled = match self.poster.post(kind, body).await? {
                Verdict::Accepted(answer) => self.shape.settle(&answer, part.len())?,
                Verdict::Refused(answer) if self.shape.is_mendable(&answer) => {
                    return Err(SinkError::Unavailable {
                        reason: answer.said(),
                        retry_after: None,
                    });
                }
                Verdict::Refused(answer) => Settled::Unclear(answer.said()),
            };
            match settled {
                Settled::Except(items) => {
                    refused.extend(
                        items
                            .into_iter()
                            .map(|(place, reason)| (part.start + place, reason)),
                    );
                }
                Settled::Unclear(reason) if part.len() == 1 => refused.push((part.start, reason)),
                Settled::Unclear(_) => parts.halve(part),
            }
        }
        Ok(Accepted { refused })
    }
}

impl Sink for HttpSink {
    fn deliver<'a>(&'a self, events: &'a [Event]) -> Delivery<'a> {
        Box::pin(self.deliver_all(events))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use http::HeaderValue;

    use super::super::receiver::Receiver;
    use super::*;
    use crate::secret::Template;

    fn sink(url: &str, shape: Shape, gzip: bool) -> HttpSink {
        let table = "x-key = \"sesame\"".parse().unwrap();
        let headers = Template::new(&table, "sink.headers", Path::new(".")).unwrap();
        HttpSink::new(
            "contoso",
            Endpoint {
                url: url.parse().unwrap(),
                gzip,
                headers,
                ..Endpoint::default()
            },
            shape,
        )
        .unwrap()
    }

    fn events(bodies: &[&str]) -> Vec<Event> {
        let event = |body: &&str| Event {
            id: (*body).to_owned(),
            time: 0,
            severity: 0,
            body: (*body).to_owned(),
        };
        bodies.iter().map(event).collect()
    }

    #[tokio::test]
    async fn a_batch_goes_out_in_the_chosen_shape() {
        for (shape, gzip, kind, expected) in [
            (
                Shape::Ndjson,
                false,
                "application/x-ndjson",
                "{\"a\":1}\n{\"b\":2}\n",
            ),
            (Shape::Array, true, "application/json", "[{\"a\":1},{\"b\":2}]"),
        ] {
            let receiver = Receiver::start(|_| (200, "")).await;
            let accepted = sink(&receiver.url, shape, gzip)
                .deliver(&events(&["{\"a\":1}", "{\"b\":2}"]))
                .await;
            assert_eq!(accepted.unwrap(), Accepted::default());
            let (headers, body) = receiver.requests().remove(0);
            assert_eq!(
                (&headers["content-type"], &headers["x-key"]),
                (
                    &HeaderValue::from_static(kind),
                    &HeaderValue::from_static("sesame")
                )
            );
            let mut text = String::new();
            if gzip {
                flate2::read::GzDecoder::new(&body[..])
                    .read_to_string(&mut text)
                    .unwrap();
            } else {
                text = String::from_utf8(body).unwrap();
            }
            assert_eq!(text, expected);
        }
    }

    #[tokio::test]
    async fn one_bad_event_is_found_and_the_others_arrive_in_order() {
        let receiver = Receiver::start(|body| {
            if body.contains("bad") {
                (400, "no such field")
            } else {
                (200, "")
            }
        })
        .await;
        let bodies = ["{\"n\":1}", "{\"n\":2}", "{\"bad\":3}", "{\"n\":4}", "{\"n\":5}"];
        let accepted = sink(&receiver.url, Shape::Ndjson, false)
            .deliver(&events(&bodies))
            .await
            .unwrap();
        let [(2, reason)] = &accepted.refused[..] else {
            panic!("{accepted:?}")
        };
        assert!(reason.contains("400 Bad Request: no such field"), "{reason}");
        let bodies = receiver
            .requests()
            .into_iter()
            .map(|(_, body)| String::from_utf8(body).unwrap());
        let arrived: String = bodies.filter(|body| !body.contains("bad")).collect();
        assert_eq!(arrived, "{\"n\":1}\n{\"n\":2}\n{\"n\":4}\n{\"n\":5}\n");
    }

    #[tokio::test]
    async fn whatever_can_be_mended_is_not_accepted_and_not_refused() {
        for status in [301, 401, 403, 404, 429, 500, 503] {
            let receiver = Receiver::start(move |_| (status, "sesame")).await;
            let error = sink(&receiver.url, Shape::Ndjson, false)
                .deliver(&events(&["{}"]))
                .await
                .unwrap_err();
            assert!(
                matches!(error, SinkError::Unavailable { .. }),
                "{status}: {error}"
            );
        }
        let nobody = sink("http://127.0.0.1:9/", Shape::Ndjson, false)
            .deliver(&events(&["{}"]))
            .await
            .unwrap_err();
        assert!(nobody.to_string().starts_with("127.0.0.1:9: "), "{nobody}");
    }
}
