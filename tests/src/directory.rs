//! Who exists and who may do what: tenants, applications, subscriptions, role assignments.

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// A Microsoft Entra tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// GUID in lower case.
    pub id: String,
    /// A verified domain, which the token endpoint accepts in place of the GUID.
    pub domain: Option<String>,
}

/// A client secret of an application.
#[derive(Clone)]
pub struct Secret {
    /// The value, which a client sends.
    pub value: String,
    /// From this instant on the token endpoint answers AADSTS7000222.
    pub expires: Option<Instant>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A federated credential: whose assertions are accepted in place of a secret.
#[derive(Clone, Debug)]
pub struct Federation {
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
    /// The claim `aud`.
    pub audience: String,
}

/// An application registration with its service principal in one tenant.
#[derive(Clone, Debug)]
pub struct Application {
    /// GUID in lower case.
    pub client_id: String,
    /// The tenant that its service principal lives in.
    pub tenant: String,
    /// Its secrets; any that has not expired is accepted.
    pub secrets: Vec<Secret>,
    /// Its certificates, in DER.
    pub certificates: Vec<Vec<u8>>,
    /// Its federated credentials.
    pub federations: Vec<Federation>,
    /// A disabled application is refused with AADSTS7000112.
    pub enabled: bool,
}

/// The states that Resource Manager reports for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the words are Azure's")]
pub enum State {
    Enabled,
    Warned,
    PastDue,
    Disabled,
    Deleted,
}

/// An Azure subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// GUID in lower case.
    pub id: String,
    /// The tenant it trusts.
    pub tenant: String,
    /// Its display name.
    pub name: String,
    /// Its state; the log stays readable in every state.
    pub state: State,
}

/// Something that holds a log and that a role can be assigned at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// A subscription by its id.
    Subscription(String),
    /// `/providers/Microsoft.Insights` of a tenant, by the tenant's id: the tenant log.
    Tenant(String),
    /// The directory audit log of a tenant, by the tenant's id. Whoever reads it has the application permission
    /// AuditLog.Read.All, which stands here as a role.
    Directory(String),
    /// The sign-in log of a tenant, likewise.
    SignIns(String),
}

/// What a role assignment allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads the log, and lists and names the subscription.
    Reader,
    /// A custom role with `Microsoft.Insights/eventtypes/values/Read` alone.
    LogOnly,
    /// A custom role with `Microsoft.Resources/subscriptions/read` alone: a test that reads only the subscription
    /// passes with it, and the log is still refused.
    SubscriptionOnly,
}

impl Role {
    /// What the permissions endpoint says of it.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Role::Reader => &["*/read"],
            Role::LogOnly => &["Microsoft.Insights/eventtypes/values/Read"],
            Role::SubscriptionOnly => &["Microsoft.Resources/subscriptions/read"],
        }
    }

    fn reads_log(self) -> bool {
        matches!(self, Role::Reader | Role::LogOnly)
    }

    fn reads_subscription(self) -> bool {
        matches!(self, Role::Reader | Role::SubscriptionOnly)
    }
}

/// A role assignment.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The application that may.
    pub client_id: String,
    /// Where.
    pub scope: Scope,
    /// What.
    pub role: Role,
    /// Only tokens issued from this instant on carry the role: "If access was recently granted, please refresh your
    /// credentials."
    pub since: Option<Instant>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Every tenant.
    pub tenants: Vec<Tenant>,
    /// Every application.
    pub applications: Vec<Application>,
    /// Every subscription, in the order in which they are listed.
    pub subscriptions: Vec<Subscription>,
    /// Every role assignment.
    pub grants: Vec<Grant>,
}

impl Directory {
    /// The tenant with this GUID or domain, letter case ignored.
    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| {
            tenant.id.eq_ignore_ascii_case(name)
                || tenant
                    .domain
                    .as_deref()
                    .is_some_and(|domain| domain.eq_ignore_ascii_case(name))
        })
    }

    /// The application with this client id in this tenant.
    pub fn application(&self, tenant: &str, client_id: &str) -> Option<&Application> {
        self.applications
            .iter()
            .find(|app| app.tenant == tenant && app.client_id.eq_ignore_ascii_case(client_id))
    }

    /// The subscription with this id, letter case ignored.
    pub fn subscription(&self, id: &str) -> Option<&Subscription> {
        self.subscriptions
            .iter()
            .find(|subscription| subscription.id.eq_ignore_ascii_case(id))
    }

    /// Whether a token of this application, issued then, may read the log of a scope.
    pub fn may_read_log(&self, client_id: &str, issued: Instant, scope: &Scope) -> bool {
        self.holds(client_id, issued, scope, Role::reads_log)
    }

    /// Whether a token of this application, issued then, may see the subscription itself.
    pub fn may_read_subscription(&self, client_id: &str, issued: Instant, subscription: &str) -> bool {
        let scope = Scope::Subscription(subscription.to_owned());
        self.holds(client_id, issued, &scope, Role::reads_subscription)
    }

    /// The roles that a token of this application, issued then, carries at a subscription.
    pub fn roles(&self, client_id: &str, issued: Instant, subscription: &str) -> Vec<Role> {
        let scope = Scope::Subscription(subscription.to_owned());
        let held = self.grants.iter().filter(|grant| {
            grant.client_id.eq_ignore_ascii_case(client_id)
                && grant.scope == scope
                && grant.since.is_none_or(|since| issued >= since)
        });
        held.map(|grant| grant.role).collect()
    }

    fn holds(&self, client_id: &str, issued: Instant, scope: &Scope, allows: fn(Role) -> bool) -> bool {
        self.grants.iter().any(|grant| {
            grant.client_id.eq_ignore_ascii_case(client_id)
                && grant.scope == *scope
                && allows(grant.role)
                && grant.since.is_none_or(|since| issued >= since)
        })
    }
}

/// Whether a text has the form of a GUID.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
