//! `wasi:io/poll` as the engine's own crate serves it, with a bound on what one wait may list: the list is held for as
//! long as the wait takes.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};

use super::StoreState;

/// What one wait may list. A source waits for its few requests and a clock.
const WAITS_AT_ONCE: usize = 1_024;

/// Links `wasi:io`.
pub(crate) fn add_to_linker(linker: &mut Linker<StoreState>) -> wasmtime::Result<()> {
    error::add_to_linker::<StoreState, Table>(linker, |state| &mut state.table)?;
    streams::add_to_linker::<StoreState, Table>(linker, |state| &mut state.table)?;
    poll::add_to_linker::<StoreState, BoundedWaits>(linker, |state| Waits(&mut state.table))
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

struct BoundedWaits;

impl HasData for BoundedWaits {
    type Data<'a> = Waits<'a>;
}

struct Waits<'a>(&'a mut ResourceTable);

impl poll::Host for Waits<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.len() > WAITS_AT_ONCE {
            wasmtime::bail!(
                "it waits for {} things at once; {WAITS_AT_ONCE} are the most that one wait may list",
                pollables.len()
            );
        }
        poll::Host::poll(self.0, pollables).await
    }
}

impl poll::HostPollable for Waits<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(self.0, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::block(self.0, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.0, pollable)
    }
}
