//! Reading from one repository of a registry (OCI Distribution 1.1).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::{Reference, RegistryError};
use crate::egress::{CheckedResolver, ProxyConnector, Route, TrustingResolver, is_inside, last_cause};

/// Long enough for a component over a slow line.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Larger than any component should be.
const LARGEST: usize = 64 << 20;
/// Registries hand contents over to a storage service, seldom twice.
const MOST_REDIRECTS: usize = 3;
const NO_LOGIN: &str = "the registry wants a login, which is not supported; make the repository readable for everybody, or \
                        pull the file with another tool and name its path in `plugin`";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A client for one repository.
pub(super) struct Client<'a> {
    reference: &'a Reference,
    http: legacy::Client<HttpsConnector<ProxyConnector<HttpConnector<TrustingResolver>>>, Empty<Bytes>>,
    /// For where the registry leads, if it is not inside itself: connects to the public internet and nowhere else.
    outside: legacy::Client<HttpsConnector<ProxyConnector<HttpConnector<CheckedResolver>>>, Empty<Bytes>>,
    /// What an anonymous reader is given by registries that want a token even for public contents.
    token: Option<String>,
}

impl<'a> Client<'a> {
    pub(super) fn new(reference: &'a Reference, route: &Route) -> Self {
        let mut connector = HttpConnector::new_with_resolver(TrustingResolver::default());
        connector.enforce_http(false);
        let mut checked = HttpConnector::new_with_resolver(CheckedResolver::new(Arc::default()));
        checked.enforce_http(false);
        Self {
            reference,
            http: legacy::Client::builder(TokioExecutor::new()).build(route.connector(connector)),
            outside: legacy::Client::builder(TokioExecutor::new()).build(route.connector(checked)),
            token: None,
        }
    }

    pub(super) fn registry(&self) -> &str {
        &self.reference.registry
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> RegistryError {
        RegistryError::Refused {
            reference: Box::new(self.reference.clone()),
            reason: reason.into(),
        }
    }

    fn unavailable(&self, reason: impl Into<String>) -> RegistryError {
        RegistryError::Unavailable {
            reference: Box::new(self.reference.clone()),
            reason: reason.into(),
        }
    }

    /// Reads what lies at a path of the repository.
    pub(super) async fn get(&mut self, path: &str) -> Result<Vec<u8>, RegistryError> {
        let url = format!(
            "{}/v2/{}/{path}",
            self.reference.origin(),
            self.reference.repository
        );
        match tokio::time::timeout(TIMEOUT, self.exchange(url)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.unavailable(format!("no answer within {TIMEOUT:?}"))),
        }
    }

    async fn exchange(&mut self, url: String) -> Result<Vec<u8>, RegistryError> {
        let mut response = self.send(&url, self.token.as_deref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.token = Some(self.log_in(response.headers()).await?);
            response = self.send(&url, self.token.as_deref()).await?;
        }
        for _ in 0..MOST_REDIRECTS {
            if !response.status().is_redirection() {
                break;
            }
            // To whomever it leads, the token is not for them. The digest tells whether they gave the right bytes.
            let target = self.redirect(response.headers())?;
            response = self.send(&target, None).await?;
        }
        match response.status() {
            StatusCode::OK => self.read(response).await,
            StatusCode::NOT_FOUND => {
                Err(self.refused("the registry does not have it; check repository and digest"))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.refused(NO_LOGIN)),
            status => Err(self.unavailable(format!("the registry answered {status}"))),
        }
    }

    /// Where an answer leads: another place here, or another server over TLS.
    fn redirect(&self, headers: &HeaderMap) -> Result<String, RegistryError> {
        let location = text(headers, header::LOCATION)
            .ok_or_else(|| self.unavailable("the registry redirects without a target"))?;
        let origin = self.reference.origin();
        if location.starts_with('/') {
            return Ok(origin + location);
        }
        if location.starts_with("https://") || location.starts_with(&(origin + "/")) {
            return Ok(location.to_owned());
        }
        Err(self.refused("the registry redirects to a place without TLS"))
    }

    /// Gets the token that a reader without a name is given.
    async fn log_in(&self, headers: &HeaderMap) -> Result<String, RegistryError> {
        /// Some services use the one name, some the other, some both.
        #[derive(Deserialize)]
        struct Granted {
            token: Option<String>,
            access_token: Option<String>,
        }
        let url = text(headers, header::WWW_AUTHENTICATE)
            .and_then(token_url)
            .ok_or_else(|| self.refused(NO_LOGIN))?;
        let secure = url.starts_with("https://") || url.starts_with(&(self.reference.origin() + "/"));
        if !secure {
            return Err(self.refused("the registry's token service does not use TLS"));
        }
        let response = self.send(&url, None).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.refused(NO_LOGIN)),
            status => {
                return Err(self.unavailable(format!("the registry's token service answered {status}")));
            }
        }
        serde_json::from_slice(&self.read(response).await?)
            .ok()
            .and_then(|granted: Granted| granted.token.or(granted.access_token))
            .ok_or_else(|| self.unavailable("the registry's token service gave no token"))
    }

    async fn send(&self, url: &str, token: Option<&str>) -> Result<Response<Incoming>, RegistryError> {
        let mut request = Request::get(url).header(header::ACCEPT, format!("{MANIFEST}, */*"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).map_err(|error| {
            self.unavailable(format!(
                "the registry names an address that cannot be used: {error}"
            ))
        })?;
        let answer = if self.leads_elsewhere(request.uri()).await? {
            self.outside.request(request).await
        } else {
            self.http.request(request).await
        };
        answer.map_err(|error| self.unavailable(last_cause(&error)))
    }

    /// Whether a request goes to another server than the registry, which then has to be on the public internet: the operator
    /// named the registry and not where it leads. A registry that is inside itself may lead inside.
    async fn leads_elsewhere(&self, target: &Uri) -> Result<bool, RegistryError> {
        let own = self.reference.origin().parse::<Uri>().ok();
        let own = own.as_ref().and_then(Uri::host).unwrap_or_default();
        let host = target.host().unwrap_or_default();
        if host.eq_ignore_ascii_case(own) || is_inside(own).await {
            return Ok(false);
        }
        if is_inside(host).await {
            return Err(self.refused(format!(
                "the registry leads to {host}, which is this machine or a private network; only a registry that is there \
                 itself may"
            )));
        }
        Ok(true)
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Vec<u8>, RegistryError> {
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| self.unavailable(error.to_string()))?;
        Ok(body.to_bytes().to_vec())
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The address that a challenge `Bearer realm="…",service="…",scope="…"` asks to be visited.
fn token_url(challenge: &str) -> Option<String> {
    let parameters = challenge.strip_prefix("Bearer ")?;
    let value = |name: &str| {
        let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0)
    };
    let query: Vec<String> = ["service", "scope"]
        .into_iter()
        .filter_map(|name| Some(format!("{name}={}", value(name)?.replace(' ', "%20"))))
        .collect();
    Some(format!("{}?{}", value("realm")?, query.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_public_registry_leads_to_the_public_internet_only() {
        for (registry, target, expected) in [
            ("1.1.1.1:5000", "https://1.1.1.1:5000/v2/", Some(false)),
            ("1.1.1.1:5000", "https://8.8.8.8/blob", Some(true)),
            ("1.1.1.1:5000", "https://127.0.0.1/blob", None),
            ("1.1.1.1:5000", "https://[::1]:8443/blob", None),
            ("1.1.1.1:5000", "https://10.0.0.1/token", None),
            ("1.1.1.1:5000", "https://169.254.169.254/metadata", None),
            ("1.1.1.1:5000", "https://localhost/token", None),
            ("127.0.0.1:5000", "https://10.0.0.1/blob", Some(false)),
            ("10.0.0.1:5000", "https://10.0.0.2/blob", Some(false)),
        ] {
            let reference = Reference {
                registry: registry.to_owned(),
                repository: "a/b".to_owned(),
                digest: "0".repeat(64),
            };
            let outbound = crate::egress::Outbound {
                proxy: crate::egress::ProxyChoice::Direct,
                ..crate::egress::Outbound::default()
            };
            let client = Client::new(&reference, &outbound.route().await.unwrap());
            let leads = client.leads_elsewhere(&target.parse().unwrap()).await;
            match (leads, expected) {
                (Ok(leads), Some(expected)) => assert_eq!(leads, expected, "{registry} to {target}"),
                (Err(refused), None) => assert!(refused.to_string().contains("only a registry"), "{refused}"),
                (other, _) => panic!("{registry} to {target}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_challenge_becomes_the_address_of_the_token() {
        let challenge =
            r#"Bearer realm="https://auth.example/token",service="A registry",scope="repository:a:pull""#;
        assert_eq!(
            token_url(challenge).as_deref(),
            Some("https://auth.example/token?service=A%20registry&scope=repository:a:pull")
        );
        assert_eq!(token_url("Basic realm=\"x\""), None);
    }
}
