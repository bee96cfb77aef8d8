//! What everything else speaks of.

mod attribute;
mod event;
mod event_key;
mod failure;
mod issue;
mod limits;
mod manifest;
mod measure;
mod partition;
mod progress;
mod source_name;
mod totals;

pub use attribute::Attribute;
pub use event::{Event, RefusedEvent, Rejected};
pub use event_key::event_key;
pub use failure::{Failure, Fault};
pub use issue::Issue;
pub use limits::Limits;
pub use manifest::{Key, Manifest};
pub use measure::{Measure, MeasureKind};
pub(crate) use partition::MOST_PARTITIONS;
pub use partition::{PartitionInfo, Report};
pub use progress::Progress;
pub use source_name::{SOURCE_NAME_RULE, is_source_name};
pub use totals::Totals;
