//! The contract in `wit/`, host side: what a source exports. Generated; the words are explained there. What it may import is
//! linked in `link`.

wasmtime::component::bindgen!({
    world: "source-exports",
    path: "wit",
    exports: { default: async },
    additional_derives: [PartialEq],
});
