//! Events per second on one core, natively and through the component in the host's production configuration, with
//! their ratio: one JSON object per page and format. Both figures are of whole polls by the same code. The component's
//! includes a fresh instance, the page through WASI HTTP, and the batch across the component boundary.

#[path = "support/built.rs"]
mod built;
#[path = "support/native.rs"]
mod native;
#[path = "support/pace.rs"]
mod pace;
#[path = "support/pages.rs"]
mod pages;
mod support;

use std::hint::black_box;

use azure_activity::format::Format;
use native::poll;
use pace::best;
use support::Tenant;

/// As in the host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    for (name, body) in [
        ("role-assignments", pages::role_assignments()),
        ("varied", pages::varied(0)),
        ("mixed", pages::mixed()),
    ] {
        for format in Format::ALL {
            let tenant = Tenant::new(&built::component()?, body.clone(), format.name())?;
            let [native, component] = best([
                &mut || anyhow::Ok(poll(black_box(&body), format)?.events.len()),
                &mut || anyhow::Ok(tenant.poll()?.0.events.len()),
            ])?;
            // Both per event: a poll ends early when its batch is full.
            let bytes = body.len() as f64 / pages::RECORDS as f64;
            println!(
                r#"{{"bench":"normalize","page":"{name}","format":"{}","native_eps":{native:.0},"component_eps":{component:.0},"ratio":{:.2},"native_mbps":{:.0},"component_mbps":{:.0}}}"#,
                format.name(),
                native / component,
                native * bytes / 1e6,
                component * bytes / 1e6,
            );
        }
    }
    Ok(())
}
