//! The source keeps its deadlines under a host that has none: a bare engine whose HTTP waits for ever and ignores every
//! limit that a request names.

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::artifacts;

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

struct Bare {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    upstream: Upstream,
}

struct Upstream(Hangs);

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Bare {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.upstream,
        }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send>;

impl WasiHttpHooks for Upstream {
    fn send_request(&mut self, request: Request<WasiBody>, _: Option<RequestOptions>, _: Io) -> Sent {
        let is_login = request.uri().path().ends_with("/token");
        let body = match (is_login, self.0) {
            (true, Hangs::Login) | (false, Hangs::Head) => return Box::new(pending()),
            (true, _) => whole(r#"{"access_token":"token","expires_in":3599}"#),
            (false, hangs) => begun(hangs == Hangs::Drip),
        };
        let io: Io = Box::new(ready(Ok(())));
        Box::new(ready(Ok((Response::new(body), io))))
    }
}

fn whole(text: &'static str) -> WasiBody {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    body.map_err(|never| match never {}).boxed_unsync()
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

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn config() -> Val {
    text(
        r#"{"tenant_id":"aaaaaaaa-0000-0000-0000-000000000001","client_id":"bbbbbbbb-0000-0000-0000-000000000002",
            "client_secret":"example","subscription_id":"11111111-2222-3333-4444-555555555555","drop":[]}"#,
    )
}

fn record(members: &[(&str, Val)]) -> Val {
    Val::Record(
        members
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

/// Calls a function of the source. Returns what it returned, and how long it took.
async fn call(
    bare: &(Engine, Component),
    hangs: Hangs,
    function: &str,
    arguments: Vec<Val>,
) -> (Val, Duration) {
    let (engine, component) = bare;
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI");
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).expect("WASI HTTP");
    let state = Bare {
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        table: ResourceTable::new(),
        upstream: Upstream(hangs),
    };
    let mut store = Store::new(engine, state);
    let instance = linker
        .instantiate_async(&mut store, component)
        .await
        .expect("it needs no more than WASI");
    let source = instance.get_export_index(&mut store, None, "headwater:source/source@0.2.0");
    let source = source.expect("the contract's interface");
    let function = instance.get_export_index(&mut store, Some(&source), function);
    let function = function.and_then(|index| instance.get_func(&mut store, index));
    let function = function.expect("the contract's function");
    let mut results = [Val::Bool(false)];
    let began = Instant::now();
    function
        .call_async(&mut store, &arguments, &mut results)
        .await
        .expect("it does not trap");
    let [result] = results;
    (result, began.elapsed())
}

#[test]
fn every_call_is_over_at_its_deadline_whatever_the_upstream_withholds() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let engine = Engine::new(&Config::new()).expect("an engine");
        let component = Component::from_file(&engine, artifacts::azure_activity()).expect("it was built");
        let bare = (engine, component);
        let partition = text("subscriptions/11111111-2222-3333-4444-555555555555");
        let deadline = u64::try_from(DEADLINE.as_nanos()).expect("it is short");
        let budget = record(&[
            ("max-events", Val::U32(1000)),
            ("max-bytes", Val::U64(1 << 20)),
            ("deadline", Val::U64(deadline)),
        ]);
        let none = Val::Option(None);
        let request = record(&[
            ("config", config()),
            ("partition", partition.clone()),
            ("cursor", none.clone()),
            ("session", none.clone()),
            ("budget", budget),
        ]);
        let polls = [Hangs::Login, Hangs::Head, Hangs::Body, Hangs::Drip].map(|hangs| {
            let (bare, request) = (&bare, request.clone());
            async move { (hangs, call(bare, hangs, "poll", vec![request]).await) }
        });
        let [login, head, body, drip] = polls;
        let (login, head, body, drip) = tokio::join!(login, head, body, drip);
        for (hangs, (result, took)) in [login, head, body, drip] {
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
            async move { (hangs, function, call(bare, hangs, function, arguments).await) }
        });
        let [one, two, three, four] = others;
        let (one, two, three, four) = tokio::join!(one, two, three, four);
        for (hangs, function, (_, took)) in [one, two, three, four] {
            assert!(took < DEADLINE + SLACK, "{function} {hangs:?}: {took:?}");
        }
    });
}
