//! The refusals of Entra's token endpoint, whose table is the SDK's.

pub use headwater_source::entra::Refusal;

use super::{Failure, Kind};
use crate::contract::Fault;

/// The failure that a refusal means.
pub fn failure(refusal: &Refusal) -> Failure {
    let said = refusal.failure("resource manager");
    let failure = Failure::new(said.fault, said.code, said.message);
    let failure = match said.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    };
    match said.fault {
        Fault::Retry => failure.kind(Kind::Throttled),
        _ => failure,
    }
}
