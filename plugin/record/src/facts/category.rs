use std::str::FromStr;

use crate::json::Text;

/// The eight kinds of record, and what may be added to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Writes, deletes and actions through the resource manager.
    Administrative,
    /// A condition of an operator's alert rule became true or false.
    Alert,
    /// A scale set grew or shrank by rule.
    Autoscale,
    /// An effect of a policy.
    Policy,
    /// Advice about cost, safety or speed.
    Recommendation,
    /// The health of one resource changed.
    ResourceHealth,
    /// An alert of Defender.
    Security,
    /// An incident or maintenance of the cloud itself.
    ServiceHealth,
    /// None of these, or none given.
    Other,
}

impl Category {
    /// Every named category.
    pub const ALL: [Category; 8] = [
        Category::Administrative,
        Category::Alert,
        Category::Autoscale,
        Category::Policy,
        Category::Recommendation,
        Category::ResourceHealth,
        Category::Security,
        Category::ServiceHealth,
    ];

    /// The name that Azure gives it.
    pub fn name(self) -> &'static str {
        match self {
            Category::Administrative => "Administrative",
            Category::Alert => "Alert",
            Category::Autoscale => "Autoscale",
            Category::Policy => "Policy",
            Category::Recommendation => "Recommendation",
            Category::ResourceHealth => "ResourceHealth",
            Category::Security => "Security",
            Category::ServiceHealth => "ServiceHealth",
            Category::Other => "other",
        }
    }

    /// The category of a record.
    pub fn of(text: Option<Text<'_>>) -> Category {
        let named = |text: Text<'_>| {
            Category::ALL
                .into_iter()
                .find(|category| text.is(category.name()))
        };
        text.and_then(named).unwrap_or(Category::Other)
    }
}

impl FromStr for Category {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Category::ALL
            .into_iter()
            .find(|category| category.name().eq_ignore_ascii_case(name.trim()))
            .ok_or(())
    }
}
