use crate::event::{Claims, Field, Record};
use crate::json::{Text, bytes};

/// Who made a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal<'a> {
    /// `caller` as given: a user principal name, an object id, or a service's name.
    pub caller: Option<Text<'a>>,
    /// What the token says that the request was made with.
    pub claims: &'a Claims<'a>,
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
    /// Reads it.
    pub fn of(record: &'a Record<'_>) -> Self {
        Principal {
            caller: record.text(Field::Caller),
            claims: record.claims(),
        }
    }

    /// The user principal name: as claimed, else the caller if it looks like one.
    pub fn upn(&self) -> Option<Text<'a>> {
        self.claims.upn.or_else(|| self.email())
    }

    /// The id of the user or service principal in its directory: as claimed, else the caller if it is a GUID.
    pub fn object_id(&self) -> Option<Text<'a>> {
        let is_id = |caller: &Text<'_>| is_guid(caller.raw());
        self.claims.object_id.or_else(|| self.caller.filter(is_id))
    }

    /// What kind of principal it is.
    pub fn kind(&self) -> Kind {
        match self.claims.kind {
            Some(kind) if kind.is("user") => Kind::User,
            Some(kind) if kind.is("app") => Kind::Application,
            _ if self.upn().is_some() => Kind::User,
            _ if self.claims.app_id.is_some() => Kind::Application,
            _ => Kind::System,
        }
    }

    /// The caller, if it is an e-mail address in form.
    pub fn email(&self) -> Option<Text<'a>> {
        self.caller.filter(|caller| bytes::contains(caller.raw(), b'@'))
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
