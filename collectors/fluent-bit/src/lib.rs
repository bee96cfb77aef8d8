//! Headwater's sources as an input of Fluent Bit: a shared object that it loads as it loads plugins written in Go.
//!
//! | file | what |
//! | --- | --- |
//! | `exports` | the functions that Fluent Bit calls |
//! | `abi` | the structures of its ABI, and its functions that are called here |
//! | `plugin` | all inputs of a process: opened by name of configuration, and closed together |
//! | `settings` | a configuration whose sources have no sink |
//! | `reader` | a source: started, read, its batches made ready |
//! | `records` | events as Fluent Bit's records |
//! | `input` | an input: what is ready goes into chunks, and then its cursor is committed |
//!
//! Fluent Bit discards the result when it makes a chunk of what a plugin returns, and lets it clean up before there is one.
//! So nothing is returned to it: the plugin calls the function that makes chunks itself, in the thread in which it makes
//! them at once, and commits a cursor when that has said that the records are in one.

#![allow(unsafe_code, reason = "the border to Fluent Bit")]

mod abi;
mod exports;
mod input;
mod plugin;
mod reader;
mod records;
mod settings;
