//! Who acts in the example tenant.

use serde_json::{Value, json};

use crate::scenario::example::TENANT;
use crate::time::Instant;

/// A user or an application that sends requests to Resource Manager.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    /// What `caller` says: a user principal name, or the object id of a service principal.
    pub(crate) caller: &'static str,
    /// Object id.
    pub(crate) object_id: &'static str,
    /// The application that asked for the token.
    pub(crate) application: &'static str,
    /// Where the requests come from.
    pub(crate) address: &'static str,
}

/// The portal, with which people work.
const PORTAL: &str = "0a0a0a0a-1111-4222-8333-444455556666";

/// An administrator, from the office.
pub(crate) const ADMIN: Actor = Actor {
    caller: "alex.admin@contoso.example",
    object_id: "11111111-aaaa-4bbb-8ccc-000000000001",
    application: PORTAL,
    address: "203.0.113.10",
};

/// A developer, from home.
pub(crate) const DEVELOPER: Actor = Actor {
    caller: "robin.dev@contoso.example",
    object_id: "11111111-aaaa-4bbb-8ccc-000000000002",
    application: PORTAL,
    address: "203.0.113.57",
};

/// The deployment pipeline: a service principal.
pub(crate) const PIPELINE: Actor = Actor {
    caller: "11111111-aaaa-4bbb-8ccc-000000000003",
    object_id: "11111111-aaaa-4bbb-8ccc-000000000003",
    application: "22222222-bbbb-4ccc-8ddd-000000000003",
    address: "192.0.2.44",
};

/// The account of a global administrator, used by somebody else from a strange place.
pub(crate) const INTRUDER: Actor = Actor {
    caller: "dana.global@contoso.example",
    object_id: "11111111-aaaa-4bbb-8ccc-000000000004",
    application: PORTAL,
    address: "198.51.100.77",
};

/// The service principal that the intruder makes an owner.
pub(crate) const BACKDOOR: Actor = Actor {
    caller: "11111111-aaaa-4bbb-8ccc-000000000005",
    object_id: "11111111-aaaa-4bbb-8ccc-000000000005",
    application: "22222222-bbbb-4ccc-8ddd-000000000005",
    address: "198.51.100.78",
};

impl Actor {
    /// The claims of a token that was issued shortly before this instant.
    pub(crate) fn claims(&self, at: Instant) -> Value {
        let issued = at.timestamp() - 900;
        let mut claims = json!({
            "aud": "https://management.core.windows.net/",
            "iss": format!("https://sts.windows.net/{TENANT}/"),
            "iat": issued.to_string(),
            "nbf": issued.to_string(),
            "exp": (issued + 5400).to_string(),
            "appid": self.application,
            "ipaddr": self.address,
            "uti": "bGFiLXRva2VuLWlkZW50",
            "ver": "1.0",
            "http://schemas.microsoft.com/identity/claims/objectidentifier": self.object_id,
            "http://schemas.microsoft.com/identity/claims/tenantid": TENANT,
        });
        if let Some((name, _)) = self.caller.split_once('@') {
            claims["idtyp"] = json!("user");
            claims["appidacr"] = json!("2");
            claims["name"] = json!(name);
            claims["puid"] = json!("10032001ABCDEF01");
            claims["http://schemas.microsoft.com/claims/authnmethodsreferences"] = json!("pwd,mfa");
            claims["http://schemas.microsoft.com/identity/claims/scope"] = json!("user_impersonation");
            for claim in ["upn", "name"] {
                claims[format!("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/{claim}")] =
                    json!(self.caller);
            }
        } else {
            claims["idtyp"] = json!("app");
            claims["appidacr"] = json!("1");
        }
        claims
    }
}
