//! A connector whose connections are counted, and whose bytes are.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::account::Account;
use super::connections::Connections;
use super::meter::Meter;
use super::metered_stream::MeteredStream;
use super::origin::Origin;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Wraps another connector.
#[derive(Debug, Clone)]
pub(super) struct MeteredConnector<C> {
    inner: C,
    connections: Connections,
    account: Arc<Account>,
}

impl<C> MeteredConnector<C> {
    pub(super) fn new(inner: C, connections: Connections, account: Arc<Account>) -> Self {
        Self {
            inner,
            connections,
            account,
        }
    }
}

impl<C> Service<Uri> for MeteredConnector<C>
where
    C: Service<Uri, Error = BoxError> + Clone + Send + 'static,
    C::Response: Send,
    C::Future: Send,
{
    type Response = TokioIo<MeteredStream<C::Response>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let mut ready = self.inner.clone();
        // The clone goes back, the one that has been polled to readiness is used.
        std::mem::swap(&mut ready, &mut self.inner);
        let (connections, account) = (self.connections.clone(), self.account.clone());
        Box::pin(async move {
            let origin = Origin::of(&destination).ok_or("the destination has no clear origin")?;
            let permits = connections.wait().await?;
            let stream = ready.call(destination).await?;
            let meter = Meter::new(origin, account);
            Ok(TokioIo::new(MeteredStream::new(stream, meter, permits)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A connection that knows how many places are taken while it is open.
    struct Watched(Watch);

    #[derive(Clone)]
    struct Watch {
        connections: Connections,
        open: Arc<AtomicUsize>,
        peak: Arc<AtomicUsize>,
    }

    impl Watch {
        fn taken(&self) -> usize {
            self.connections.most_and_open().1
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            let open = self.0.open.fetch_sub(1, Ordering::SeqCst);
            assert!(self.0.taken() >= open, "its place was free while it was open");
        }
    }

    /// Opens such connections, after a moment in which the caller may go away.
    impl Service<Uri> for Watch {
        type Response = Watched;
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<Watched, BoxError>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            let watch = self.clone();
            Box::pin(async move {
                let open = watch.open.fetch_add(1, Ordering::SeqCst) + 1;
                watch.peak.fetch_max(open, Ordering::SeqCst);
                let connection = Watched(watch);
                tokio::task::yield_now().await;
                Ok(connection)
            })
        }
    }

    #[tokio::test]
    async fn a_place_is_free_only_when_its_connection_is_closed() {
        let connections = Connections::default();
        let (most, _) = connections.most_and_open();
        let watch = Watch {
            connections: connections.clone(),
            open: Arc::default(),
            peak: Arc::default(),
        };
        let connector = MeteredConnector::new(watch.clone(), connections.clone(), Arc::default());
        let tasks: Vec<_> = (0..10 * most)
            .map(|number| {
                let mut connector = connector.clone();
                tokio::spawn(async move {
                    let connecting = connector.call(Uri::from_static("https://upstream.example"));
                    if number % 3 == 0 {
                        // Whoever asked goes away while the connection is being made.
                        let moment = tokio::task::yield_now();
                        tokio::select! { biased; _ = connecting => {}, () = moment => {} }
                        return;
                    }
                    let stream = connecting.await.unwrap();
                    tokio::task::yield_now().await;
                    drop(stream);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(watch.peak.load(Ordering::SeqCst), most);
        assert_eq!((watch.open.load(Ordering::SeqCst), watch.taken()), (0, 0));
    }
}
