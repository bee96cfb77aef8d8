//! The assertion that proves the application by its certificate.

#![cfg(feature = "certificate")]
#![allow(clippy::unwrap_used, reason = "a panic in a helper is a failed claim")]
#![allow(dead_code, reason = "each test uses a part of the simulated Azure")]

mod simulated;

use azure_activity::certificate::{Certificate, CertificateError};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::pss::{Signature, VerifyingKey};
use rsa::rand_core::{CryptoRng, Error, RngCore};
use rsa::signature::Verifier;
use sha2::{Digest, Sha256};
use simulated::{Order, Simulated};

const CLIENT: &str = "bbbbbbbb-0000-0000-0000-000000000002";
const AUDIENCE: &str = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token";

/// The same keys in every run.
struct Repeatable(u64);

impl CryptoRng for Repeatable {}

impl RngCore for Repeatable {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

fn key(bits: usize) -> RsaPrivateKey {
    RsaPrivateKey::new(&mut Repeatable(1), bits).unwrap()
}

fn block(label: &str, content: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        Base64::encode_string(content)
    )
}

fn pem(key: &RsaPrivateKey) -> String {
    block("CERTIFICATE", b"a certificate") + &block("PRIVATE KEY", key.to_pkcs8_der().unwrap().as_bytes())
}

#[test]
fn the_assertion_is_signed_and_says_who_asks_whom_until_when() {
    let key = key(2048);
    let mut world = Simulated::new(1_772_366_400_000_000_000, Vec::new(), 1, Order::NewestFirst);
    let certificate = Certificate::read(&pem(&key)).unwrap();
    let assertion = certificate.assertion(
        &mut world,
        CLIENT,
        AUDIENCE,
        "cccccccc-0000-4000-8000-000000000003",
    );

    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let verifier = VerifyingKey::<Sha256>::new(key.to_public_key());
    verifier
        .verify(
            signed.as_bytes(),
            &Signature::try_from(signature.as_slice()).unwrap(),
        )
        .unwrap();

    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part| {
        serde_json::from_slice::<serde_json::Value>(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
    };
    let thumbprint = Base64UrlUnpadded::encode_string(&Sha256::digest(b"a certificate"));
    assert_eq!(
        json(header),
        serde_json::json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint })
    );
    assert_eq!(
        json(claims),
        serde_json::json!({
            "aud": AUDIENCE, "iss": CLIENT, "sub": CLIENT, "jti": "cccccccc-0000-4000-8000-000000000003",
            "nbf": 1_772_366_400, "exp": 1_772_366_700
        })
    );
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let good = pem(&key(2048));
    let (certificate, private) = good.split_at(good.find("-----BEGIN PRIVATE").unwrap());
    let short = pem(&key(1024));
    for (pem, expected) in [
        ("", CertificateError::NoCertificate),
        (private, CertificateError::NoCertificate),
        (certificate, CertificateError::NoKey),
        (&good.replace("YSB", "!!!"), CertificateError::BadCertificate),
        (
            &format!("{certificate}{}", block("PRIVATE KEY", b"no key")),
            CertificateError::BadKey,
        ),
        (&short, CertificateError::ShortKey),
    ] {
        assert_eq!(Certificate::read(pem).unwrap_err(), expected, "{pem}");
    }
}

#[test]
fn debug_output_shows_no_key() {
    let shown = format!("{:?}", Certificate::read(&pem(&key(2048))).unwrap());
    assert!(shown.len() < 64, "{shown}");
}
