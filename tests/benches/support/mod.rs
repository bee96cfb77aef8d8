//! The component in the production configuration of the host, with an upstream that answers from memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use headwater::batch::Batch;
use headwater::caller::{Called, Caller};
use headwater::config::Limits;
use headwater::egress::{Answer, Grant, Origin, Transport};
use headwater::engine;
use headwater::plugin::Plugins;
use headwater::secret::{Resolved, Template};
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::WasiBody;

/// Where the canned upstream pretends to be.
pub const ENDPOINT: &str = "http://127.0.0.1:9";

/// What the token endpoint answers.
pub const TOKEN: &[u8] = br#"{"token_type":"Bearer","expires_in":3599,"access_token":"an-example"}"#;

/// The tenant log needs no discovery.
pub const PARTITION: &str = "tenant";

/// A tenant whose upstream always answers with the same page.
pub struct Tenant {
    caller: Caller,
    config: Resolved,
    runtime: tokio::runtime::Runtime,
}

impl Tenant {
    /// Loads a component for one format of events.
    pub fn new(component: &Path, page: Vec<u8>, format: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let plugin = Plugins::new(engine::start()?)?.load(component, None)?;
        let origin = Origin::parse(ENDPOINT).map_err(anyhow::Error::msg)?;
        let grant = Arc::new(Grant::new([origin], false));
        let caller = Caller::new(
            plugin,
            grant,
            Arc::new(Canned { page: page.into() }),
            Limits::default(),
        );
        let mut config = toml::toml! {
            tenant_id = "11111111-1111-1111-1111-111111111111"
            client_id = "22222222-2222-2222-2222-222222222222"
            client_secret = "an example of a secret"
            tenant_log = true
        };
        config.insert("format".to_owned(), format.into());
        let cloud = toml::Table::from_iter([
            ("authority".to_owned(), ENDPOINT.into()),
            ("resource_manager".to_owned(), ENDPOINT.into()),
        ]);
        config.insert("cloud".to_owned(), cloud.into());
        let template = Template::new(&config, "config", &PathBuf::new())
            .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let config = runtime
            .block_on(template.resolve(&[]))
            .map_err(|missing| anyhow::anyhow!("{missing:?}"))?;
        Ok(Self {
            caller,
            config,
            runtime,
        })
    }

    /// One poll from the start, and the host's CPU time.
    pub fn poll(&self) -> anyhow::Result<(Batch, std::time::Duration)> {
        let Called { result, usage, .. } =
            self.runtime
                .block_on(self.caller.poll(&self.config, PARTITION, None));
        let batch = result.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        Ok((batch, usage.cpu))
    }
}

/// Answers every request for a token with one, and everything else with the page.
struct Canned {
    page: Bytes,
}

impl Transport for Canned {
    fn send(&self, _grant: &Arc<Grant>, request: Request<WasiBody>) -> Answer {
        let is_login = request.uri().path().ends_with("/token");
        let page = self.page.clone();
        Box::pin(async move {
            // The component writes a body until somebody has read it.
            request.into_body().collect().await?;
            let body = if is_login { Bytes::from_static(TOKEN) } else { page };
            // With its length, as servers send it; without, the component makes room again and again.
            let length = body.len();
            let mut answer = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
            answer.headers_mut().insert(CONTENT_LENGTH, length.into());
            Ok(answer)
        })
    }
}
