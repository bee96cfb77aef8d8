//! Ready-made content: an example tenant and what happens in it.

pub mod bulk;
pub mod example;
pub mod live;
