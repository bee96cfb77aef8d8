//! Secrets that are bound to an origin: the source has a placeholder instead.

use std::fmt::Write;

use crate::egress::Origin;

/// Random bytes of a placeholder: nobody guesses it, and no text holds it by chance.
const RANDOM: usize = 19;

/// To which origin a secret may go, and what the source has in its place.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) origin: Origin,
    pub(super) placeholder: String,
}

impl Binding {
    /// Makes a placeholder for the life of this process.
    pub(super) fn new(origin: Origin) -> Result<Self, String> {
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random)
            .map_err(|error| format!("this system gives no random numbers: {error}"))?;
        // Its length says nothing about the secret's, and is that of a usual one: 40 letters and digits.
        let mut placeholder = "hw".to_owned();
        for byte in random {
            // Writing to a text cannot fail.
            let _ = write!(placeholder, "{byte:02x}");
        }
        Ok(Self { origin, placeholder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_forty_letters_and_digits_and_never_the_same() {
        let made = || {
            Binding::new(Origin::parse("https://login.example.com").unwrap())
                .unwrap()
                .placeholder
        };
        let (one, two) = (made(), made());
        assert_ne!(one, two);
        assert_eq!(one.len(), 40);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{one}");
    }
}
