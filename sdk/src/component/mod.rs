//! The component layer: the contract's exports, translated. The only place, with its submodules, that knows WIT, waki and WASI; no
//! decision is taken here.

// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code)]

pub mod bindings;
mod translate;
mod wasi;

use self::bindings::exports::headwater::source::{descriptor, source as wit};
use self::wasi::WasiPlatform;
use crate::contract;
use crate::exports::Component;

/// See the contract.
pub fn describe<C: Component>() -> descriptor::Manifest {
    C::describe().into()
}

/// See the contract.
///
/// # Errors
///
/// See the contract.
pub fn validate<C: Component>(config: &str) -> Result<wit::Plan, Vec<wit::Issue>> {
    match C::validate(config) {
        Ok(plan) => Ok(plan.into()),
        Err(issues) => Err(translate::each(issues)),
    }
}

/// See the contract.
///
/// # Errors
///
/// See the contract.
pub fn discover<C: Component>(
    config: &str,
    session: Option<&[u8]>,
    deadline: u64,
) -> Result<wit::Discovery, wit::Error> {
    Ok(C::discover(&mut WasiPlatform::new(), config, session, deadline)?.into())
}

/// See the contract.
///
/// # Errors
///
/// See the contract.
pub fn check<C: Component>(
    config: &str,
    session: Option<&[u8]>,
    partition: &str,
    deadline: u64,
) -> Result<wit::Report, wit::Error> {
    Ok(C::check(&mut WasiPlatform::new(), config, session, partition, deadline)?.into())
}

/// See the contract.
///
/// # Errors
///
/// See the contract.
pub fn poll<C: Component>(request: wit::Request) -> Result<wit::Batch, wit::Error> {
    Ok(C::poll(&mut WasiPlatform::new(), &contract::Request::from(request))?.into())
}
