//! The contract in `wit/`, host side. Generated; the words are explained there.

wasmtime::component::bindgen!({
    world: "log-source",
    path: "wit",
    exports: { default: async },
    additional_derives: [PartialEq],
});
