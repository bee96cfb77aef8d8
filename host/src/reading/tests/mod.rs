//! Reading with a scripted source, a scripted store and a scripted embedder: everything but WebAssembly.

mod claims;
mod law;
mod script;
