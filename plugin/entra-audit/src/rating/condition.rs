//! What a row can ask of a record besides its activity.

use crate::facts::Facts;

/// Roles that let their holder take over the tenant or somebody in it: those that Microsoft labels as privileged (Microsoft
/// Entra, "Privileged roles and permissions"), less those that only read. The first is also known by its older name.
const PRIVILEGED_ROLES: [&str; 22] = [
    "Global Administrator",
    "Company Administrator",
    "Application Administrator",
    "Application Developer",
    "Authentication Administrator",
    "Authentication Extensibility Administrator",
    "B2C IEF Keyset Administrator",
    "Cloud Application Administrator",
    "Cloud Device Administrator",
    "Conditional Access Administrator",
    "Directory Writers",
    "Domain Name Administrator",
    "External Identity Provider Administrator",
    "Helpdesk Administrator",
    "Hybrid Identity Administrator",
    "Intune Administrator",
    "Partner Tier2 Support",
    "Password Administrator",
    "Privileged Authentication Administrator",
    "Privileged Role Administrator",
    "Security Administrator",
    "User Administrator",
];

/// A condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The role is a privileged one.
    Privileged,
    /// A Conditional Access policy is switched off.
    Disabled,
    /// An administrator consents, for everybody.
    AdminConsent,
    /// A delegated permission is granted for all users.
    AllUsers,
    /// A certificate authority is trusted for logins without a password.
    CertificateAuthority,
    /// A Temporary Access Pass is given.
    TemporaryAccessPass,
    /// A guest becomes a member.
    GuestToMember,
    /// The addresses that logins lead back to are changed.
    RedirectAddress,
}

impl Condition {
    const ALL: [(&str, Self); 8] = [
        ("privileged", Self::Privileged),
        ("disabled", Self::Disabled),
        ("admin_consent", Self::AdminConsent),
        ("all_users", Self::AllUsers),
        ("certificate_authority", Self::CertificateAuthority),
        ("temporary_access_pass", Self::TemporaryAccessPass),
        ("guest_to_member", Self::GuestToMember),
        ("redirect_address", Self::RedirectAddress),
    ];

    /// The condition of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(known, condition)| (known == name).then_some(condition))
    }

    /// Whether it holds. Values of changes are JSON as text; what is looked for is looked for in that text.
    pub fn holds(self, facts: &Facts<'_>) -> bool {
        let changed = |name: &str, to: &str| {
            facts.changes().any(|change| {
                let new = change.new_value().unwrap_or_default();
                change.name() == name && without_blanks(new).contains(to)
            })
        };
        match self {
            Self::Privileged => facts.role().is_some_and(|role| {
                PRIVILEGED_ROLES
                    .iter()
                    .any(|known| role.eq_ignore_ascii_case(known))
            }),
            Self::Disabled => facts.changes().any(|change| {
                let state =
                    |value: Option<&str>| without_blanks(value.unwrap_or_default()).contains(DISABLED);
                state(change.new_value()) && !state(change.old_value())
            }),
            Self::AdminConsent => changed("ConsentContext.IsAdminConsent", "True"),
            Self::AllUsers => changed("DelegatedPermissionGrant.ConsentType", "AllPrincipals"),
            Self::CertificateAuthority => facts.changes().any(|change| {
                let new = change.new_value().unwrap_or_default();
                format!("{} {new}", change.name()).contains("TrustedCAsForPasswordlessAuth")
            }),
            Self::TemporaryAccessPass => facts
                .text("/resultReason")
                .is_some_and(|reason| reason.to_lowercase().contains("temporary access pass")),
            Self::GuestToMember => facts.changes().any(|change| {
                let holds = |value: Option<&str>, word| value.is_some_and(|value| value.contains(word));
                change.name() == "UserType"
                    && holds(change.old_value(), "Guest")
                    && holds(change.new_value(), "Member")
            }),
            Self::RedirectAddress => facts.changes().any(|change| change.name() == "AppAddress"),
        }
    }
}

/// The state of a policy that is switched off.
const DISABLED: &str = "\"state\":\"disabled\"";

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}
