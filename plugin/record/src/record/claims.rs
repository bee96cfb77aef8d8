use super::Address;
use crate::json::{Member, Text, bytes};

const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
/// What the names of the claims about a person begin with.
const PERSON: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";

/// What precedes the address of a person whom Microsoft's consumer directory knows. It is not part of the address.
const LIVE: &[u8] = b"live.com#";

/// What the claims of a token say about who it was given to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims<'a> {
    /// The user principal name.
    pub upn: Option<Text<'a>>,
    /// The name that the person signs in with (`…/claims/name`).
    pub sign_in_name: Option<Text<'a>>,
    /// The e-mail address.
    pub email: Option<Text<'a>>,
    /// The name of a service.
    pub service: Option<Text<'a>>,
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
        sign_in_name: None,
        email: None,
        service: None,
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
                *slot = without_directory(text);
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
            5 if key.is("email") => Some(&mut self.email),
            5 if key.is("idtyp") => Some(&mut self.kind),
            11 if key.is("unique_name") => Some(&mut self.sign_in_name),
            _ if key.is(OBJECT_ID) => Some(&mut self.object_id),
            _ if key.is(TENANT_ID) => Some(&mut self.tenant_id),
            _ => self.person_slot(key),
        }
    }

    /// Where a claim about a person belongs.
    fn person_slot(&mut self, key: Text<'_>) -> Option<&mut Option<Text<'a>>> {
        let (schema, name) = key.raw().split_at_checked(PERSON.len())?;
        let is = |wanted: &[u8]| bytes::same_letters(name, wanted);
        match name.len() {
            _ if !bytes::same_letters(schema, PERSON.as_bytes()) => None,
            3 if is(b"upn") => Some(&mut self.upn),
            3 if is(b"spn") => Some(&mut self.service),
            4 if is(b"name") => Some(&mut self.sign_in_name),
            12 if is(b"emailaddress") => Some(&mut self.email),
            _ => None,
        }
    }
}

/// A name without the directory before it: `live.com#ada@contoso.com`.
pub(crate) fn without_directory(text: Text<'_>) -> Option<Text<'_>> {
    let raw = text.raw();
    let is_live = raw
        .get(..LIVE.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(LIVE));
    if is_live {
        text.part(LIVE.len(), raw.len())
    } else {
        Some(text)
    }
}
