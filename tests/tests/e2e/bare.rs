//! A bare engine: a host that has nothing but WASI, an upstream, and a count of what was executed.

use std::future::{Future, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::artifacts;

/// What the upstream answers. None never answers.
pub trait Answers: Send + 'static {
    /// The body for the login, or for any other request.
    fn answer(&self, is_login: bool) -> Option<WasiBody>;
}

/// An engine with the Azure source.
pub struct Bare {
    engine: Engine,
    component: Component,
}

/// What came of a call.
pub struct Called {
    pub result: Val,
    pub took: Duration,
    /// Instructions of WebAssembly.
    pub instructions: u64,
}

struct State<U> {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    upstream: Upstream<U>,
}

struct Upstream<U>(U);

impl<U: Answers> WasiView for State<U> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl<U: Answers> WasiHttpView for State<U> {
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

impl<U: Answers> WasiHttpHooks for Upstream<U> {
    fn send_request(&mut self, request: Request<WasiBody>, _: Option<RequestOptions>, _: Io) -> Sent {
        let Some(body) = self.0.answer(request.uri().path().ends_with("/token")) else {
            return Box::new(std::future::pending());
        };
        let io: Io = Box::new(ready(Ok(())));
        Box::new(ready(Ok((Response::new(body), io))))
    }
}

/// A body that is there as a whole.
pub fn whole(body: impl Into<Bytes>) -> WasiBody {
    let body = Full::new(body.into());
    body.map_err(|never| match never {}).boxed_unsync()
}

/// The answer of a token endpoint.
pub fn token() -> WasiBody {
    whole(r#"{"access_token":"token","expires_in":3599}"#)
}

pub fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

pub fn record(members: &[(&str, Val)]) -> Val {
    Val::Record(
        members
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

/// A request without cursor and session.
pub fn request(config: Val, partition: Val, max_events: u32, max_bytes: u64, deadline: Duration) -> Val {
    let deadline = u64::try_from(deadline.as_nanos()).expect("it is short");
    let budget = record(&[
        ("max-events", Val::U32(max_events)),
        ("max-bytes", Val::U64(max_bytes)),
        ("deadline", Val::U64(deadline)),
    ]);
    record(&[
        ("config", config),
        ("partition", partition),
        ("cursor", Val::Option(None)),
        ("session", Val::Option(None)),
        ("budget", budget),
    ])
}

impl Bare {
    pub fn new() -> Self {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::from_file(&engine, artifacts::azure_activity()).expect("it was built");
        Self { engine, component }
    }

    /// Calls a function of the source in a fresh instance.
    pub async fn call(&self, upstream: impl Answers, function: &str, arguments: Vec<Val>) -> Called {
        let mut linker = Linker::new(&self.engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI");
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).expect("WASI HTTP");
        let state = State {
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            upstream: Upstream(upstream),
        };
        let mut store = Store::new(&self.engine, state);
        store.set_fuel(u64::MAX).expect("fuel is counted");
        let instance = linker
            .instantiate_async(&mut store, &self.component)
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
        Called {
            result,
            took: began.elapsed(),
            instructions: u64::MAX - store.get_fuel().expect("fuel is counted"),
        }
    }
}
