//! The WebAssembly engine: one per process, shared by all plugins.

#![expect(clippy::disallowed_methods, reason = "the ticker has a thread of its own")]

use std::hash::{Hash, Hasher};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracing::warn;
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::sandbox::{INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};
use crate::work::fair_slots::Bounds;

/// How often running code is interrupted. Each interruption lets other tasks run and time-outs take effect; ten
/// milliseconds is far below any time-out and costs nothing that can be measured.
const TICK: Duration = Duration::from_millis(10);

/// Calls at once that are fresh, of all sources together: polls, discoveries and checks. A fresh call uses the processor;
/// one that waits for its upstream holds memory, and takes nothing else from others.
const FRESH_CALLS: usize = 64;

/// Components that can be instantiated at the same time.
const COMPONENTS_AT_ONCE: usize = 256;

/// How much of a memory is kept and cleared between calls instead of being given back to the system and asked for again
/// page by page, where the system says which pages were touched (Linux 6.7 and later), so that a quiet partition keeps few.
/// A poll that returns a thousand events of 7 KB fits.
const KEPT_MEMORY: usize = 12 << 20;
/// The same elsewhere, where all of it is kept and cleared, touched or not: what a poll without events takes.
const KEPT_UNSEEN: usize = 1 << 20;
/// Instances that are kept so beyond the most that were in use at once. One plugin needs none; each further one that is
/// called now and then finds its own memory again.
const IDLE_INSTANCES: u32 = 32;
/// The same for tables and for stacks.
const KEPT_TABLE: usize = 64 << 10;
const KEPT_STACK: usize = 64 << 10;

/// Calls at once that may take so many bytes of memory together.
pub(crate) fn calls_at_once(memory: u64) -> Bounds {
    Bounds {
        fresh: FRESH_CALLS,
        all: COMPONENTS_AT_ONCE,
        memory,
    }
}

/// Builds the engine and starts its ticker.
pub fn start() -> anyhow::Result<Engine> {
    let mut config = configuration();
    config.allocation_strategy(pool());
    let engine = Engine::new(&config).or_else(|error| {
        // Some systems limit address space, of which the pool reserves terabytes.
        warn!("instances are made one by one, which costs more: {error:#}");
        Engine::new(&configuration())
    })?;
    start_ticker(&engine)?;
    Ok(engine)
}

/// An engine that only compiles, for one that [`start`] has made elsewhere.
pub(crate) fn compiler() -> anyhow::Result<Engine> {
    Ok(Engine::new(&configuration())?)
}

/// What the compiled code depends on besides the plugin, in 64 hexadecimal digits: version, processor and settings.
pub(crate) fn fingerprint(engine: &Engine) -> String {
    let mut hasher = Fingerprint(Sha256::new());
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:x}", hasher.0.finalize())
}

/// Collects what is hashed, so that two different settings never share a name.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not what this is for.
    fn finish(&self) -> u64 {
        0
    }
}

fn configuration() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config
}

/// Room for instances, reserved once: making one then takes no call of the system. Its bounds are those of the sandbox
/// for so many components, so that none can take room from another.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(COMPONENTS_AT_ONCE as u32)
        .total_stacks(COMPONENTS_AT_ONCE as u32)
        .total_core_instances((COMPONENTS_AT_ONCE * INSTANCES) as u32)
        .total_memories((COMPONENTS_AT_ONCE * MEMORIES) as u32)
        .total_tables((COMPONENTS_AT_ONCE * TABLES) as u32)
        .max_core_instances_per_component(INSTANCES as u32)
        .max_memories_per_component(MEMORIES as u32)
        .max_memories_per_module(MEMORIES as u32)
        .max_tables_per_component(TABLES as u32)
        .max_tables_per_module(TABLES as u32)
        .table_elements(TABLE_ELEMENTS)
        .max_unused_warm_slots(IDLE_INSTANCES)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(if PoolingAllocationConfig::is_pagemap_scan_available() {
            KEPT_MEMORY
        } else {
            KEPT_UNSEEN
        })
        .table_keep_resident(KEPT_TABLE)
        .async_stack_keep_resident(KEPT_STACK);
    pool
}

/// Ticks from a thread of its own: a task would starve when all workers run plugins, which is when ticks are needed.
fn start_ticker(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(())
}
