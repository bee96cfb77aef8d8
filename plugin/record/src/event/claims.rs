use super::Address;
use crate::json::{Member, Text};

const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";

/// What the claims of a token say about who it was given to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims<'a> {
    /// The user principal name.
    pub upn: Option<Text<'a>>,
    /// The id of the user or service principal in its directory.
    pub object_id: Option<Text<'a>>,
    /// The name for people.
    pub full_name: Option<Text<'a>>,
    /// The application that the token was given to.
    pub app_id: Option<Text<'a>>,
    /// The directory.
    pub tenant_id: Option<Text<'a>>,
    /// Where the token was asked for.
    pub address: Option<Address<'a>>,
    /// `idtyp`: `user` or `app`.
    pub kind: Option<Text<'a>>,
}

impl Claims<'_> {
    /// Those of no token.
    pub(super) const NONE: Claims<'static> = Claims {
        upn: None,
        object_id: None,
        full_name: None,
        app_id: None,
        tenant_id: None,
        address: None,
        kind: None,
    };
}

impl<'a> Claims<'a> {
    /// Reads them; of several claims under one name the last that is not blank counts.
    pub(super) fn of(members: &[Member<'a>]) -> Self {
        let mut claims = Claims::default();
        for Member { key, value } in members {
            let Some(text) = value.text() else { continue };
            if key.is("ipaddr") {
                claims.address = Some(Address::of(text));
            } else if let Some(slot) = claims.slot(*key) {
                *slot = Some(text);
            }
        }
        claims
    }

    /// Where a claim belongs. There are a dozen in a token, most of them unknown: the length decides first.
    fn slot(&mut self, key: Text<'_>) -> Option<&mut Option<Text<'a>>> {
        match key.raw().len() {
            3 if key.is("oid") => Some(&mut self.object_id),
            3 if key.is("tid") => Some(&mut self.tenant_id),
            3 if key.is("upn") => Some(&mut self.upn),
            4 if key.is("name") => Some(&mut self.full_name),
            5 if key.is("appid") => Some(&mut self.app_id),
            5 if key.is("idtyp") => Some(&mut self.kind),
            _ if key.is(OBJECT_ID) => Some(&mut self.object_id),
            _ if key.is(TENANT_ID) => Some(&mut self.tenant_id),
            _ if key.is(UPN) => Some(&mut self.upn),
            _ => None,
        }
    }
}
