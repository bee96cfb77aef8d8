//! A response body under watch: bytes counted, silence and length of time bounded.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::transport::{Body, TransportError};

/// How much of a body may come, and how slowly.
#[derive(Debug, Clone)]
pub(super) struct BodyBounds {
    /// Bytes of this body.
    pub(super) bytes: u64,
    /// Bytes that the whole poll may still receive, shared by all its responses.
    pub(super) poll_bytes: Arc<AtomicU64>,
    /// Longest silence.
    pub(super) idle: Duration,
    /// When the exchange must be over.
    pub(super) end: Instant,
}

/// A body that fails with a typed error once it breaks its bounds.
pub(super) struct WatchedBody {
    inner: Body,
    bounds: BodyBounds,
    received: u64,
    timer: Pin<Box<Sleep>>,
}

impl WatchedBody {
    pub(super) fn new(inner: Body, bounds: BodyBounds) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(next_deadline(&bounds)));
        Self {
            inner,
            bounds,
            received: 0,
            timer,
        }
    }

    /// Counts arrived bytes; an error when they are more than allowed.
    fn count(&mut self, bytes: u64) -> Result<(), TransportError> {
        self.received += bytes;
        if self.received > self.bounds.bytes {
            return Err(TransportError::ResponseBodyTooLarge {
                limit: self.bounds.bytes,
            });
        }
        let take = |left: u64| left.checked_sub(bytes);
        let left = self
            .bounds
            .poll_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        left.map(drop)
            .map_err(|limit| TransportError::ResponseBodyTooLarge { limit })
    }
}

/// The sooner of "too long silent" and "too long in all".
fn next_deadline(bounds: &BodyBounds) -> Instant {
    bounds.end.min(Instant::now() + bounds.idle)
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                // A body that never falls silent must still end.
                if Instant::now() >= self.bounds.end {
                    return Poll::Ready(Some(Err(TransportError::ResponseTimeout)));
                }
                let counted = self.count(size);
                let deadline = next_deadline(&self.bounds);
                self.timer.as_mut().reset(deadline);
                Poll::Ready(Some(counted.map(|()| frame)))
            }
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => {
                ready!(self.timer.as_mut().poll(context));
                let late = Instant::now() >= self.bounds.end;
                Poll::Ready(Some(Err(if late {
                    TransportError::ResponseTimeout
                } else {
                    TransportError::ReadTimeout
                })))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    fn bounds(bytes: u64, poll_bytes: u64) -> BodyBounds {
        BodyBounds {
            bytes,
            poll_bytes: Arc::new(AtomicU64::new(poll_bytes)),
            idle: Duration::from_secs(15),
            end: Instant::now() + Duration::from_secs(60),
        }
    }

    fn full(size: usize) -> Body {
        Full::new(Bytes::from(vec![b'x'; size]))
            .map_err(|never| match never {})
            .boxed_unsync()
    }

    #[tokio::test]
    async fn bytes_are_bounded_per_response_and_per_poll() {
        for (size, bytes, poll_bytes, expected) in [
            (10, 10, 10, None),
            (11, 10, 100, Some(10)),
            (11, 100, 10, Some(10)),
            (0, 0, 0, None),
        ] {
            let read = WatchedBody::new(full(size), bounds(bytes, poll_bytes))
                .collect()
                .await;
            match (read, expected) {
                (Ok(read), None) => assert_eq!(read.to_bytes().len(), size),
                (Err(TransportError::ResponseBodyTooLarge { limit }), Some(expected)) => {
                    assert_eq!(limit, expected)
                }
                (other, _) => panic!("{size} of {bytes}/{poll_bytes}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn the_bytes_of_a_poll_are_shared_by_its_responses() {
        let bounds = bounds(10, 15);
        assert!(WatchedBody::new(full(10), bounds.clone()).collect().await.is_ok());
        let second = WatchedBody::new(full(10), bounds).collect().await;
        assert!(
            matches!(second, Err(TransportError::ResponseBodyTooLarge { limit: 5 })),
            "{second:?}"
        );
    }

    #[tokio::test]
    async fn silence_ends_a_body() {
        let bounds = BodyBounds {
            idle: Duration::ZERO,
            ..bounds(10, 10)
        };
        let read = WatchedBody::new(Never.boxed_unsync(), bounds).collect().await;
        assert!(matches!(read, Err(TransportError::ReadTimeout)), "{read:?}");
    }

    #[tokio::test]
    async fn a_drip_without_end_ends_with_the_exchange() {
        let bounds = BodyBounds {
            end: Instant::now(),
            ..bounds(1 << 20, 1 << 20)
        };
        let read = WatchedBody::new(Drip.boxed_unsync(), bounds).collect().await;
        assert!(matches!(read, Err(TransportError::ResponseTimeout)), "{read:?}");
    }

    type Step = Poll<Option<Result<Frame<Bytes>, TransportError>>>;

    /// Nothing, for ever.
    struct Never;

    impl HttpBody for Never {
        type Data = Bytes;
        type Error = TransportError;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Step {
            Poll::Pending
        }
    }

    /// Bytes for ever, one after the other.
    struct Drip;

    impl HttpBody for Drip {
        type Data = Bytes;
        type Error = TransportError;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Step {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }
}
