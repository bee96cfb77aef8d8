//! Tries a sink without delivering anything to it: what `headwater check` shows about the way out.

use std::time::Duration;

use super::Delivery;
use super::config::SinkConfig;
use super::encoding::Encoding;
use super::forward;
use super::http_client::{Endpoint, HttpClient};
use super::stdout;
use crate::file::line_file::LineFile;
use crate::model::{Failure, Fault};
use crate::redact::Redactor;
use crate::work::file_work::FileWork;

/// A trial that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Tries to reach a sink: connects, logs in, and sends an empty request where the protocol has one. A file is opened, and
/// nothing is left behind. Returns what was found, in one sentence.
///
/// # Errors
///
/// The failure is `retry` where the sink may be well later, and `denied` where a person must act. It names the receiver and
/// shows no secret.
pub async fn try_sink(source: &str, config: &SinkConfig) -> Result<String, Failure> {
    let trial = async {
        match config {
            SinkConfig::Stdout => stdout::probe()
                .map(|()| "standard output is open".to_owned())
                .map_err(|error| Failure::host(Fault::Denied, "sink", error)),
            SinkConfig::File { path, .. } => {
                let file = path.clone();
                let tried = FileWork::default().run(move || LineFile::try_out(&file)).await;
                tried.map_err(|error| {
                    let message = format!("cannot write to {}: {error}", path.display());
                    Failure::host(Fault::Denied, "sink", message)
                        .with_hint("check `sink.path` and its permissions")
                })
            }
            SinkConfig::Http { endpoint, encoding } => try_http(source, endpoint, encoding).await,
            SinkConfig::Otlp { endpoint } => try_http(source, endpoint, &Encoding::Otlp).await,
            SinkConfig::Forward(receiver) => forward::try_login(receiver).await.map_err(|error| {
                Failure::host(Fault::Retry, "sink", format!("{}: {error}", receiver.address))
            }),
        }
    };
    tokio::time::timeout(TIMEOUT, trial).await.unwrap_or_else(|_| {
        let message = format!("the sink did not answer within {TIMEOUT:?}");
        Err(Failure::host(Fault::Retry, "sink", message))
    })
}

/// Sends a request without events. Receivers that want at least one refuse it, which shows that they read it.
async fn try_http(source: &str, endpoint: &Endpoint, encoding: &Encoding) -> Result<String, Failure> {
    let failure = |fault, message: String| Failure::host(fault, "sink", message);
    let client =
        HttpClient::new(endpoint.clone()).map_err(|error| failure(Fault::Denied, format!("sink.{error}")))?;
    let no_events = Redactor::default();
    let delivery = Delivery {
        source,
        partition: "check",
        attributes: &[],
        events: &[],
        settled: 0,
        redactor: &no_events,
    };
    let issuer = client.try_login(delivery.redactor).await.map_err(|error| {
        let fault = if error.is_refused {
            Fault::Denied
        } else {
            Fault::Retry
        };
        failure(fault, error.reason).with_hint("check `sink.oauth2`")
    })?;
    let logged_in = issuer
        .map(|issuer| format!("logged in at {issuer}; "))
        .unwrap_or_default();
    let (media_type, body) = encoding.request(&delivery, &[]);
    let reply = client
        .post(media_type, body, delivery.redactor)
        .await
        .map_err(|error| failure(Fault::Retry, error.to_string()))?;
    let denied = |hint: &str| Err(failure(Fault::Denied, reply.said()).with_hint(hint));
    match reply.status.as_u16() {
        200..=299 if reply.is_web_page() => denied(
            "the answer is a web page: check `sink.url`, and look for a login page or a proxy in between",
        ),
        200..=299 => Ok(format!("{logged_in}{} to an empty request", reply.answered())),
        400 if encoding.is_fixable(&reply) => denied("check the keys of the sink"),
        400 | 411 | 413 | 422 => Ok(format!(
            "{logged_in}{} to an empty request, which it may refuse; the login was not refused",
            reply.answered()
        )),
        401 | 403 | 407 => {
            denied("check the login of the sink: `bearer`, `basic`, `oauth2`, `token` or `headers`")
        }
        300..=399 | 404 | 405 | 410 => denied("check `sink.url`"),
        415 => denied("check the receiver: it does not take this content type"),
        _ => Err(failure(Fault::Retry, reply.said())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::receiver::Receiver;
    use super::super::{Authorization, ForwardReceiver, Rotation, SplunkFields};
    use super::*;
    use crate::secret::{SecretText, Template};

    fn http(url: &str, encoding: Encoding) -> SinkConfig {
        let token = SecretText::written("the-token");
        SinkConfig::Http {
            endpoint: Endpoint {
                url: url.parse().unwrap(),
                authorization: Some(Authorization::Token("Bearer", token)),
                ..Endpoint::default()
            },
            encoding,
        }
    }

    #[tokio::test]
    async fn a_receiver_is_judged_by_its_answer_to_an_empty_request() {
        let splunk = Encoding::Splunk(SplunkFields {
            sourcetype: "x".to_owned(),
            index: None,
        });
        for (encoding, status, answer, expected) in [
            (Encoding::Ndjson, 200, "", None),
            (Encoding::Elasticsearch, 400, "request body is required", None),
            (splunk.clone(), 400, "{\"text\":\"No data\",\"code\":5}", None),
            (
                splunk,
                400,
                "{\"text\":\"Incorrect index\",\"code\":7}",
                Some(Fault::Denied),
            ),
            (Encoding::Ndjson, 200, "<html>Log in", Some(Fault::Denied)),
            (Encoding::Otlp, 401, "no the-token", Some(Fault::Denied)),
            (Encoding::Array, 404, "", Some(Fault::Denied)),
            (Encoding::Array, 302, "", Some(Fault::Denied)),
            (Encoding::Ndjson, 503, "", Some(Fault::Retry)),
        ] {
            let receiver = Receiver::start(move |_| (status, answer)).await;
            let tried = try_sink("contoso", &http(&receiver.url, encoding)).await;
            assert_eq!(
                tried.as_ref().err().map(|failure| failure.fault),
                expected,
                "{status} {answer}"
            );
            assert!(!format!("{tried:?}").contains("the-token"), "{tried:?}");
            assert_eq!(receiver.requests().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_receiver_that_is_not_there_is_named() {
        let forward = SinkConfig::Forward(ForwardReceiver {
            address: "127.0.0.1:9".to_owned(),
            tag: "x".to_owned(),
            attributes: None,
            tls: false,
            ca: None,
            login: Template::default(),
        });
        for sink in [http("http://127.0.0.1:9/", Encoding::Ndjson), forward] {
            let failure = try_sink("contoso", &sink).await.unwrap_err();
            assert_eq!(failure.fault, Fault::Retry);
            assert!(failure.message.starts_with("127.0.0.1:9: "), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_file_is_tried_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| SinkConfig::File {
            path: folder.path().join(name),
            rotation: Rotation::default(),
        };
        assert!(try_sink("contoso", &file("events.ndjson")).await.is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join("events.ndjson"), "one\n{\"half").unwrap();
        assert!(try_sink("contoso", &file("events.ndjson")).await.is_ok());
        let kept = std::fs::read_to_string(folder.path().join("events.ndjson")).unwrap();
        assert_eq!(kept, "one\n{\"half");
        for name in ["no-such-folder/events.ndjson", "."] {
            assert!(try_sink("contoso", &file(name)).await.is_err(), "{name}");
        }
    }
}
