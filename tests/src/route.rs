//! Which part of Azure a path leads to.

use serde::{Deserialize, Serialize};

/// The endpoints, as a script and the statistics name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The token endpoint of a tenant.
    Token,
    /// The list of subscriptions.
    Subscriptions,
    /// One subscription.
    Subscription,
    /// The permissions of the caller at a subscription.
    Permissions,
    /// The activity log of a subscription.
    Log,
    /// The activity log of a tenant.
    TenantLog,
    /// The directory audit log of Microsoft Graph.
    DirectoryAudits,
    /// The sign-in log of Microsoft Graph.
    SignIns,
    /// Where records of others are taken.
    Ingestion,
    /// Anything else.
    Unknown,
}

/// An endpoint and the name inside its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// The tenant of a token request, the subscription or the data collection rule, as the client wrote it; else empty.
    pub name: String,
}

impl Route {
    /// Finds the endpoint; letter case does not matter, a slash too many does.
    pub fn of(path: &str) -> Route {
        const VALUES: [&str; 5] = [
            "providers",
            "microsoft.insights",
            "eventtypes",
            "management",
            "values",
        ];
        let lower = path.to_ascii_lowercase();
        let segments: Vec<&str> = lower.split('/').skip(1).collect();
        let written = |index: usize| path.split('/').nth(index + 1).unwrap_or_default().to_owned();
        let (endpoint, name) = match segments.as_slice() {
            [_, "oauth2", "v2.0", "token"] => (Endpoint::Token, written(0)),
            ["subscriptions"] => (Endpoint::Subscriptions, String::new()),
            [
                "subscriptions",
                _,
                "providers",
                "microsoft.authorization",
                "permissions",
            ] => (Endpoint::Permissions, written(1)),
            ["subscriptions", _] => (Endpoint::Subscription, written(1)),
            ["subscriptions", _, rest @ ..] if rest == VALUES => (Endpoint::Log, written(1)),
            ["v1.0", "auditlogs", "directoryaudits"] => (Endpoint::DirectoryAudits, String::new()),
            ["v1.0", "auditlogs", "signins"] => (Endpoint::SignIns, String::new()),
            ["datacollectionrules", _, "streams", _] => (Endpoint::Ingestion, written(1)),
            rest if rest == VALUES => (Endpoint::TenantLog, String::new()),
            _ => (Endpoint::Unknown, String::new()),
        };
        Route { endpoint, name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_endpoints_without_letter_case() {
        let cases = [
            ("/contoso.com/oauth2/v2.0/token", Endpoint::Token, "contoso.com"),
            ("/subscriptions", Endpoint::Subscriptions, ""),
            ("/Subscriptions/AbC", Endpoint::Subscription, "AbC"),
            (
                "/subscriptions/a/providers/Microsoft.Insights/eventtypes/management/values",
                Endpoint::Log,
                "a",
            ),
            (
                "/subscriptions/a/providers/Microsoft.Authorization/permissions",
                Endpoint::Permissions,
                "a",
            ),
            (
                "/SUBSCRIPTIONS/a/PROVIDERS/microsoft.insights/eventTypes/management/VALUES",
                Endpoint::Log,
                "a",
            ),
            (
                "/providers/Microsoft.Insights/eventtypes/management/values",
                Endpoint::TenantLog,
                "",
            ),
            (
                "/subscriptions/a/providers/Microsoft.Insights/eventtypes/management/values/",
                Endpoint::Unknown,
                "",
            ),
            (
                "/dataCollectionRules/dcr-1/streams/Custom-A",
                Endpoint::Ingestion,
                "dcr-1",
            ),
            ("/v1.0/auditLogs/directoryAudits", Endpoint::DirectoryAudits, ""),
            ("/v1.0/auditLogs/signIns", Endpoint::SignIns, ""),
            ("//subscriptions", Endpoint::Unknown, ""),
            ("/", Endpoint::Unknown, ""),
        ];
        for (path, endpoint, name) in cases {
            assert_eq!(
                Route::of(path),
                Route {
                    endpoint,
                    name: name.to_owned()
                },
                "{path}"
            );
        }
    }
}
