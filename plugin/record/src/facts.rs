//! What a record means, apart from any output format: derived once, used by rules, severity and every writer.

mod caller_info;
mod category;
mod failure;
mod http_status;
mod level;
mod operation;
mod outcome;
mod path;
mod phase;
pub mod policy;
mod principal;
mod resource;
mod role;
mod status;
mod step;

pub use caller_info::CallerInfo;
pub use category::Category;
pub use failure::Failure;
pub use level::Level;
pub use operation::{Operation, Verb};
pub use outcome::Outcome;
pub use phase::Phase;
pub use policy::Policy;
pub use principal::{Kind, Principal, is_email_address, is_guid};
pub use resource::Resource;
pub use role::{Assignee, KNOWN_ROLES, KnownRole, Role, RoleChange};
pub use status::word;
pub use step::Step;

use std::borrow::Cow;
use std::iter;

use crate::json::Text;
use crate::record::{Address, Field, LocalizableString, Part, Record};
use crate::time::Timestamp;

/// What is derived from one record.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Its identity.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// The kind of record.
    pub category: Category,
    /// What was done.
    pub operation: Operation<'a>,
    /// How serious Azure says it is.
    pub level: Option<Level>,
    /// The status as given.
    pub status: Option<Text<'a>>,
    /// What the status means.
    pub outcome: Outcome,
    /// Where in the operation's life the record stands.
    pub phase: Option<Phase>,
    /// The HTTP status of the operation.
    pub http_status: Option<u16>,
    /// Who did it.
    pub principal: Principal<'a>,
    /// Where the request came from: its own address.
    pub client: Option<&'a Address<'a>>,
    /// What it was done to.
    pub resource: Resource<'a>,
    /// The directory: as given, else from the claims.
    pub tenant: Option<Text<'a>>,
    /// Why it failed; nothing unless it did.
    pub failure: Failure<'a>,
    /// The policies that took part; none unless the category is Policy.
    pub policies: Vec<Policy>,
    /// The role that was given or taken away.
    pub role: Option<Role<'a>>,
    /// Whether Privileged Identity Management wrote the record.
    pub privileged_identity: bool,
}

impl<'a> Facts<'a> {
    /// Derives them.
    // Inlined into its only caller, it would be compiled for size with that.
    #[inline(never)]
    pub fn of(record: &'a Record<'_>, id: String, time: Timestamp) -> Self {
        let named = record.label(LocalizableString::OPERATION_NAME).value();
        let mut operation = Operation::of(named.or_else(|| record.text_of(Part::Authorization, "action")));
        let category = Category::named(record.label(LocalizableString::CATEGORY).value())
            .unwrap_or_else(|| Category::of_operation(&operation.lower));
        let status = record.label(LocalizableString::STATUS).value();
        let (mut outcome, named_phase) = status::meaning(status);
        if category.is_about_states() {
            outcome = Outcome::Absent;
        }
        let privileged_identity =
            category == Category::Administrative && role::is_privileged_identity(record, &operation);
        let role = Role::of(record, &operation, privileged_identity);
        if privileged_identity && operation.verb == Verb::Other {
            let removes = role
                .as_ref()
                .is_some_and(|role| role.change == RoleChange::Removed);
            operation.verb = if removes { Verb::Delete } else { Verb::Write };
        }
        let sub_status = record.label(LocalizableString::SUB_STATUS);
        let code = || record.text_of(Part::Properties, "statusCode");
        let words = iter::once(sub_status.value()).chain(iter::once_with(code));
        let principal = Principal::of(record);
        let failure = if outcome == Outcome::Failure {
            Failure::of(record)
        } else {
            Failure::default()
        };
        let policies = if category == Category::Policy {
            Policy::list(record)
        } else {
            Vec::new()
        };
        Facts {
            id,
            time,
            category,
            level: Level::of(record.value(Field::Level)),
            status,
            outcome,
            phase: Phase::of(
                category,
                record.label(LocalizableString::EVENT_NAME).value(),
                named_phase,
                outcome,
            ),
            http_status: http_status::http_status(sub_status.localized(), words),
            client: record.client(),
            principal,
            resource: Resource::of(record),
            tenant: record.text(Field::TenantId).or(principal.claims.tenant_id),
            failure,
            policies,
            role,
            privileged_identity,
            operation,
        }
    }

    /// Where the token was asked for.
    pub fn token_client(&self) -> Option<&'a Address<'a>> {
        self.principal.claims.address.as_ref()
    }

    /// The service concerned: the provider of the resource, else of the operation.
    pub fn service(&self) -> Cow<'a, [u8]> {
        let provider = self.resource.provider();
        if provider.is_empty() {
            self.operation.provider()
        } else {
            provider
        }
    }

    /// Whether the request was refused for lack of permission, or by a policy.
    pub fn denied(&self) -> bool {
        let refused = self.outcome == Outcome::Failure && matches!(self.http_status, Some(401 | 403));
        refused || self.operation.policy_effect() == Some(b"deny")
    }

    /// Whether the record is about what a policy noticed and let pass.
    pub fn audited(&self) -> bool {
        matches!(
            self.operation.policy_effect(),
            Some(b"audit" | b"auditifnotexists")
        )
    }
}
