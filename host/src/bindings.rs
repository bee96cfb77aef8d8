//! The contract in `wit/`, host side. Generated; the words are explained there.

// Generated code carries the contract's comments, but not on every item.
#![allow(missing_docs, missing_debug_implementations, unused_qualifications)]

wasmtime::component::bindgen!({
    world: "log-source",
    path: "../wit",
    exports: { default: async },
    additional_derives: [PartialEq],
});
