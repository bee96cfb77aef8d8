//! Signs a release, in the format of minisign, with a key that the environment holds.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64ct::{Base64, Encoding};
use minisign::{PublicKey, SecretKey, SecretKeyBox};

/// The variable that holds the secret key: the text of the file that `minisign -G` writes.
const KEY: &str = "HEADWATER_SIGNING_KEY";
/// The variable that holds its password; a key without one needs none.
const PASSWORD: &str = "HEADWATER_SIGNING_PASSWORD";

/// A key that can sign.
pub struct Signer {
    secret: SecretKey,
    public: PublicKey,
}

impl Signer {
    /// The key of the environment, if there is one.
    pub fn from_environment() -> Result<Option<Self>> {
        let set = |name| env::var(name).ok().filter(|text| !text.trim().is_empty());
        match set(KEY) {
            Some(key) => Self::new(&key, set(PASSWORD)).map(Some),
            None => Ok(None),
        }
    }

    /// What a release without a key is told.
    pub fn missing<T>() -> Result<T> {
        bail!(
            "a release is signed, and there is no key: set {KEY} to the text of a secret key of minisign (`minisign -G` \
             makes one) and, if it has a password, {PASSWORD}; or add --unsigned for packages of your own"
        )
    }

    fn new(key: &str, password: Option<String>) -> Result<Self> {
        let text = key.trim();
        ensure!(
            text.lines().count() == 2,
            "{KEY} is not a secret key of minisign: it needs both lines of the file"
        );
        let secret = match password {
            None => without_password(text)?,
            Some(password) => SecretKeyBox::from_string(text)?
                .into_secret_key(Some(password))
                .with_context(|| format!("{PASSWORD} does not open {KEY}"))?,
        };
        let public = PublicKey::from_secret_key(&secret)?;
        Ok(Self { secret, public })
    }

    /// Writes the signature of a file beside it, as `<file>.minisig`. The comment is signed, too. Signatures of the same file
    /// differ: they are blinded by randomness.
    pub fn sign(&self, file: &Path, comment: &str) -> Result<()> {
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let signature = minisign::sign(
            Some(&self.public),
            &self.secret,
            content.as_slice(),
            Some(comment),
            Some("signature from minisign secret key"),
        )?;
        let mut name = file.as_os_str().to_owned();
        name.push(".minisig");
        fs::write(name, signature.into_string())?;
        Ok(())
    }

    /// The public key as `minisign -P` takes it.
    pub fn public_key(&self) -> String {
        self.public.to_base64()
    }
}

/// A key that `minisign -G -W` wrote has no checksum, so that the crate's own way refuses it; and for a key with a password it
/// would ask the terminal.
fn without_password(text: &str) -> Result<SecretKey> {
    let encoded = text.lines().last().unwrap_or_default();
    let secret = Base64::decode_vec(encoded.trim())
        .ok()
        .and_then(|bytes| SecretKey::from_bytes(&bytes).ok())
        .with_context(|| format!("{KEY} is damaged"))?;
    ensure!(
        !secret.is_encrypted(),
        "{KEY} has a password, which {PASSWORD} has to give"
    );
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use minisign::{KeyPair, SignatureBox};

    use super::*;

    fn text_of(pair: &KeyPair) -> String {
        pair.sk.to_box(None).unwrap().into_string()
    }

    #[test]
    fn a_file_is_signed_with_a_comment_that_is_signed_too() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let folder = env::temp_dir().join(format!("headwater-signature-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("SHA256SUMS");
        fs::write(&file, "sums").unwrap();
        let signer = Signer::new(&text_of(&pair), None).unwrap();
        signer.sign(&file, "headwater 1.2.3").unwrap();
        let signature = fs::read_to_string(folder.join("SHA256SUMS.minisig")).unwrap();
        let signature = SignatureBox::from_string(&signature).unwrap();
        assert_eq!(signature.trusted_comment().unwrap(), "headwater 1.2.3");
        let signed = Cursor::new(b"sums");
        minisign::verify(&pair.pk, &signature, signed, true, false, false).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_with_what_is_missing() {
        let refused = |key: &str| Signer::new(key, None).err().unwrap().to_string();
        // Scrypt, and nothing that a password opens.
        let locked = format!("untrusted comment: a key\nRWRTY0Iy{}=\n", "A".repeat(203));
        assert!(refused("RWQ").contains("is not a secret key of minisign"));
        assert!(refused(&locked).contains("HEADWATER_SIGNING_PASSWORD has to give"));
    }
}
