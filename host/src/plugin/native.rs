//! The one place where bytes become native code.

#![allow(unsafe_code)]

use wasmtime::Engine;
use wasmtime::component::Component;

/// What the compiler of this program has made of a plugin: fresh from it, or proven to be the same bytes.
pub(super) struct Artifact(Vec<u8>);

impl Artifact {
    /// Bytes that came from the compiler just now, or whose digest was compared with that of what came from it.
    pub(super) fn verified(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Makes it executable.
    ///
    /// # Errors
    ///
    /// If it was made by another version or with other settings.
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the engine requires that the bytes are what it has made itself, unaltered; that is what an `Artifact` is.
        // They are in our memory and were checked there, so that nobody can change them between the check and this call.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
