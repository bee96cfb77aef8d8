//! Generated from `wit/source.wit`.
#![allow(missing_docs, missing_debug_implementations)]

wit_bindgen::generate!({
    world: "source-exports",
    path: "wit",
    pub_export_macro: true,
});
