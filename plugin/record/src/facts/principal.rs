use super::CallerInfo;
use crate::json::{Text, bytes};
use crate::record::{Claims, Field, Record, without_directory};

/// Who made a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal<'a> {
    /// `caller` as given: a user principal name, an object id, or a service's name.
    pub caller: Option<Text<'a>>,
    /// What the token says that the request was made with.
    pub claims: &'a Claims<'a>,
    /// What Privileged Identity Management says, where neither of them tells who it was.
    pub info: CallerInfo<'a>,
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
    #[inline(never)]
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
        let caller = record.text(Field::Caller).and_then(without_directory);
        let claims = record.claims();
        let is_known = caller.is_some() && claims.object_id.is_some();
        Principal {
            caller,
            claims,
            info: if is_known {
                CallerInfo::default()
            } else {
                CallerInfo::of(record)
            },
        }
    }

    /// What it goes by: the caller, else what Azure takes for it when it has the choice among the claims.
    pub fn name(&self) -> Option<Text<'a>> {
        let claims = self.claims;
        self.caller
            .or(claims.upn)
            .or(self.info.upn)
            .or(claims.sign_in_name)
            .or(claims.email)
            .or(claims.service)
    }

    /// The user principal name: as claimed, else an e-mail address.
    pub fn upn(&self) -> Option<Text<'a>> {
        self.claims.upn.or_else(|| self.email())
    }

    /// The id of the user or service principal in its directory: as claimed, else the caller if it is a GUID.
    pub fn object_id(&self) -> Option<Text<'a>> {
        let is_id = |caller: &Text<'_>| is_guid(caller.raw());
        self.claims
            .object_id
            .or(self.info.object_id)
            .or_else(|| self.caller.filter(is_id))
    }

    /// The name for people.
    pub fn full_name(&self) -> Option<Text<'a>> {
        self.claims.full_name.or(self.info.display_name)
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

    /// The first of the names that is an e-mail address in form.
    #[inline(never)]
    pub fn email(&self) -> Option<Text<'a>> {
        let claims = self.claims;
        let is_address = |name: &Text<'_>| bytes::contains(name.raw(), b'@');
        [
            self.caller,
            claims.upn,
            self.info.upn,
            claims.email,
            claims.sign_in_name,
        ]
        .into_iter()
        .flatten()
        .find(is_address)
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
