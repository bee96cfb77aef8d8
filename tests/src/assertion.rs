//! Client assertions: JWTs signed with a certificate of the application, or issued by a federated identity provider.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use rustls_pki_types::CertificateDer;
use serde_json::Value;
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;
use webpki::ring::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256_LEGACY_KEY};

use crate::directory::Application;
use crate::time::Instant;

/// What `client_assertion_type` must say (RFC 7523).
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Microsoft asks for five to ten minutes at most.
const LONGEST_LIFE: TimeDelta = TimeDelta::minutes(10);

/// A JWT, taken apart.
struct Assertion<'a> {
    /// Header and claims as they were signed.
    signed: &'a str,
    header: Value,
    claims: Value,
    signature: Vec<u8>,
}

/// Checks an assertion for the token endpoint with this URL; else gives the AADSTS number of the refusal.
///
/// An application's own assertion must be signed with one of its certificates, named by `x5t#S256`. The signature of
/// another issuer's is not looked at: the lab has no such issuer.
pub(crate) fn check(application: &Application, text: &str, url: &str, now: Instant) -> Result<(), u32> {
    let assertion = Assertion::read(text).ok_or(700027_u32)?;
    let own = assertion.claim("iss") == application.client_id;
    if own {
        assertion.check_own(application, url)?;
    } else {
        assertion.check_federated(application)?;
    }
    let (not_before, expires) = (assertion.instant("nbf")?, assertion.instant("exp")?);
    let too_long = own && expires - now > LONGEST_LIFE;
    if now < not_before || now >= expires || too_long {
        return Err(700024);
    }
    Ok(())
}

impl<'a> Assertion<'a> {
    fn read(text: &'a str) -> Option<Assertion<'a>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        Some(Assertion {
            signed,
            header: serde_json::from_slice(&decode(header)?).ok()?,
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
            signature: decode(signature)?,
        })
    }

    fn claim(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap_or_default()
    }

    fn instant(&self, name: &str) -> Result<Instant, u32> {
        let seconds = self.claims[name].as_i64();
        seconds
            .and_then(|seconds| Instant::from_timestamp(seconds, 0))
            .ok_or(700024)
    }

    fn check_own(&self, application: &Application, url: &str) -> Result<(), u32> {
        let thumbprint = self.header["x5t#S256"].as_str().unwrap_or_default();
        let certificate = application
            .certificates
            .iter()
            .find(|der| BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(der)) == thumbprint);
        let signed = certificate.is_some_and(|der| self.is_signed_with(der));
        if !signed || self.claim("sub") != application.client_id || self.claim("jti").is_empty() {
            return Err(700027);
        }
        if self.claim("aud") != url {
            return Err(700023);
        }
        Ok(())
    }

    fn is_signed_with(&self, der: &[u8]) -> bool {
        let algorithm = match self.header["alg"].as_str() {
            Some("PS256") => RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            Some("RS256") => RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        let der = CertificateDer::from(der);
        let certificate = EndEntityCert::try_from(&der);
        certificate.is_ok_and(|certificate| {
            certificate
                .verify_signature(algorithm, self.signed.as_bytes(), &self.signature)
                .is_ok()
        })
    }

    fn check_federated(&self, application: &Application) -> Result<(), u32> {
        let mut candidates: Vec<_> = application.federations.iter().collect();
        if candidates.is_empty() {
            return Err(70021);
        }
        candidates.retain(|one| one.issuer == self.claim("iss"));
        if candidates.is_empty() {
            return Err(700211);
        }
        candidates.retain(|one| one.subject == self.claim("sub"));
        if candidates.is_empty() {
            return Err(700213);
        }
        candidates.retain(|one| one.audience == self.claim("aud"));
        if candidates.is_empty() {
            return Err(700212);
        }
        Ok(())
    }
}
