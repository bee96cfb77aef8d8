//! What a source is examined with.

use headwater::egress::{Grant, Outbound};
use headwater::model::Limits;
use headwater::secret::Template;

/// A source's configuration, what it may reach, and what it may take.
#[derive(Debug, Clone, Default)]
pub struct SourceSettings {
    /// The configuration for the plugin. Its secrets are fetched once.
    pub config: Template,
    /// The origins that the source may reach.
    pub grant: Grant,
    /// The way to them.
    pub outbound: Outbound,
    /// The bounds of each call.
    pub limits: Limits,
}
