use std::borrow::Cow;

use crate::bytes::{contains, same};
use crate::chunk::{BLOCK, WIDTH};
use crate::copy::copy;
use crate::escape::{BLOCK_ROOM, LONGEST_ESCAPE, SPARE, escape, escape_block, is_clean};
use crate::{Marked, Shape, Text, Value};

/// How much is escaped at a time: bounds the room that has to be kept ready for the worst case.
const ESCAPE_BLOCK: usize = 4096;

/// A buffer for one JSON document, used again for the next. Bytes behind `length` are left over and mean nothing; they
/// are kept initialized so that whole chunks can be stored and then only partly claimed.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    length: usize,
    last: Repeated,
}

/// What was written for some bytes of the input.
#[derive(Debug, Default)]
struct Repeated {
    source: Vec<u8>,
    written: Vec<u8>,
}

/// An object or array begun, to be closed or taken back.
#[derive(Debug)]
#[must_use]
pub struct Mark {
    before: usize,
    inside: usize,
}

impl Writer {
    /// How many bytes are written.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The finished document, leaving the buffer empty; and whether it held bytes that are not UTF-8, each now U+FFFD.
    ///
    /// All input passes through here on its way out, so this is the only place where it is checked.
    pub fn finish(&mut self) -> (String, bool) {
        let written = &self.bytes[..self.length];
        self.length = 0;
        match simdutf8::basic::from_utf8(written) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (String::from_utf8_lossy(written).into_owned(), true),
        }
    }

    /// Forgets what was written after `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// The bytes written so far.
    pub fn written(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Begins the document's own object.
    pub fn open_document(&mut self) -> Mark {
        let before = self.length;
        self.byte(b'{');
        Mark {
            before,
            inside: self.length,
        }
    }

    /// Begins an object that is a member of the present one.
    pub fn open(&mut self, name: &'static str) -> Mark {
        let before = self.length;
        self.put_key(name, WIDTH);
        self.bytes[self.length] = b'{';
        self.length += 1;
        Mark {
            before,
            inside: self.length,
        }
    }

    /// Begins an array that is a member of the present object.
    pub fn open_array(&mut self, name: &'static str) -> Mark {
        let before = self.length;
        self.key(name);
        self.byte(b'[');
        Mark {
            before,
            inside: self.length,
        }
    }

    /// Begins an object that is an element of the present array.
    pub fn open_element(&mut self) -> Mark {
        let before = self.length;
        self.separate();
        self.byte(b'{');
        Mark {
            before,
            inside: self.length,
        }
    }

    /// Ends an object; an empty one vanishes, name and all. Says whether it stayed.
    pub fn close(&mut self, mark: Mark) -> bool {
        self.close_with(mark, b'}')
    }

    /// Ends an array; an empty one vanishes, name and all. Says whether it stayed.
    pub fn close_array(&mut self, mark: Mark) -> bool {
        self.close_with(mark, b']')
    }

    fn close_with(&mut self, mark: Mark, bracket: u8) -> bool {
        let stays = self.length > mark.inside;
        if stays {
            self.byte(bracket);
        } else {
            self.length = mark.before;
        }
        stays
    }

    /// Writes a member's name. Names are constants without anything to escape.
    pub fn key(&mut self, name: &'static str) {
        self.put_key(name, 0);
    }

    /// Writes a member's name, and makes room for so many bytes more.
    ///
    /// This and what it calls is inlined: on WebAssembly each call asks whether there is stack left and whether the call
    /// has been interrupted, and an event takes hundreds.
    #[inline(always)]
    fn put_key(&mut self, name: &'static str, more: usize) {
        self.ensure(name.len() + 2 * WIDTH + more);
        let at = self.length + usize::from(self.put_comma());
        let target = &mut self.bytes[at..];
        target[0] = b'"';
        copy(name.as_bytes(), &mut target[1..]);
        target[name.len() + 1..name.len() + 3].copy_from_slice(b"\":");
        self.length = at + name.len() + 3;
    }

    /// Writes a comma where one is due, for which there is room, and says so. It is not counted yet.
    #[inline(always)]
    fn put_comma(&mut self) -> bool {
        let due = !matches!(self.written().last(), None | Some(b'{' | b'['));
        self.bytes[self.length] = b',';
        due
    }

    /// Writes a string that needs no escapes, for which there is room.
    #[inline(always)]
    fn put_string(&mut self, raw: &[u8]) {
        let target = &mut self.bytes[self.length..];
        target[0] = b'"';
        copy(raw, &mut target[1..]);
        target[raw.len() + 1] = b'"';
        self.length += raw.len() + 2;
    }

    /// Writes a member's name that comes from the input, each `.` as `_`: a dot means nesting to many readers.
    pub fn foreign_key(&mut self, name: Text<'_>) {
        self.ensure(name.raw().len() + 3 * WIDTH);
        self.length += usize::from(self.put_comma());
        let start = self.length + 1;
        if name.is_plain() {
            self.put_string(name.raw());
        } else {
            self.string(&without_nul(name.decoded()));
        }
        let written = &mut self.bytes[start..self.length];
        if contains(written, b'.') {
            for dot in written.iter_mut().filter(|byte| **byte == b'.') {
                *dot = b'_';
            }
        }
        self.byte(b':');
    }

    /// Writes the comma between members or elements, where one is due.
    pub fn separate(&mut self) {
        self.ensure(1);
        self.length += usize::from(self.put_comma());
    }

    /// Writes a string member if there is text.
    pub fn member(&mut self, name: &'static str, text: Option<Text<'_>>) {
        let Some(text) = text else { return };
        if text.copies() {
            self.member_as_it_is(name, text.raw());
        } else {
            self.member_bytes(name, &text.decoded());
        }
    }

    /// Writes a string member that needs no escapes.
    #[inline(always)]
    fn member_as_it_is(&mut self, name: &'static str, raw: &[u8]) {
        self.put_key(name, raw.len() + 2 * WIDTH);
        self.put_string(raw);
    }

    /// Writes a string member that is a constant without anything to escape.
    pub fn constant(&mut self, name: &'static str, text: &'static str) {
        self.member(name, Some(Text::constant(text)));
    }

    /// Writes a string member from decoded bytes if there are any.
    pub fn member_bytes(&mut self, name: &'static str, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if is_clean(bytes) {
            self.member_as_it_is(name, bytes);
        } else {
            self.key(name);
            self.string(bytes);
        }
    }

    /// Writes a number member if there is a number.
    pub fn maybe_number(&mut self, name: &'static str, number: Option<u64>) {
        if let Some(number) = number {
            self.member_number(name, number);
        }
    }

    /// Writes a number member.
    pub fn member_number(&mut self, name: &'static str, number: u64) {
        self.key(name);
        self.number(number);
    }

    /// Writes a member that is an array of texts, if there are any: each once, the empty ones not at all.
    pub fn member_list(&mut self, name: &'static str, items: &[&[u8]]) {
        let mark = self.open_array(name);
        for (index, item) in items.iter().enumerate() {
            let is_new = items[..index].iter().all(|earlier| !same(earlier, item));
            if is_new && !item.is_empty() {
                self.separate();
                self.string(item);
            }
        }
        self.close_array(mark);
    }

    /// Writes text as received as a string: most can be copied as it stands.
    pub fn text(&mut self, text: Text<'_>) {
        if !text.copies() {
            return self.string(&text.decoded());
        }
        self.ensure(text.raw().len() + 2 * WIDTH);
        self.put_string(text.raw());
    }

    /// Writes text as received into a string already begun.
    pub fn text_inside(&mut self, text: Text<'_>) {
        if text.copies() {
            self.copy(text.raw());
        } else {
            self.escaped(&text.decoded());
        }
    }

    /// Writes decoded bytes as a string.
    pub fn string(&mut self, bytes: &[u8]) {
        if is_clean(bytes) {
            self.ensure(bytes.len() + 2 * WIDTH);
            self.put_string(bytes);
        } else {
            self.byte(b'"');
            self.escaped(bytes);
            self.byte(b'"');
        }
    }

    /// Writes any value as a string: what is no string already, as its JSON text.
    pub fn value_as_text(&mut self, value: Value<'_>) {
        match value.shape() {
            Shape::Missing | Shape::Null => self.copy(b"\"\""),
            Shape::Bool(truth) => self.copy(if truth { b"\"true\"" } else { b"\"false\"" }),
            Shape::Text(text) => self.text(text),
            Shape::Number(raw) | Shape::Object(raw) | Shape::Array(raw) => self.string(raw),
        }
    }

    /// Writes any value as it is.
    pub fn value(&mut self, value: Value<'_>) {
        match value.shape() {
            Shape::Missing | Shape::Null => self.copy(b"null"),
            Shape::Bool(truth) => self.copy(if truth { b"true" } else { b"false" }),
            Shape::Text(text) => self.text(text),
            Shape::Number(raw) | Shape::Object(raw) | Shape::Array(raw) => self.copy(raw),
        }
    }

    /// Writes members that are made of `source` and nothing else. If the last call had the same, what it wrote is written
    /// again.
    pub fn repeat(&mut self, source: &[u8], write: impl FnOnce(&mut Writer)) {
        let mut last = std::mem::take(&mut self.last);
        if source.is_empty() {
            write(self);
        } else if same(&last.source, source) {
            if !last.written.is_empty() {
                self.separate();
                self.copy(&last.written);
            }
        } else {
            let before = self.length;
            write(self);
            let written = &self.bytes[before..self.length];
            last.written.clear();
            last.written
                .extend_from_slice(written.strip_prefix(b",").unwrap_or(written));
            last.source.clear();
            last.source.extend_from_slice(source);
        }
        self.last = last;
    }

    /// Writes a number.
    pub fn number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.copy(&digits[at..]);
    }

    /// Writes one byte of syntax.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.ensure(1);
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// Writes bytes as they are.
    pub fn copy(&mut self, source: &[u8]) {
        self.ensure(source.len() + WIDTH);
        copy(source, &mut self.bytes[self.length..]);
        self.length += source.len();
    }

    /// Writes the inside of a string, escaping what must be.
    pub fn escaped(&mut self, source: &[u8]) {
        for block in source.chunks(ESCAPE_BLOCK) {
            self.ensure(block.len() * LONGEST_ESCAPE + SPARE);
            self.length += escape(block, &mut self.bytes[self.length..]);
        }
    }

    /// Writes marked bytes without control characters as a string.
    pub fn marked_string(&mut self, marked: Marked<'_>) {
        let Some(mut marks) = marked.blocks() else {
            return self.string(marked.bytes());
        };
        self.byte(b'"');
        let (blocks, rest) = marked.bytes().as_chunks::<BLOCK>();
        for (block, marks) in blocks.iter().zip(marks.by_ref()) {
            self.block(block, marks);
        }
        let last = marks.next().unwrap_or_default() & !(u64::MAX << rest.len());
        let mut block = [b' '; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        let before = self.length;
        self.block(&block, last);
        self.length = before + rest.len() + last.count_ones() as usize;
        self.byte(b'"');
    }

    #[inline(always)]
    fn block(&mut self, block: &[u8; BLOCK], marks: u64) {
        self.ensure(BLOCK_ROOM);
        if let Some(target) = self.bytes[self.length..].first_chunk_mut() {
            self.length += escape_block(block, marks, target);
        }
    }

    #[inline(always)]
    fn ensure(&mut self, more: usize) {
        if self.bytes.len() - self.length < more {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let wanted = (self.length + more).max(self.bytes.len() * 2).max(16 * 1024);
        self.bytes.resize(wanted, 0);
    }
}

/// Elasticsearch refuses a document with a NUL in a name.
fn without_nul(mut name: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if contains(&name, 0) {
        let nuls = name.to_mut().iter_mut().filter(|byte| **byte == 0);
        nuls.for_each(|byte| *byte = b'_');
    }
    name
}

#[cfg(test)]
mod tests;
