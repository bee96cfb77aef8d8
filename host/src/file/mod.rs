//! Files that are read and written with care: no links followed, no devices, no torn lines, durable names.

pub mod directory;
pub mod identity;
pub mod last_line;
pub mod line_file;
pub mod regular_file;
pub mod small_file;
