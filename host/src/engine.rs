//! The WebAssembly engine: one per process, shared by all plugins.

use std::time::Duration;

use tracing::debug;
use wasmtime::{Cache, CacheConfig, Config, Engine};

/// How often running code is interrupted. Each interruption lets other tasks run and time-outs take effect; ten
/// milliseconds is far below any time-out and costs nothing that can be measured.
const TICK: Duration = Duration::from_millis(10);

/// Builds the engine and starts its ticker.
pub fn start() -> anyhow::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // A restart with many sources must not compile again. Without a usable cache folder it compiles, nothing else.
    match Cache::new(CacheConfig::new()) {
        Ok(cache) => {
            config.cache(Some(cache));
        }
        Err(error) => debug!(%error, "compiled plugins are not cached"),
    }
    let engine = Engine::new(&config)?;
    start_ticker(&engine)?;
    Ok(engine)
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
