//! Ready-made content: an example tenant and what happens in it.

pub mod bulk;
pub mod demo;
pub mod example;
pub mod live;

mod actor;
mod operation;
mod story;
