//! What a release is made for, in the names that containers use.

use std::str::FromStr;

use anyhow::{Error, bail};

/// An operating system and a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The processor as containers and Debian call it.
    pub architecture: &'static str,
    /// The processor as Rust calls it.
    machine: &'static str,
    /// What Rust compiles for: a target of musl, so that the program runs on every Linux of the processor.
    pub target: &'static str,
    /// What runs its programs on another processor, of Debian's package `qemu-user-static`.
    pub emulator: &'static str,
}

/// All that a release is made for.
pub const SUPPORTED: [Platform; 2] = [
    Platform {
        architecture: "amd64",
        machine: "x86_64",
        target: "x86_64-unknown-linux-musl",
        emulator: "qemu-x86_64-static",
    },
    Platform {
        architecture: "arm64",
        machine: "aarch64",
        target: "aarch64-unknown-linux-musl",
        emulator: "qemu-aarch64-static",
    },
];

impl Platform {
    /// `linux/amd64`.
    pub fn name(self) -> String {
        format!("linux/{}", self.architecture)
    }

    /// The same as a part of a file's name.
    pub fn file_name(self) -> String {
        format!("linux-{}", self.architecture)
    }

    /// Whether its programs run on this machine.
    pub fn is_here(self) -> bool {
        std::env::consts::OS == "linux" && std::env::consts::ARCH == self.machine
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match SUPPORTED.into_iter().find(|one| one.name() == name) {
            Some(platform) => Ok(platform),
            None => bail!(
                "releases are made for {} only",
                SUPPORTED.map(Platform::name).join(" and ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_named_as_containers_name_it_and_others_are_refused_with_those_that_there_are() {
        let arm = Platform::from_str("linux/arm64").unwrap();
        assert_eq!(arm.target, "aarch64-unknown-linux-musl");
        let refused = Platform::from_str("windows/amd64").unwrap_err().to_string();
        assert_eq!(refused, "releases are made for linux/amd64 and linux/arm64 only");
    }
}
