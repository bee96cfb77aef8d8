//! An HTTP receiver. Accepted on any 2xx, as far as the receiver's answer does not say otherwise.

use super::dispatch::Dispatch;
use super::encoding::Encoding;
use super::http_client::{Endpoint, HttpClient};
use super::judge::Judge;
use super::{DeliverFuture, Delivery, Sink};
use crate::egress::OutboundError;

pub(super) struct HttpSink {
    pub(super) encoding: Encoding,
    pub(super) client: HttpClient,
    pub(super) judge: Judge,
}

impl HttpSink {
    pub(super) fn new(endpoint: Endpoint, encoding: Encoding) -> Result<Self, OutboundError> {
        Ok(Self {
            encoding,
            client: HttpClient::new(endpoint)?,
            judge: Judge::default(),
        })
    }
}

impl Sink for HttpSink {
    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> DeliverFuture<'a> {
        Box::pin(Dispatch::new(self, delivery).run())
    }
}
