//! What is served, rendered once for all who ask within a second, or longer where rendering takes long.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Monitor;
use crate::work::cpu_share::thread_time;
use crate::work::worker::Worker;

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);
/// Of what takes long to render, so many times as long, that rendering never takes more than a tenth of a core from those who
/// read events; but no longer than operators scrape.
const FRESH_PER_RENDERING: u32 = 9;
const LONGEST_FRESH: Duration = Duration::from_secs(30);
/// The same for `/healthz`, which is short.
const FRESH_HEALTH: Duration = Duration::from_millis(200);
/// How long whoever asks waits for a page to be rendered.
const PATIENCE: Duration = Duration::from_secs(15);

/// The pages and the thread that renders the large ones.
pub(super) struct Pages {
    monitor: Monitor,
    renderer: Worker<()>,
    metrics: Shared,
    status: Shared,
    host: Shared,
    health: Mutex<Option<(Instant, (bool, Bytes))>>,
}

/// A page and until when it is fresh. Locked while it is being rendered, so that nobody renders it twice.
type Shared = tokio::sync::Mutex<Option<(Instant, Bytes)>>;

impl Pages {
    pub(super) fn start(monitor: Monitor) -> io::Result<Self> {
        let renderer = Worker::start("render", || Ok::<_, io::Error>(()), PATIENCE, || {})?;
        Ok(Self {
            monitor,
            renderer,
            metrics: Shared::default(),
            status: Shared::default(),
            host: Shared::default(),
            health: Mutex::default(),
        })
    }

    /// `/metrics`; none if it takes too long.
    pub(super) async fn metrics(&self) -> Option<Bytes> {
        self.get(&self.metrics, Monitor::render_metrics).await
    }

    /// `/status.json`; none if it takes too long.
    pub(super) async fn status(&self) -> Option<Bytes> {
        self.get(&self.status, Monitor::render_status).await
    }

    /// `/host.json`; none if it takes too long.
    pub(super) async fn host(&self) -> Option<Bytes> {
        self.get(&self.host, Monitor::render_host).await
    }

    /// `/healthz`: whether anything works, and a line for each partition. Rendered where it is asked for, so that it waits for
    /// no other page.
    pub(super) fn health(&self) -> (bool, Bytes) {
        let mut kept = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((rendered, page)) = &*kept
            && rendered.elapsed() < FRESH_HEALTH
        {
            return page.clone();
        }
        let (healthy, lines) = self.monitor.render_health();
        let page = (healthy, Bytes::from(lines));
        *kept = Some((Instant::now(), page.clone()));
        page
    }

    async fn get(&self, shared: &Shared, render: fn(&Monitor) -> String) -> Option<Bytes> {
        let mut kept = shared.lock().await;
        if let Some((until, page)) = &*kept
            && Instant::now() < *until
        {
            return Some(page.clone());
        }
        let monitor = self.monitor.clone();
        let rendered = self.renderer.run(PATIENCE, move |()| {
            let began = thread_time();
            (render(&monitor), thread_time().saturating_sub(began))
        });
        let (page, took) = rendered.await.ok()?;
        let page = Bytes::from(page);
        *kept = Some((Instant::now() + fresh_for(took), page.clone()));
        Some(page)
    }
}

/// How long a page may be served that took so much of the processor.
fn fresh_for(took: Duration) -> Duration {
    (took * FRESH_PER_RENDERING).clamp(FRESH, LONGEST_FRESH)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static RENDERED: AtomicU64 = AtomicU64::new(0);

    fn render(_: &Monitor) -> String {
        RENDERED.fetch_add(1, Ordering::Relaxed);
        "page".to_owned()
    }

    #[tokio::test]
    async fn a_page_is_rendered_once_a_second_for_all_who_ask() {
        let pages = Pages::start(Monitor::default()).unwrap();
        let began = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(
                pages.get(&pages.metrics, render).await.as_deref(),
                Some(&b"page"[..])
            );
        }
        let rendered = RENDERED.load(Ordering::Relaxed);
        assert!(rendered <= 1 + began.elapsed().as_secs(), "{rendered} times");
    }

    #[test]
    fn rendering_takes_a_tenth_of_a_core_at_most() {
        for (took, fresh) in [(0, 1_000), (100, 1_000), (500, 4_500), (60_000, 30_000)] {
            let [took, fresh] = [took, fresh].map(Duration::from_millis);
            assert_eq!(fresh_for(took), fresh, "{took:?}");
        }
    }
}
