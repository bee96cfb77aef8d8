//! Members of `properties` under our names.

use crate::json::Writer;
use crate::record::{Part, Record};

/// Our name, and Azure's names in the order in which they count.
pub(super) type Names = [(&'static str, &'static [&'static str])];

#[inline(never)]
pub(super) fn members(output: &mut Writer, record: &Record<'_>, names: &Names) {
    for (ours, theirs) in names {
        let value = theirs
            .iter()
            .map(|name| record.member_of(Part::Properties, name))
            .find(|value| !value.says_nothing());
        if let Some(value) = value {
            output.key(ours);
            output.value_as_text(value);
        }
    }
}
