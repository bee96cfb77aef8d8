//! Scanning and writing JSON without building trees: everything read is a span of the bytes received, everything
//! written goes straight into one buffer. Nothing recurses, so the depth of the input costs no stack.
//!
//! This is what runs for every byte of a page. It is a package of its own so that it is compiled for speed while the
//! rest of the component is compiled for size.

#![forbid(unsafe_code)]

pub mod bytes;
mod chunk;
mod copy;
mod embedded;
mod escape;
mod escaped;
mod kind;
mod minify;
mod recover;
mod scan;
mod structural_index;
mod swar;
mod text;
mod value;
mod writer;

pub use embedded::Embedded;
pub use minify::minify;
pub use recover::ContainerEnd;
pub use scan::{Scanner, SyntaxError};
pub use structural_index::{Marked, StructuralIndex};
pub use text::Text;
pub use value::{Member, Shape, Value};
pub use writer::Writer;

/// Nesting beyond this depth is carried as text only: common readers (serde_json: 128) refuse what is deeper.
pub const DEEPEST: usize = 100;
