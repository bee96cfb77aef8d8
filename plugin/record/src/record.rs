//! One record of the Activity Log as received: read once, every field optional, whatever its shape.

mod address;
mod anomaly;
mod claims;
mod field;
mod unpack;

use std::borrow::Cow;
use std::cell::OnceCell;

use xxhash_rust::xxh3::xxh3_128;

pub use address::Address;
pub use anomaly::{Anomaly, Oddities};
pub use claims::Claims;
pub(crate) use claims::without_directory;
pub use field::{Field, LocalizableString};

use crate::json::{Marked, Member, Scanner, Shape, SyntaxError, Text, Value, Writer, bytes, minify};
use crate::time;
use crate::time::Timestamp;

/// A record, borrowed from the bytes of its page.
#[derive(Debug, Clone, Default)]
pub struct Record<'a> {
    received: Marked<'a>,
    error: Option<SyntaxError>,
    oddities: Oddities,
    is_line: bool,
    is_packed: bool,
    fields: [Value<'a>; Field::COUNT],
    labels: [LocalizableString<'a>; LocalizableString::COUNT],
    parts: [Object<'a>; Part::COUNT],
    claims: Claims<'a>,
    client: Option<Address<'a>>,
    rest: Vec<Member<'a>>,
    id: OnceCell<Option<Cow<'a, str>>>,
    caller_info: OnceCell<Vec<u8>>,
    given_time: Option<Timestamp>,
    submitted: Option<Timestamp>,
}

/// A nested object, kept from one record to the next.
#[derive(Debug, Clone, Default)]
struct Object<'a> {
    /// Its bytes; none if they are not fit to be recognised.
    bytes: &'a [u8],
    members: Vec<Member<'a>>,
    /// Whether the present record has it.
    is_here: bool,
}

/// The objects inside a record whose members are read with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `authorization`: action, scope, role.
    Authorization,
    /// `claims`: who the caller is.
    Claims,
    /// `httpRequest`: method, address.
    HttpRequest,
    /// `properties`: what the category has to say.
    Properties,
}

impl Part {
    const COUNT: usize = 4;
}

impl<'a> Record<'a> {
    /// Reads a record. Never fails: what cannot be read is a state of it, see [`Record::error`].
    pub fn read(received: impl Into<Marked<'a>>) -> Record<'a> {
        let mut record = Record::default();
        record.read_next(received.into());
        record
    }

    /// Reads another record in the place of this one.
    pub fn read_next(&mut self, received: Marked<'a>) {
        let end = self.read_from(received, 0);
        self.received = received;
        let mut rest = Scanner::new(received);
        rest.skip(end);
        if self.error.is_none() && rest.end().is_none() {
            self.error = Some(rest.error());
        }
        self.is_line &= !rest.blanks();
    }

    /// Reads the object at `start` in the place of this record. Returns where it ends, or what is wrong with it.
    #[inline(never)]
    pub fn read_from(&mut self, page: Marked<'a>, start: usize) -> usize {
        let mut scanner = Scanner::new(page);
        scanner.skip(start);
        self.fields = [Value::MISSING; Field::COUNT];
        self.labels = [LocalizableString::default(); LocalizableString::COUNT];
        for object in &mut self.parts {
            object.is_here = false;
        }
        self.rest.clear();
        self.id.take();
        self.caller_info.take();
        self.is_packed = false;
        self.oddities = Oddities::default();
        self.error = self.scan(&mut scanner).err();
        self.received = page.part(start, scanner.position());
        self.oddities.note_if(scanner.too_deep(), Anomaly::TooDeep);
        self.oddities.note_if(scanner.dirty(), Anomaly::RepairedText);
        self.is_line = !scanner.blanks() && !scanner.dirty();
        self.given_time = self.instant(Field::EventTimestamp);
        self.submitted = self.instant(Field::SubmissionTimestamp);
        scanner.position()
    }

    fn scan(&mut self, scanner: &mut Scanner<'a>) -> Result<(), SyntaxError> {
        if scanner.peek() != Some(b'{') {
            let passed = scanner.value();
            return Err(passed.map_or_else(|| scanner.error(), |_| SyntaxError::NotAnObject));
        }
        let passed = scanner.members(|scanner, key| self.member(scanner, key));
        passed.ok_or_else(|| scanner.error())
    }

    fn member(&mut self, scanner: &mut Scanner<'a>, key: Text<'a>) -> Option<()> {
        let known = field::find(key);
        let opens = scanner.peek();
        match known {
            Some(field::Known::Field(field)) => {
                let value = scanner.value()?;
                // An old name beside the new one must not wipe it out.
                if !value.says_nothing() {
                    self.fields[field as usize] = value;
                }
            }
            Some(field::Known::LocalizableString(slot)) if opens == Some(b'{') => {
                self.labels[slot].read(scanner)?;
            }
            Some(field::Known::Part(part)) if opens == Some(b'{') => self.part(scanner, part)?,
            _ => {
                let value = scanner.value()?;
                self.odd_member(known, Member { key, value });
            }
        }
        Some(())
    }

    /// Keeps the members of one of the known objects. The records of an operation have the same request, those of a token
    /// the same claims: if the bytes are those of the last record's, so are the members.
    fn part(&mut self, scanner: &mut Scanner<'a>, part: Part) -> Option<()> {
        let object = &mut self.parts[part as usize];
        object.is_here = true;
        let rest = scanner.remaining();
        if !object.bytes.is_empty() && bytes::starts_with(rest, object.bytes) {
            scanner.skip(object.bytes.len());
            return Some(());
        }
        object.bytes = &[];
        object.members.clear();
        let passed = scanner.collect(&mut object.members);
        match part {
            Part::Claims => self.claims = Claims::of(&object.members),
            Part::HttpRequest => self.client = address(&object.members),
            Part::Authorization | Part::Properties => {}
        }
        passed?;
        // What is unusual about a form is noted where it is scanned.
        if !(scanner.too_deep() || scanner.dirty() || scanner.blanks()) {
            object.bytes = &rest[..rest.len() - scanner.remaining().len()];
        }
        Some(())
    }

    /// Keeps a member that is unknown, or known and not of its usual shape.
    fn odd_member(&mut self, known: Option<field::Known>, member: Member<'a>) {
        match (known, member.value.shape()) {
            (Some(_), Shape::Null) => {}
            (Some(field::Known::LocalizableString(slot)), Shape::Text(_)) => {
                self.labels[slot].plain(member.value);
                self.oddities.note(Anomaly::PlainText);
            }
            (Some(field::Known::LocalizableString(slot)), Shape::Number(_)) => {
                self.labels[slot].plain(member.value);
                self.oddities.note(Anomaly::OddShape);
            }
            (Some(field::Known::Part(part)), Shape::Array(elements)) => {
                self.first_object(part, elements);
                self.rest.push(member);
                self.oddities.note(Anomaly::OddShape);
            }
            (Some(known), shape) => {
                let is_part = matches!(known, field::Known::Part(_));
                self.is_packed |= is_part && matches!(shape, Shape::Text(_));
                self.rest.push(member);
                self.oddities.note(Anomaly::OddShape);
            }
            (None, _) => {
                self.is_packed |= member.key.is(unpack::IDENTITY);
                self.rest.push(member);
                self.oddities
                    .note_if(!member.key.is("relatedEvents"), Anomaly::UnknownMember);
            }
        }
    }

    /// Reads the first object of a list where an object is usual: `authorization` has been met as a list.
    fn first_object(&mut self, part: Part, elements: &'a [u8]) {
        let mut scanner = Scanner::new(elements);
        if scanner.take(b'[') && scanner.peek() == Some(b'{') {
            // The list has been passed once, so that this cannot fail.
            let _ = self.part(&mut scanner, part);
        }
    }

    /// The bytes as received.
    pub fn raw(&self) -> &'a [u8] {
        self.received.bytes()
    }

    /// Why the bytes are not a JSON object; none if they are. Fields before the error can be read all the same.
    pub fn error(&self) -> Option<SyntaxError> {
        self.error
    }

    /// What is unusual about its form.
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// The record as one line of valid JSON: the bytes as received, unless there are blanks between them or strings
    /// that strict readers refuse.
    pub fn line(&self) -> Cow<'a, [u8]> {
        if self.is_line {
            return Cow::Borrowed(self.raw());
        }
        // Only a record with an error cannot be minified, and such a one is never written.
        minify(self.raw()).map_or(Cow::Borrowed(self.raw()), Cow::Owned)
    }

    /// Writes [`Record::line`] as a member that is a string.
    pub fn write_line(&self, output: &mut Writer, name: &'static str) {
        if self.is_line {
            output.key(name);
            output.marked_string(self.received);
        } else {
            output.member_bytes(name, &self.line());
        }
    }

    /// `properties.CallerInfo`, in which Privileged Identity Management names the caller: JSON text, or what it means.
    pub fn caller_info(&self) -> &[u8] {
        let decode = || match self.member_of(Part::Properties, "CallerInfo").shape() {
            Shape::Text(text) => text.decoded().into_owned(),
            Shape::Array(raw) | Shape::Object(raw) => raw.to_vec(),
            _ => Vec::new(),
        };
        // Kept, since what is read in it is borrowed like everything else.
        self.caller_info.get_or_init(decode)
    }

    /// A field as received.
    pub fn value(&self, field: Field) -> Value<'a> {
        self.fields[field as usize]
    }

    /// A field's text, if it is not blank.
    pub fn text(&self, field: Field) -> Option<Text<'a>> {
        self.value(field).text()
    }

    /// A localizable field.
    #[inline(always)]
    pub fn label(&self, slot: usize) -> &LocalizableString<'a> {
        &self.labels[slot]
    }

    /// The members of a nested object.
    pub fn part_members(&self, part: Part) -> &[Member<'a>] {
        let object = &self.parts[part as usize];
        if object.is_here { &object.members } else { &[] }
    }

    /// What the claims say.
    pub fn claims(&self) -> &Claims<'a> {
        if self.parts[Part::Claims as usize].is_here {
            &self.claims
        } else {
            &Claims::NONE
        }
    }

    /// Where the request came from: its own address.
    pub fn client(&self) -> Option<&Address<'a>> {
        let is_here = self.parts[Part::HttpRequest as usize].is_here;
        self.client.as_ref().filter(|_| is_here)
    }

    /// The bytes of a nested object, if it has no blanks or flaws.
    pub fn part_bytes(&self, part: Part) -> &'a [u8] {
        let object = &self.parts[part as usize];
        if object.is_here { object.bytes } else { &[] }
    }

    /// A member of a nested object, whatever the letter case of its name.
    #[inline(always)]
    pub fn member_of(&self, part: Part, name: &str) -> Value<'a> {
        *find(self.part_members(part), name)
    }

    /// A member's text, if it is not blank.
    #[inline(always)]
    pub fn text_of(&self, part: Part, name: &str) -> Option<Text<'a>> {
        self.member_of(part, name).text()
    }

    /// Members of the record that have no place in this model, or not their usual shape.
    pub fn rest(&self) -> &[Member<'a>] {
        &self.rest
    }

    /// The identity of the record, equal on every redelivery: `eventDataId`, else `id`, else a hash of its bytes. None
    /// if it has an error and neither of them was read before it.
    pub fn id(&self) -> Option<&str> {
        let hash = || Cow::Owned(format!("xxh3-{:032x}", xxh3_128(self.raw())));
        let find = || self.own_id().or_else(|| self.error.is_none().then(hash));
        // The reader asks for it, and then the normalizer.
        self.id.get_or_init(find).as_deref()
    }

    /// Whether it has an identity of its own.
    pub fn names_itself(&self) -> bool {
        let names =
            |field| matches!(self.value(field).shape(), Shape::Number(_)) || self.text(field).is_some();
        names(Field::EventDataId) || names(Field::Id)
    }

    fn own_id(&self) -> Option<Cow<'a, str>> {
        [Field::EventDataId, Field::Id]
            .into_iter()
            .find_map(|field| match self.value(field).shape() {
                Shape::Number(digits) => Some(String::from_utf8_lossy(digits)),
                _ => self.text(field).map(Text::to_str),
            })
    }

    /// When it happened: `eventTimestamp`, else its Event Hub name `time`, else the ticks in `id`, else when it was
    /// submitted.
    pub fn time(&self) -> Option<Timestamp> {
        self.given_time
            .or_else(|| self.instant(Field::Time))
            .or_else(|| self.ticks())
            .or(self.submitted)
    }

    /// `eventTimestamp`, where it can be read.
    pub fn given_time(&self) -> Option<Timestamp> {
        self.given_time
    }

    /// When it became readable.
    pub fn submitted(&self) -> Option<Timestamp> {
        self.submitted
    }

    fn instant(&self, field: Field) -> Option<Timestamp> {
        time::parse(self.text(field)?.raw())
    }

    /// The instant at the end of `id`: `…/ticks/636528553513810679`.
    fn ticks(&self) -> Option<Timestamp> {
        let id = self.text(Field::Id)?.raw();
        let at = id
            .windows(7)
            .rposition(|window| window.eq_ignore_ascii_case(b"/ticks/"))?;
        time::from_ticks(&id[at + 7..])
    }
}

/// The value of the last member of a name.
#[inline(never)]
fn find<'m, 'a>(members: &'m [Member<'a>], name: &str) -> &'m Value<'a> {
    let member = members.iter().rev().find(|member| member.key.is(name));
    member.map_or(&Value::MISSING, |member| &member.value)
}

/// The address in a request.
fn address<'a>(request: &[Member<'a>]) -> Option<Address<'a>> {
    Address::in_value(*find(request, "clientIpAddress"))
}
