//! An HTTP receiver. Accepted on any 2xx, as far as the receiver's answer does not say otherwise.

use super::encoding::{Encoding, RequestOutcome};
use super::http_client::{Endpoint, HttpClient, Reply};
use super::judge::Judge;
use super::{Delivery, SinkError};
use crate::egress::OutboundError;
use crate::model::Event;
use crate::work::compute::Compute;

/// Answers up to this size are read where they arrive, in bytes.
const SHORT_ANSWER: usize = 4 << 10;

pub(super) struct HttpSink {
    pub(super) encoding: Encoding,
    pub(super) client: HttpClient,
    /// Most bytes of a request before it is compressed.
    max_request: usize,
    pub(super) judge: Judge,
    /// Reads long answers.
    pub(super) compute: Compute,
}

impl HttpSink {
    pub(super) fn new(endpoint: Endpoint, encoding: Encoding) -> Result<Self, OutboundError> {
        Ok(Self {
            encoding,
            max_request: endpoint.max_request.unwrap_or(usize::MAX),
            client: HttpClient::new(endpoint)?,
            judge: Judge::default(),
            compute: Compute::default(),
        })
    }

    /// Most events and bytes of events in one request. What the encoding adds is not counted: a request that is too large with
    /// it is halved.
    pub(super) fn limits(&self) -> (usize, usize) {
        let (events, bytes) = self.encoding.limits();
        (events, bytes.min(self.max_request))
    }

    /// Sends some events of a delivery, and reads the answer.
    pub(super) async fn request(&self, delivery: &Delivery<'_>, events: &[&Event]) -> RequestOutcome {
        let (media_type, body) = self.encoding.request(delivery, events);
        if body.len() > self.max_request {
            let (size, most) = (body.len(), self.max_request);
            let reason = format!("a request of {size} bytes, and `sink.max_request` allows {most}");
            return RequestOutcome::TooLarge { reason };
        }
        match self.client.post(media_type, body, delivery.redactor).await {
            Ok(reply) if reply.body.len() <= SHORT_ANSWER => self.encoding.read(&reply, delivery, events),
            Ok(reply) => self.read_elsewhere(reply, delivery, events).await,
            Err(error) => RequestOutcome::Unavailable(error),
        }
    }

    /// Reads a long answer away from the workers: parsing it, and looking for secrets in each of its reasons, takes as long
    /// as the receiver likes. What an answer means depends on the ids of the events, not on their bodies.
    async fn read_elsewhere(
        &self,
        reply: Reply,
        delivery: &Delivery<'_>,
        events: &[&Event],
    ) -> RequestOutcome {
        let bare = |event: &&Event| Event {
            id: event.id.clone(),
            time: event.time,
            severity: event.severity,
            attributes: Vec::new(),
            body: String::new(),
        };
        let (encoding, events) = (self.encoding.clone(), events.iter().map(bare).collect::<Vec<_>>());
        let (source, partition) = (delivery.source.to_owned(), delivery.partition.to_owned());
        let (settled, redactor) = (delivery.settled, delivery.redactor.clone());
        let read = move || {
            let delivery = Delivery {
                source: &source,
                partition: &partition,
                attributes: &[],
                events: &events,
                settled,
                redactor: &redactor,
            };
            encoding.read(&reply, &delivery, &events.iter().collect::<Vec<_>>())
        };
        self.compute.run(read).await.unwrap_or_else(|error| {
            let problem = format!("the receiver's answer was not read: {error}");
            RequestOutcome::Unavailable(SinkError::unavailable(problem))
        })
    }
}
