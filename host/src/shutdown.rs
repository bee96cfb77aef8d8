//! The wish to stop, as many tasks can see it.

use tokio::sync::watch;

/// Announces the wish to stop.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Sees the wish to stop. Clones see the same.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// A pair of both ends.
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns once stopping is wished; never, if whoever could wish it is gone.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|requested| *requested).await.is_err() {
            std::future::pending().await
        }
    }
}
