//! Upstreams that fail: they refuse, answer something else, hang or send a byte now and then, from the first, second or third request of a poll
//! on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater::component::raw::{Batch, Error};
use headwater::egress::{Body, Grant, ResponseFuture, Transport, TransportError};
use headwater::model::{Fault, Limits};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};

use super::check::Check;
use super::harness::Setting;
use super::reading::{BATCH_BYTES, Reading, SMALL_BATCH, SourceUnderTest, Stop, place};

/// Requests of a poll that are tried in turn: the login, the first page, the second.
const PLACES: u32 = 3;
/// What a call is told to take while its upstream hangs.
const SHORT_DEADLINE: Duration = Duration::from_secs(1);
/// How much longer it may take: the second that the contract gives, and another for a busy machine.
const SLACK: Duration = Duration::from_secs(2);
/// After this it is interrupted.
const INTERRUPTED: Duration = Duration::from_secs(6);
/// What a throttled request is told to wait.
const PATIENCE: Duration = Duration::from_secs(17);
/// How often a dribbling answer brings a byte.
const DRIP: Duration = Duration::from_millis(50);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// This status, with a body that is not what was asked for.
    Status(u16),
    /// A page for people, with status 200.
    Html,
    /// No answer.
    Hangs,
    /// An answer whose body never comes.
    HangsInBody,
    /// An answer whose body comes byte by byte, without end.
    Dribbles,
}

impl Trouble {
    fn name(self) -> String {
        match self {
            Self::Status(status) => format!("answers with status {status}"),
            Self::Html => "answers with a page of HTML".to_owned(),
            Self::Hangs => "never answers".to_owned(),
            Self::HangsInBody => "stops inside its answer".to_owned(),
            Self::Dribbles => "sends a byte now and then".to_owned(),
        }
    }

    fn answer(self) -> ResponseFuture {
        let body = match self {
            Self::Hangs => return Box::pin(std::future::pending()),
            Self::HangsInBody => Dripping::body(None),
            Self::Dribbles => Dripping::body(Some(DRIP)),
            Self::Status(_) => full("{}"),
            Self::Html => full("<!DOCTYPE html><html><body>Sign in</body></html>"),
        };
        let mut response = Response::builder().header("content-type", "application/json");
        if let Self::Status(status) = self {
            response = response.status(status);
        }
        if self == Self::Status(429) {
            response = response.header("retry-after", PATIENCE.as_secs());
        }
        let response = response.body(body).map_err(|_| TransportError::Protocol);
        Box::pin(std::future::ready(response))
    }
}

/// A network that gets into trouble after so many responses, and stays there.
struct TroubledTransport {
    network: Arc<dyn Transport>,
    left: AtomicU32,
    trouble: Trouble,
}

impl Transport for TroubledTransport {
    fn send(&self, grant: &Arc<Grant>, request: Request<Body>) -> ResponseFuture {
        let take = |left: u32| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => self.network.send(grant, request),
            Err(_) => self.trouble.answer(),
        }
    }
}

/// A setting whose network gets into trouble after so many requests.
fn troubled(setting: &Setting, healthy: u32, trouble: Trouble) -> Setting {
    let mut setting = setting.clone();
    setting.surroundings.transport = Arc::new(TroubledTransport {
        network: setting.surroundings.transport.clone(),
        left: AtomicU32::new(healthy),
        trouble,
    });
    setting
}

/// Polls a partition whose upstream refuses: that must show as an error, and never as the end of the log.
pub(super) async fn refusals(source: &SourceUnderTest<'_>, reading: &Reading) {
    let Some(requests) = requests(source, reading, Check::Refusal).await else {
        return;
    };
    let troubles = [401, 403, 429, 500].map(Trouble::Status);
    for trouble in troubles.into_iter().chain([Trouble::Html]) {
        for healthy in 0..requests.min(PLACES) {
            let setting = troubled(&source.setting, healthy, trouble);
            let polled = source
                .poll(
                    &setting,
                    &reading.partition,
                    (None, None),
                    SMALL_BATCH,
                    BATCH_BYTES,
                )
                .await;
            let what = format!(
                "the poll of {} whose upstream {} from request {} on",
                reading.partition,
                trouble.name(),
                healthy + 1
            );
            match polled {
                Ok((batch, _)) => judge_batch(source, &what, &batch, healthy),
                Err(Stop::Error(error)) => judge_refusal(source, &what, trouble, &error),
                Err(stop @ Stop::Lost) => source.stopped(Check::Refusal, &what, &stop),
            }
        }
    }
}

/// What came before the refusal may be handed over; that nothing more is there may not be said.
fn judge_batch(source: &SourceUnderTest<'_>, what: &str, batch: &Batch, healthy: u32) {
    // A page that was answered may have moved the cursor without bringing anything.
    let brings = healthy > 0 || !batch.events.is_empty() || !batch.rejected.is_empty();
    source.harness.expect(Check::Refusal, !batch.caught_up, || {
        format!("{what} says that it has caught up: a refusal is taken for the end of the log")
    });
    source
        .harness
        .expect(Check::Refusal, brings || batch.caught_up, || {
            format!("{what} is a batch without anything in it; it must be an error")
        });
}

fn judge_refusal(source: &SourceUnderTest<'_>, what: &str, trouble: Trouble, error: &Error) {
    let fits = matches!(
        (trouble, error.fault),
        (_, Fault::Retry) | (Trouble::Status(401 | 403), Fault::Denied)
    );
    source.harness.expect(Check::Refusal, fits, || {
        format!(
            "{what} says `{}` [{}], which is not what such an answer means",
            error.fault.as_str(),
            error.code
        )
    });
    let waits = trouble != Trouble::Status(429) || error.retry_after.is_some_and(|wait| wait >= PATIENCE);
    source.harness.expect(Check::Refusal, waits, || {
        format!(
            "{what} does not hand on the {} seconds of `Retry-After`: [{}] {:?}",
            PATIENCE.as_secs(),
            error.code,
            error.retry_after,
        )
    });
}

/// Calls a source whose upstream hangs: each call must be over at its deadline.
pub(super) async fn hanging(source: &SourceUnderTest<'_>, reading: &Reading) {
    let Some(requests) = requests(source, reading, Check::Deadline).await else {
        return;
    };
    let mut short = source.setting.clone();
    short.surroundings.limits = Limits {
        poll_timeout: INTERRUPTED,
        ..short.surroundings.limits
    };
    for trouble in [Trouble::Hangs, Trouble::HangsInBody, Trouble::Dribbles] {
        for healthy in 0..requests.min(PLACES) {
            let setting = troubled(&short, healthy, trouble);
            let mut request = source.request(&reading.partition, (None, None), SMALL_BATCH, BATCH_BYTES);
            request.budget.deadline = SHORT_DEADLINE;
            let mut instance = source.harness.instance(&setting);
            let began = Instant::now();
            let _ = source.poll_in(&mut instance, &setting, &request).await;
            let what = format!("the poll of {} {}", reading.partition, place(None));
            over(source, &what, trouble, healthy, began);
        }
    }
    let setting = troubled(&short, 0, Trouble::Hangs);
    let mut instance = source.harness.instance(&setting);
    let began = Instant::now();
    let found = instance.discover(&source.config, None, SHORT_DEADLINE).await;
    let _ = source
        .harness
        .returned(&setting, "discover", &mut instance, found);
    over(source, "discover", Trouble::Hangs, 0, began);
    let mut instance = source.harness.instance(&setting);
    let began = Instant::now();
    let checked = instance
        .check(&source.config, None, &reading.partition, SHORT_DEADLINE)
        .await;
    let _ = source.harness.returned(&setting, "check", &mut instance, checked);
    over(source, "check", Trouble::Hangs, 0, began);
}

fn over(source: &SourceUnderTest<'_>, what: &str, trouble: Trouble, healthy: u32, began: Instant) {
    let took = began.elapsed();
    source
        .harness
        .expect(Check::Deadline, took <= SHORT_DEADLINE + SLACK, || {
            format!(
                "{what} whose upstream {} from request {} on took {:.1} s, and its deadline was {} s",
                trouble.name(),
                healthy + 1,
                took.as_secs_f64(),
                SHORT_DEADLINE.as_secs()
            )
        });
}

/// How many requests a first poll sends; none if it sends none, which is noted.
async fn requests(source: &SourceUnderTest<'_>, reading: &Reading, check: Check) -> Option<u32> {
    let whole = source
        .poll(
            &source.setting,
            &reading.partition,
            (None, None),
            SMALL_BATCH,
            BATCH_BYTES,
        )
        .await;
    let requests = whole.map_or(0, |(_, requests)| requests);
    if requests == 0 {
        source.harness.skip(check, "its polls send no requests");
        return None;
    }
    Some(requests)
}

fn full(text: &'static str) -> Body {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    body.map_err(|never| match never {}).boxed_unsync()
}

/// A body that brings a blank at every interval, or nothing at all, and never ends.
struct Dripping {
    every: Option<Duration>,
    next: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Dripping {
    fn body(every: Option<Duration>) -> Body {
        Self { every, next: None }.boxed_unsync()
    }
}

impl http_body::Body for Dripping {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, TransportError>>> {
        let Some(every) = self.every else {
            return Poll::Pending;
        };
        let next = self
            .next
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(every)));
        match next.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.next = None;
                Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(b" ")))))
            }
        }
    }
}
