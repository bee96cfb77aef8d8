//! The component in the production configuration of the host, with an upstream that answers from memory.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater::component::raw::{Budget, Request as PollRequest, Session};
use headwater::component::{Fetched, Surroundings};
use headwater::cursor::MemoryStore;
use headwater::egress::{Body, Grant, Origin, ResponseFuture, Transport};
use headwater::model::Limits;
use headwater::secret::{Resolved, Template};
use headwater::{Host, Plugin};
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};

/// Where the canned upstream pretends to be.
pub const ENDPOINT: &str = "http://127.0.0.1:9";

/// What the token endpoint answers.
pub const TOKEN: &[u8] = br#"{"token_type":"Bearer","expires_in":3599,"access_token":"an-example"}"#;

/// The tenant log needs no discovery.
pub const PARTITION: &str = "tenants/11111111-1111-1111-1111-111111111111";

/// What the host lets a batch hold.
pub const BATCH_BYTES: u64 = 8 << 20;

/// A tenant whose upstream always answers with the same page.
pub struct Tenant {
    plugin: Plugin,
    surroundings: Surroundings,
    config: Resolved,
    session: RefCell<Option<Session>>,
    runtime: tokio::runtime::Runtime,
}

impl Tenant {
    /// Loads a component for one format of events.
    pub fn new(component: &Path, page: Vec<u8>, format: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let host = Host::builder().cursors(MemoryStore::new()).build()?;
        let plugin = runtime.block_on(host.load(component).into_future())?;
        let origin = Origin::parse(ENDPOINT).map_err(anyhow::Error::msg)?;
        let config = serde_json::json!({
            "tenant_id": "11111111-1111-1111-1111-111111111111",
            "client_id": "22222222-2222-2222-2222-222222222222",
            "client_secret": "an example of a secret",
            "tenant_log": true,
            "format": format,
            "cloud": { "authority": ENDPOINT, "resource_manager": ENDPOINT },
        });
        let template =
            Template::new("config", &config, &[]).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let config = runtime
            .block_on(template.resolve(&[]))
            .map_err(|missing| anyhow::anyhow!("{missing:?}"))?;
        let surroundings = Surroundings {
            transport: Arc::new(Canned { page: page.into() }),
            grant: Arc::new(Grant::new([origin], false)),
            secrets: config.bound.clone(),
            limits: Limits::default(),
            now: None,
        };
        Ok(Self {
            plugin,
            surroundings,
            config,
            session: RefCell::default(),
            runtime,
        })
    }

    /// One poll from the start with its examination, and the host's CPU time for the call.
    pub fn poll(&self) -> anyhow::Result<(Fetched, Duration)> {
        let limits = self.surroundings.limits;
        let mut instance = self.plugin.instance(self.surroundings.clone());
        let request = PollRequest {
            config: self.config.json.clone(),
            partition: PARTITION.to_owned(),
            cursor: None,
            session: self.session.borrow().clone(),
            budget: Budget {
                max_events: limits.batch_events,
                max_bytes: BATCH_BYTES,
                deadline: limits.poll_timeout,
            },
        };
        let polled = self.runtime.block_on(instance.poll(request))?;
        let batch = polled.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let cpu = instance.usage().cpu;
        drop(instance);
        let before = self.session.take();
        self.session.replace(batch.session.apply(before));
        let session = self.session.borrow();
        let redactor = self
            .config
            .redactor
            .with_session(session.as_ref().map(Session::as_bytes));
        Ok((Fetched::check(batch, &redactor)?, cpu))
    }
}

/// Answers every request for a token with one, and everything else with the page.
struct Canned {
    page: Bytes,
}

impl Transport for Canned {
    fn send(&self, _grant: &Arc<Grant>, request: Request<Body>) -> ResponseFuture {
        let is_login = request.uri().path().ends_with("/token");
        let page = self.page.clone();
        Box::pin(async move {
            // The component writes a body until somebody has read it.
            request.into_body().collect().await?;
            let body = if is_login { Bytes::from_static(TOKEN) } else { page };
            // With its length, as servers send it; without, the component makes room again and again.
            let length = body.len();
            let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
            Ok(response)
        })
    }
}
