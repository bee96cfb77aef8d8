//! What a call into a plugin runs in. Made fresh for every call, so nothing leaks from one poll into the next; only an
//! examination calls twice in one.

mod held;
pub(crate) mod http;
pub(crate) mod plugin_log;
pub(crate) mod wait;

use std::time::Duration;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::clocks::HostWallClock;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use self::held::Held;
use self::plugin_log::PluginLog;
use crate::egress::{EgressHooks, Traffic};
use crate::model::Limits;
use crate::work::cpu_share::CpuUse;

pub(crate) use self::held::BODY_PIECE_BYTES;

/// Handles inside the component; a plugin needs a handful per request.
const COMPONENT_HANDLES: usize = 4_096;
/// Resources on the host's side. Each request leaves one behind until the store goes (wado-lang/wado#1133), so this is
/// well above the requests of a call. What they hold together is bounded in bytes (see `held`).
const HOST_RESOURCES: usize = 4_096;
/// Entries of all tables; a large Rust component has a few thousand functions.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;
/// Core instances, memories and tables. A component of Rust or JavaScript is made of three or four modules; one of Python of
/// fourteen, and of one more for each package with native code.
pub(crate) const INSTANCES: usize = 64;
pub(crate) const MEMORIES: usize = 8;
pub(crate) const TABLES: usize = 32;
/// Header fields of a request, as they lie in memory.
const HEADER_BYTES: usize = 64 << 10;
/// Random bytes per call.
const RANDOM_BYTES: u64 = 64 << 10;
/// Code runs this many ticks of the engine before others get a turn.
const TICKS_PER_TURN: u64 = 1;

/// What the engine keeps for an instance: everything that a plugin can touch.
pub(crate) struct StoreState {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    hooks: EgressHooks,
    limiter: Limiter,
    held: Held,
    log: PluginLog,
}

/// What a call used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The largest amount of linear memory at any time, in bytes.
    pub memory: u64,
    /// The largest amount that the host held for it beside that, in bytes.
    pub host_memory: u64,
    /// Time during which the call really ran, in contrast to waiting.
    pub cpu: Duration,
    /// Time that the call had to wait for its source's share of the processor.
    pub held: Duration,
    /// Use of the network.
    pub traffic: Traffic,
}

/// Makes a store. With `now` its calendar stands still, at so much time since 1970; time goes on passing.
pub(crate) fn store(
    engine: &Engine,
    limits: &Limits,
    mut hooks: EgressHooks,
    log: PluginLog,
    now: Option<Duration>,
) -> Store<StoreState> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HOST_RESOURCES);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(HEADER_BYTES);
    // The builder starts empty: no variables, no arguments, closed stdin, and stdout into nowhere.
    let mut wasi = WasiCtx::builder();
    wasi.stderr(log.clone()).max_random_size(RANDOM_BYTES);
    hooks.report_to(log.clone());
    if let Some(now) = now {
        wasi.wall_clock(StandingClock(now));
    }
    let wasi = wasi.build();
    let state = StoreState {
        wasi,
        http,
        table,
        hooks,
        limiter: Limiter::new(limits.memory),
        held: Held::new(limits.host_memory),
        log,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_max_component_handles(COMPONENT_HANDLES);
    store.set_epoch_deadline(TICKS_PER_TURN);
    // Yielding is enough: whoever waits for the call has a time-out, and drops the call when it strikes.
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(TICKS_PER_TURN)));
    store
}

/// A calendar that stands still.
struct StandingClock(Duration);

impl HostWallClock for StandingClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl StoreState {
    /// Begins a call, which is interrupted at this time.
    pub(crate) fn begin(&mut self, end: tokio::time::Instant) {
        self.hooks.begin(end);
    }

    /// What has been used so far. The time is known to whoever drives the call.
    pub(crate) fn usage(&self, used: CpuUse) -> Usage {
        Usage {
            memory: self.limiter.peak as u64,
            host_memory: self.held.peak as u64,
            cpu: used.ran,
            held: used.held,
            traffic: self.hooks.traffic(),
        }
    }

    /// What the plugin's requests logged in with.
    pub(crate) fn credentials(&self) -> Vec<String> {
        self.hooks.credentials()
    }

    /// Whether the plugin asked for more memory than it may have.
    pub(crate) fn was_refused_memory(&self) -> bool {
        self.limiter.refused
    }

    /// Whether the host held more for the plugin than it may.
    pub(crate) fn was_refused_host_memory(&self) -> bool {
        self.held.refused
    }

    /// What the plugin has written to stderr.
    pub(crate) fn log(&self) -> &PluginLog {
        &self.log
    }
}

impl WasiView for StoreState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Counts memory and tables over the whole component: the engine's own limits are per memory, and a component may have
/// several.
#[derive(Debug)]
struct Limiter {
    allowed: usize,
    memory: usize,
    peak: usize,
    elements: usize,
    refused: bool,
}

impl Limiter {
    fn new(memory: u64) -> Self {
        let allowed = usize::try_from(memory).unwrap_or(usize::MAX);
        Self {
            allowed,
            memory: 0,
            peak: 0,
            elements: 0,
            refused: false,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.allowed {
            self.refused = true;
            wasmtime::bail!(
                "it needs more memory than the {} bytes of `limits.memory`",
                self.allowed
            );
        }
        self.memory = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.elements.saturating_add(desired.saturating_sub(current));
        if total > TABLE_ELEMENTS {
            wasmtime::bail!("it needs more than {TABLE_ELEMENTS} table elements");
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

impl std::fmt::Debug for StoreState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StoreState")
            .field("limiter", &self.limiter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_limited_over_all_memories_together() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).is_ok());
        assert!(limiter.memory_growing(0, 40, None).is_ok());
        assert!(limiter.memory_growing(40, 41, None).is_err());
        assert_eq!((limiter.peak, limiter.refused), (100, true));
    }

    #[test]
    fn tables_are_limited_over_all_tables_together() {
        let mut limiter = Limiter::new(0);
        assert!(limiter.table_growing(0, TABLE_ELEMENTS, None).is_ok());
        assert!(limiter.table_growing(0, 1, None).is_err());
    }
}
