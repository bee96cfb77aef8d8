//! Work that has a bound: threads that may wait, queues that are fair, shares of the processor.

pub(crate) mod compute;
pub mod core_dump;
pub(crate) mod cpu_share;
pub mod fair_slots;
pub(crate) mod file_work;
pub(crate) mod helper;
pub(crate) mod low_priority;
pub mod machine_memory;
pub(crate) mod runtime;
pub mod side_by_side;
pub(crate) mod spare_threads;
#[cfg(debug_assertions)]
pub mod watchdog;
pub(crate) mod worker;
