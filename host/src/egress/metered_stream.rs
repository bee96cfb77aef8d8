//! A connection whose bytes are counted where they arrive, and that is closed when it has sent too much, or when it is idle and
//! its place is wanted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::futures::OwnedNotified;
use tokio::time::Sleep;

use super::connections::Permits;
use super::meter::Meter;

/// A connection that has sent too much is asked again after this time: whoever counts its answers may be late.
const GRACE: Duration = Duration::from_millis(50);

/// A connection whose bytes are counted.
pub(super) struct MeteredStream<S> {
    inner: TokioIo<S>,
    meter: Meter,
    grace: Option<Pin<Box<Sleep>>>,
    /// While it is idle, whether another connection needs its place.
    wanted: Option<Pin<Box<OwnedNotified>>>,
    /// The last field, since fields are dropped in order: the connection is closed before another one may take its place.
    permits: Permits,
}

impl<S> MeteredStream<S> {
    pub(super) fn new(stream: S, meter: Meter, permits: Permits) -> Self {
        Self {
            inner: TokioIo::new(stream),
            meter,
            grace: None,
            wanted: None,
            permits,
        }
    }
}

impl<S> MeteredStream<S> {
    /// Whether it is idle, and its place is another connection's from now on: then this is its end.
    fn is_given_up(&mut self, context: &mut Context<'_>) -> bool {
        self.meter.wakes(context.waker());
        if !self.meter.is_idle() {
            // Whoever was told and does not listen any more passes it on.
            self.wanted = None;
            return false;
        }
        let wanted = self.wanted.get_or_insert_with(|| Box::pin(self.permits.wanted()));
        wanted.as_mut().poll(context).is_ready()
    }
}

impl<S: hyper::rt::Read + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter.is_used_up() {
            let grace = self
                .grace
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(GRACE)));
            ready!(grace.as_mut().poll(context));
            if self.meter.is_used_up() {
                return Poll::Ready(Err(io::Error::other(self.meter.punish())));
            }
        }
        self.grace = None;
        if self.is_given_up(context) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.meter.received(buffer.filled().len() - before);
        read
    }
}

impl<S: hyper::rt::Write + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }
}

impl<S: Connection> Connection for MeteredStream<S> {
    fn connected(&self) -> Connected {
        self.inner.inner().connected().extra(self.meter.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::AsyncReadExt;

    use super::super::connections::Connections;
    use super::super::meter::Exchange;
    use super::super::origin::Origin;
    use super::*;

    #[tokio::test]
    async fn an_idle_connection_ends_when_its_place_is_wanted_and_a_busy_or_new_one_does_not() {
        let [ours, others] = Connections::of_sources(1);
        let (near, _far) = tokio::io::duplex(64);
        let origin = Origin::parse("https://upstream.example").unwrap();
        let meter = Meter::new(origin, Arc::default());
        let permits = ours.wait().await.unwrap();
        let mut stream = MeteredStream::new(TokioIo::new(near), meter.clone(), permits);
        let waiting = tokio::spawn(async move { others.wait().await.is_ok() });
        let mut buffer = [0; 8];
        let mut read = Box::pin(async move { (stream.read(&mut buffer).await, stream) });
        let moment = Duration::from_millis(200);
        assert!(
            tokio::time::timeout(moment, read.as_mut()).await.is_err(),
            "it is new"
        );
        let exchange = Exchange::begin(meter);
        assert!(
            tokio::time::timeout(moment, read.as_mut()).await.is_err(),
            "it is busy"
        );
        drop(exchange);
        let (ended, stream) = read.await;
        assert_eq!(ended.unwrap(), 0);
        assert!(!waiting.is_finished());
        drop(stream);
        assert!(waiting.await.unwrap());
    }
}
