//! Proves the application with a certificate: signs the assertion that Entra asks for (RFC 7523, PS256).

use std::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::pss::BlindedSigningKey;
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use rsa::traits::PublicKeyParts;
use serde_json::json;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::contract::{Nanos, Timestamp};
use crate::duration::{MINUTE, SECOND};
use crate::http::Platform;

/// Microsoft asks for five to ten minutes at most.
const LIFE: Nanos = 5 * MINUTE;

/// The least modulus that Entra takes, in bytes.
const LEAST_MODULUS: usize = 256;

/// A certificate with its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate's DER form, by which Entra finds it.
    thumbprint: [u8; 32],
    key: RsaPrivateKey,
}

/// Shows the thumbprint, which is public, and not the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Certificate({})",
            Base64UrlUnpadded::encode_string(&self.thumbprint)
        )
    }
}

/// Why a text is no certificate with its key. Never says what the text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// No certificate block.
    #[error("holds no certificate; add the block that begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// No key block.
    #[error(
        "holds no private key; add the block that begins with -----BEGIN PRIVATE KEY----- (PKCS#8, not encrypted)"
    )]
    NoKey,
    /// The certificate's block is not Base64.
    #[error("holds a certificate that is not Base64; export it again in PEM form")]
    BadCertificate,
    /// The key's block cannot be read.
    #[error(
        "holds a private key that is not RSA in PKCS#8 form; convert it with `openssl pkcs8 -topk8 -nocrypt`"
    )]
    BadKey,
    /// The key is too short.
    #[error("holds a key of less than 2048 bits, which Entra refuses; create a longer one")]
    ShortKey,
}

impl Certificate {
    /// Reads the PEM text of a certificate and of its key, in any order. Of a chain the first certificate counts.
    pub fn read(pem: &str) -> Result<Certificate, CertificateError> {
        let certificate = block(pem, "CERTIFICATE").ok_or(CertificateError::NoCertificate)?;
        let certificate = decode(certificate).ok_or(CertificateError::BadCertificate)?;
        let key = block(pem, "PRIVATE KEY").ok_or(CertificateError::NoKey)?;
        let key = decode(key).ok_or(CertificateError::BadKey)?;
        let key = RsaPrivateKey::from_pkcs8_der(&key).map_err(|_| CertificateError::BadKey)?;
        if key.size() < LEAST_MODULUS {
            return Err(CertificateError::ShortKey);
        }
        Ok(Certificate {
            thumbprint: Sha256::digest(&certificate).into(),
            key,
        })
    }

    /// An assertion for the token endpoint at `audience`, valid for some minutes. `id` tells it from every other.
    pub fn assertion(&self, world: &mut dyn Platform, client: &str, audience: &str, id: &str) -> String {
        let now: Timestamp = world.now() / SECOND;
        let thumbprint = Base64UrlUnpadded::encode_string(&self.thumbprint);
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
        let claims = json!({
            "aud": audience, "iss": client, "sub": client, "jti": id, "nbf": now, "exp": now + LIFE / SECOND
        });
        let part = |value: serde_json::Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let key = BlindedSigningKey::<Sha256>::new(self.key.clone());
        let signature = key
            .sign_with_rng(&mut Chance(world), signed.as_bytes())
            .to_bytes();
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
    }
}

/// The text between the first BEGIN and END of that label.
fn block<'a>(pem: &'a str, label: &str) -> Option<&'a str> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (block, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some(block)
}

fn decode(block: &str) -> Option<Vec<u8>> {
    let text: String = block.split_ascii_whitespace().collect();
    Base64::decode_vec(&text).ok()
}

/// The world's randomness, which is the host's, as the signer wants it.
struct Chance<'a>(&'a mut dyn Platform);

impl CryptoRng for Chance<'_> {}

impl RngCore for Chance<'_> {
    fn next_u32(&mut self) -> u32 {
        self.0.random() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0.random()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.0.random().to_le_bytes()[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}
