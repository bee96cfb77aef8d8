//! What an empty poll costs the host: a fresh instance, a token from the session, one request, an empty page.

#[path = "support/built.rs"]
mod built;
mod support;

use std::time::{Duration, Instant};

use support::Tenant;

/// Enough for a steady median.
const POLLS: usize = 500;

fn main() -> anyhow::Result<()> {
    let tenant = Tenant::new(&built::component()?, br#"{"value":[]}"#.to_vec(), "ecs")?;
    tenant.poll()?;
    let mut spent: Vec<(Duration, Duration)> = Vec::with_capacity(POLLS);
    for _ in 0..POLLS {
        let began = Instant::now();
        let (_, cpu) = tenant.poll()?;
        spent.push((cpu, began.elapsed()));
    }
    spent.sort();
    let (cpu, wall) = spent[POLLS / 2];
    println!(
        r#"{{"bench":"empty-poll","median_cpu_us":{},"median_wall_us":{}}}"#,
        cpu.as_micros(),
        wall.as_micros()
    );
    Ok(())
}
