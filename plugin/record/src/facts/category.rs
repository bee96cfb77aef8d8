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

/// What the operations of the categories begin with that are not requests of somebody.
const STATES: [(&[u8], Category); 8] = [
    (b"microsoft.authorization/policies/", Category::Policy),
    (b"microsoft.insights/alertrules/activated/", Category::Alert),
    (b"microsoft.insights/alertrules/resolved/", Category::Alert),
    (b"microsoft.insights/autoscalesettings/scale", Category::Autoscale),
    (
        b"microsoft.security/locations/alerts/activate/",
        Category::Security,
    ),
    (
        b"microsoft.advisor/generaterecommendations/",
        Category::Recommendation,
    ),
    (b"microsoft.resourcehealth/healthevent/", Category::ResourceHealth),
    (b"microsoft.servicehealth/", Category::ServiceHealth),
];

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

    /// The category that a record names.
    pub fn named(text: Option<Text<'_>>) -> Option<Category> {
        let text = text?;
        Category::ALL
            .into_iter()
            .find(|category| text.is(category.name()))
    }

    /// The category that an operation, in lower case, belongs to, for records that name none or another one.
    pub fn of_operation(operation: &[u8]) -> Category {
        let belongs = |(start, _): &&(&[u8], Category)| operation.starts_with(start);
        match STATES.iter().find(belongs) {
            Some((_, category)) => *category,
            None if operation.is_empty() => Category::Other,
            None => Category::Administrative,
        }
    }

    /// Whether its records tell of a state, which neither succeeds nor fails, rather than of something that was done.
    pub fn is_about_states(self) -> bool {
        matches!(
            self,
            Category::Alert
                | Category::Recommendation
                | Category::ResourceHealth
                | Category::Security
                | Category::ServiceHealth
        )
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
