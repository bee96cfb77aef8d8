use crate::event::{Field, Part, Record};
use crate::json::Text;

const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";

/// Who made a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Principal<'a> {
    /// `caller` as given: a user principal name, an object id, or a service's name.
    pub caller: Option<Text<'a>>,
    /// The user principal name.
    pub upn: Option<Text<'a>>,
    /// The id of the user or service principal in its directory.
    pub object_id: Option<Text<'a>>,
    /// The name for people.
    pub full_name: Option<Text<'a>>,
    /// The application that the request was made with.
    pub app_id: Option<Text<'a>>,
    /// The directory.
    pub tenant_id: Option<Text<'a>>,
    /// Where the token was asked for.
    pub address: Option<Text<'a>>,
    /// `idtyp`: `user` or `app`.
    kind: Option<Text<'a>>,
}

/// What kind of principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    User,
    /// An application or managed identity.
    Application,
    /// The platform itself.
    System,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Application => "application",
            Kind::System => "system",
        }
    }
}

impl<'a> Principal<'a> {
    /// Reads it from `caller` and the claims.
    pub fn of(record: &Record<'a>) -> Self {
        let mut principal = Principal {
            caller: record.text(Field::Caller),
            ..Principal::default()
        };
        for claim in record.part_members(Part::Claims) {
            let Some(slot) = principal.slot(claim.key) else {
                continue;
            };
            let text = claim.value.text();
            if text.is_some() {
                *slot = text;
            }
        }
        if principal.upn.is_none() {
            principal.upn = principal.caller.filter(|caller| caller.raw().contains(&b'@'));
        }
        if principal.object_id.is_none() {
            principal.object_id = principal.caller.filter(|caller| is_guid(caller.raw()));
        }
        principal
    }

    /// Where a claim goes. Names are URIs, or short as in newer tokens.
    fn slot(&mut self, key: Text<'_>) -> Option<&mut Option<Text<'a>>> {
        // By length first: most of two dozen claims are none of these.
        match key.raw().len() {
            3 if key.is("oid") => Some(&mut self.object_id),
            3 if key.is("tid") => Some(&mut self.tenant_id),
            3 if key.is("upn") => Some(&mut self.upn),
            4 if key.is("name") => Some(&mut self.full_name),
            5 if key.is("appid") => Some(&mut self.app_id),
            5 if key.is("idtyp") => Some(&mut self.kind),
            6 if key.is("ipaddr") => Some(&mut self.address),
            _ if key.is(OBJECT_ID) => Some(&mut self.object_id),
            _ if key.is(TENANT_ID) => Some(&mut self.tenant_id),
            _ if key.is(UPN) => Some(&mut self.upn),
            _ => None,
        }
    }

    /// What kind of principal it is.
    pub fn kind(&self) -> Kind {
        match self.kind {
            Some(kind) if kind.is("user") => Kind::User,
            Some(kind) if kind.is("app") => Kind::Application,
            _ if self.upn.is_some() => Kind::User,
            _ if self.app_id.is_some() => Kind::Application,
            _ => Kind::System,
        }
    }

    /// The caller, if it is an e-mail address in form.
    pub fn email(&self) -> Option<Text<'a>> {
        self.caller.filter(|caller| caller.raw().contains(&b'@'))
    }
}

/// Whether `text` is an e-mail address as OCSF's schema understands it.
pub fn is_email_address(text: &[u8]) -> bool {
    let local = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+,-./=?^_`{|}~".contains(byte);
    let host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let Some(at) = text.iter().position(|&byte| byte == b'@') else {
        return false;
    };
    let (name, domain) = (&text[..at], &text[at + 1..]);
    let dot = domain.iter().position(|&byte| byte == b'.');
    let has_both_sides = dot.is_some_and(|dot| dot > 0 && dot + 1 < domain.len());
    !name.is_empty() && has_both_sides && name.iter().all(local) && domain.iter().all(host)
}

/// Whether `text` has the form of a GUID. The digits need not be hexadecimal: some published ones are not.
pub fn is_guid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_alphanumeric(),
        })
}
