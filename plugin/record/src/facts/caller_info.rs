use crate::json::{Scanner, Text};
use crate::record::{Record, without_directory};

/// Who asked Privileged Identity Management for something, from `properties.CallerInfo`: a list of objects, each with the
/// kind of an identity and its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerInfo<'a> {
    /// The user principal name.
    pub upn: Option<Text<'a>>,
    /// The id in the directory.
    pub object_id: Option<Text<'a>>,
    /// The name for people.
    pub display_name: Option<Text<'a>>,
}

impl<'a> CallerInfo<'a> {
    /// Reads it. What cannot be read costs the identities behind it.
    #[inline(never)]
    pub fn of(record: &'a Record<'_>) -> Self {
        let mut info = CallerInfo::default();
        let mut scanner = Scanner::new(record.caller_info());
        // An error ends the list early, which is what is wanted.
        let _ = match scanner.peek() {
            Some(b'{') => info.read(&mut scanner),
            Some(b'[') => scanner.elements(|scanner| match scanner.peek() {
                Some(b'{') => info.read(scanner),
                _ => scanner.value().map(|_| ()),
            }),
            _ => None,
        };
        info
    }

    #[cold]
    fn read(&mut self, scanner: &mut Scanner<'a>) -> Option<()> {
        let (mut kind, mut given) = (None, None);
        let passed = scanner.members(|scanner, key| {
            let value = scanner.value()?.text();
            if key.is("CallerIdentityType") {
                kind = value;
            } else if key.is("CallerIdentityValue") {
                given = value;
            }
            Some(())
        });
        if let (Some(kind), Some(given)) = (kind, given)
            && let Some(slot) = self.slot(kind)
        {
            *slot = without_directory(given);
        }
        passed
    }

    fn slot(&mut self, kind: Text<'_>) -> Option<&mut Option<Text<'a>>> {
        match kind.place_among(&["UPN", "ObjectID", "DisplayName"])? {
            0 => Some(&mut self.upn),
            1 => Some(&mut self.object_id),
            _ => Some(&mut self.display_name),
        }
    }
}
