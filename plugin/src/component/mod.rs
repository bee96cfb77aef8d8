//! The component layer: the contract's exports, translated. The only place, with its submodules, that knows WIT, waki
//! and WASI; no decision is taken here.

// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code)]

mod bindings;
mod platform;
mod translate;

use crate::{contract, source};
use bindings::exports::headwater::source::{descriptor, source as wit};
use platform::WasiWorld;

struct AzureActivity;

bindings::export!(AzureActivity with_types_in bindings);

impl descriptor::Guest for AzureActivity {
    fn describe() -> descriptor::Manifest {
        source::describe().into()
    }
}

impl wit::Guest for AzureActivity {
    fn validate(config: String) -> Result<wit::Plan, Vec<wit::Issue>> {
        match source::validate(&config) {
            Ok(plan) => Ok(plan.into()),
            Err(issues) => Err(translate::each(issues)),
        }
    }

    fn discover(
        config: String,
        session: Option<Vec<u8>>,
        deadline: u64,
    ) -> Result<wit::Discovery, wit::Error> {
        let found = source::discover(&mut WasiWorld::new(), &config, session.as_deref(), deadline)?;
        Ok(found.into())
    }

    fn check(
        config: String,
        session: Option<Vec<u8>>,
        partition: String,
        deadline: u64,
    ) -> Result<wit::Report, wit::Error> {
        let mut world = WasiWorld::new();
        let report = source::check(&mut world, &config, session.as_deref(), &partition, deadline)?;
        Ok(report.into())
    }

    fn poll(request: wit::Request) -> Result<wit::Batch, wit::Error> {
        let batch = source::poll(&mut WasiWorld::new(), &contract::Request::from(request))?;
        Ok(batch.into())
    }
}
