//! Ready-made content: an example tenant and what happens in it.

pub mod audits;
pub mod bulk;
pub mod demo;
pub mod example;
pub mod live;
pub mod served;

mod actor;
mod operation;
mod story;
