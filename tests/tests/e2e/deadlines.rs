//! The source keeps its deadlines under a host that has none: a bare engine whose HTTP waits for ever and ignores every
//! limit that a request names.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use wasmtime::component::Val;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::bare::{Answers, Bare, Called, request, text, token};

/// Of a poll. Far below what the source would wait for on its own.
const DEADLINE: Duration = Duration::from_secs(3);

/// Beyond its deadline a call may take so long. The contract's second, and what a loaded machine needs.
const SLACK: Duration = Duration::from_secs(3);

/// Where the upstream stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hangs {
    /// Before the head of the login's answer.
    Login,
    /// Before the head of the log's answer.
    Head,
    /// Inside the body, behind one record.
    Body,
    /// Never quite: a byte now and then.
    Drip,
}

impl Answers for Hangs {
    fn answer(&self, is_login: bool) -> Option<WasiBody> {
        match (is_login, self) {
            (true, Self::Login) | (false, Self::Head) => None,
            (true, _) => Some(token()),
            (false, hangs) => Some(begun(*hangs == Self::Drip)),
        }
    }
}

/// A page with one record, which never ends.
fn begun(drips: bool) -> WasiBody {
    let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let start = format!(r#"{{"value":[{{"eventDataId":"1","eventTimestamp":"{time}"}},"#);
    let (pieces, body) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, Error>>(1);
    tokio::spawn(async move {
        let mut piece = Bytes::from(start);
        while pieces.send(Ok(Frame::data(piece))).await.is_ok() {
            if !drips {
                pieces.closed().await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            piece = Bytes::from_static(b" ");
        }
    });
    Pieces(body).boxed_unsync()
}

/// A body of pieces as they come.
struct Pieces(tokio::sync::mpsc::Receiver<Result<Frame<Bytes>, Error>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.0.poll_recv(context)
    }
}

fn config() -> Val {
    text(
        r#"{"tenant_id":"aaaaaaaa-0000-0000-0000-000000000001","client_id":"bbbbbbbb-0000-0000-0000-000000000002",
            "client_secret":"example","subscription_id":"11111111-2222-3333-4444-555555555555","drop":[]}"#,
    )
}

#[test]
fn every_call_is_over_at_its_deadline_whatever_the_upstream_withholds() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let bare = Bare::new();
        let partition = text("subscriptions/11111111-2222-3333-4444-555555555555");
        let deadline = u64::try_from(DEADLINE.as_nanos()).expect("it is short");
        let none = Val::Option(None);
        let request = request(config(), partition.clone(), 1000, 1 << 20, DEADLINE);
        let polls = [Hangs::Login, Hangs::Head, Hangs::Body, Hangs::Drip].map(|hangs| {
            let (bare, request) = (&bare, request.clone());
            async move { (hangs, bare.call(hangs, "poll", vec![request]).await) }
        });
        let [login, head, body, drip] = polls;
        let (login, head, body, drip) = tokio::join!(login, head, body, drip);
        for (hangs, Called { result, took, .. }) in [login, head, body, drip] {
            assert!(took < DEADLINE + SLACK, "{hangs:?}: {took:?}");
            // What came before is handed over.
            let has_events = matches!(hangs, Hangs::Body | Hangs::Drip);
            let Val::Result(result) = result else {
                panic!("{hangs:?}")
            };
            assert_eq!(result.is_ok(), has_events, "{hangs:?}: {result:?}");
        }
        // Nothing of them is handed over, but they are over as soon.
        let others = [
            (
                Hangs::Login,
                "discover",
                vec![config(), none.clone(), Val::U64(deadline)],
            ),
            (
                Hangs::Head,
                "discover",
                vec![config(), none.clone(), Val::U64(deadline)],
            ),
            (
                Hangs::Head,
                "check",
                vec![config(), none.clone(), partition.clone(), Val::U64(deadline)],
            ),
            (
                Hangs::Drip,
                "check",
                vec![config(), none, partition, Val::U64(deadline)],
            ),
        ];
        let others = others.map(|(hangs, function, arguments)| {
            let bare = &bare;
            async move { (hangs, function, bare.call(hangs, function, arguments).await.took) }
        });
        let [one, two, three, four] = others;
        let (one, two, three, four) = tokio::join!(one, two, three, four);
        for (hangs, function, took) in [one, two, three, four] {
            assert!(took < DEADLINE + SLACK, "{function} {hangs:?}: {took:?}");
        }
    });
}
