//! What can be set on a fake Azure.

use chrono::TimeDelta;

/// The numbers of the real service, where they are known.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `scheme://host:port` of this server, which is both the login and the resource-manager endpoint. Links and the
    /// expected token scope are made from it; a server fills it in when it knows its port.
    pub endpoint: String,
    /// Events or subscriptions on a page.
    pub page_size: usize,
    /// How long an access token is valid. The token endpoint announces it in whole seconds.
    pub token_life: TimeDelta,
    /// How long a page link can be followed.
    pub link_life: TimeDelta,
    /// How far back the log reaches.
    pub retention: TimeDelta,
    /// Whether events stand in any order inside a page instead of newest first: the order is not documented.
    pub shuffle: bool,
    /// Whether reads beyond the token bucket are refused. The headers count them in any case.
    pub limit_reads: bool,
    /// Whether tenants have a premium licence of Microsoft Entra, which the sign-in log needs.
    pub premium: bool,
    /// Makes token texts, shuffling and request ids repeatable.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            endpoint: "http://127.0.0.1".to_owned(),
            // "About 200", as clients report.
            page_size: 200,
            token_life: TimeDelta::seconds(3599),
            // Nobody has published how long a link lives; an hour lets an ordinary backfill finish.
            link_life: TimeDelta::hours(1),
            retention: TimeDelta::days(90),
            shuffle: false,
            limit_reads: false,
            premium: true,
            seed: 1,
        }
    }
}
