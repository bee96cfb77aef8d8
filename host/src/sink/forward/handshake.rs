//! The Forward protocol's login: HELO, PING and PONG prove to both sides that the other one knows the shared key.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rmpv::Value;
use serde::Deserialize;
use sha2::{Digest, Sha512};

use super::ForwardReceiver;
use super::connection::{Connection, invalid};
use super::helo::Helo;
use super::random;
use crate::egress::TrustingResolver;
use crate::redact::Redactor;
use crate::secret::Template;

/// What this client calls itself; receivers show it in their logs and mix it into the proof.
const CLIENT: &str = "headwater";
/// A receiver that wants a login greets at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to log in with.
struct Login {
    account: Account,
    redactor: Redactor,
}

#[derive(Deserialize)]
struct Account {
    shared_key: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
}

impl Login {
    /// Fetches the secrets; none where no login is configured. The error is a sentence.
    async fn resolve(login: &Template) -> Result<Option<Self>, String> {
        if *login == Template::default() {
            return Ok(None);
        }
        let resolved = login
            .resolve(&["shared_key".to_owned(), "password".to_owned()])
            .await
            .map_err(|missing| missing.to_string())?;
        let account = serde_json::from_str(&resolved.json).map_err(|_| {
            "`sink.shared_key`, `sink.user` and `sink.password` must be strings; correct them".to_owned()
        })?;
        Ok(Some(Self {
            account,
            redactor: resolved.redactor,
        }))
    }
}

/// Connects, and logs in if that is configured.
pub(super) async fn connect(
    receiver: &ForwardReceiver,
    resolver: &TrustingResolver,
) -> io::Result<Connection> {
    let login = Login::resolve(&receiver.login).await.map_err(io::Error::other)?;
    let mut connection = Connection::open(receiver, resolver).await?;
    if let Some(login) = login {
        let is_lasting = log_in(&mut connection, &login).await?;
        connection.lasts(is_lasting);
    }
    Ok(connection)
}

/// Logs in. Returns whether the connection may carry more than one chunk.
async fn log_in(connection: &mut Connection, login: &Login) -> io::Result<bool> {
    let Login { account, redactor } = login;
    let greeting = tokio::time::timeout(PATIENCE, connection.read())
        .await
        .map_err(|_| {
            invalid("it does not ask for a shared key; remove `sink.shared_key`, or give the receiver one")
        })??;
    let helo = Helo::read(&greeting).ok_or_else(|| invalid("it does not greet with HELO"))?;
    let salt = BASE64_STANDARD.encode(random()?);
    connection.write(&ping(account, &helo, &salt)?).await?;
    let answer = connection.read().await?;
    check_pong(&answer, account, &helo, &salt).map_err(|reason| {
        let reason = redactor.clean(&reason);
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "it refuses the login: {reason}; check `sink.shared_key`, `sink.user` and `sink.password`"
            ),
        )
    })?;
    Ok(helo.keepalive)
}

/// `["PING", host, salt, proof of the shared key, user, proof of the password]`
fn ping(account: &Account, helo: &Helo, salt: &str) -> io::Result<Vec<u8>> {
    let key = proof(salt, CLIENT.as_bytes(), helo, account);
    let (user, password) = if helo.auth.is_empty() {
        ("", String::new())
    } else {
        let proof = sha512(&[&helo.auth, account.user.as_bytes(), account.password.as_bytes()]);
        (account.user.as_str(), proof)
    };
    let parts = ["PING", CLIENT, salt, &key, user, &password];
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &Value::Array(parts.map(Value::from).to_vec()))?;
    Ok(bytes)
}

/// `["PONG", accepted, reason, host, proof of the shared key]`
fn check_pong(answer: &Value, account: &Account, helo: &Helo, salt: &str) -> Result<(), String> {
    let parts = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let [kind, accepted, reason, host, key] = parts else {
        return Err("it answers with something else than PONG".to_owned());
    };
    if kind.as_str() != Some("PONG") || accepted.as_bool() != Some(true) {
        return Err(reason.as_str().unwrap_or("without a reason").to_owned());
    }
    let expected = proof(salt, host.as_slice().unwrap_or_default(), helo, account);
    if key.as_str() == Some(&expected) {
        Ok(())
    } else {
        Err("it does not know the shared key itself".to_owned())
    }
}

fn proof(salt: &str, host: &[u8], helo: &Helo, account: &Account) -> String {
    sha512(&[salt.as_bytes(), host, &helo.nonce, account.shared_key.as_bytes()])
}

fn sha512(parts: &[&[u8]]) -> String {
    let digest = parts.iter().fold(Sha512::new(), Digest::chain_update).finalize();
    format!("{digest:x}")
}
