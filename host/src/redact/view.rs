//! Other ways to read a text: with its escapes undone, its base64 or hexadecimal runs decoded. Each byte read so knows
//! which bytes of the text it came from.

use std::ops::Range;

/// Runs of base64 letters shorter than this hold no secret worth the name.
const SHORTEST_BASE64: usize = 6;
/// The same for hexadecimal digits.
const SHORTEST_HEX: usize = 8;
/// Stands between runs, and occurs in no UTF-8 text, so that nothing is found across them.
const SEPARATOR: u8 = 0xff;

/// A text as it is read in one way.
#[derive(Default)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// Where in the text each byte came from.
    from: Vec<(u32, u32)>,
}

impl View {
    fn push(&mut self, byte: u8, from: Range<usize>) {
        // Windows are far smaller than 4 GiB.
        self.from.push((from.start as u32, from.end as u32));
        self.bytes.push(byte);
    }

    /// What part of the text a part of the view came from.
    pub(super) fn origin(&self, part: &Range<usize>) -> Range<usize> {
        self.from[part.start].0 as usize..self.from[part.end - 1].1 as usize
    }
}

/// Every way to read `text` that differs from reading it as it is.
pub(super) fn all(text: &[u8], mut each: impl FnMut(View)) {
    let holds = |byte: u8| memchr::memchr(byte, text).is_some();
    if holds(b'%') {
        each(unescaped(text, percent));
    }
    if holds(b'+') {
        each(unescaped(text, form));
    }
    if holds(b'\\') {
        each(unescaped(text, backslash));
    }
    if holds(b'&') {
        each(unescaped(text, entity));
    }
    if holds(0) {
        // UTF-16 of what is mostly ASCII, in either order of bytes.
        each(unescaped(text, nul));
    }
    let runs = runs(text, SHORTEST_BASE64, base64_value, true);
    for offset in 0..if runs.is_empty() { 0 } else { 4 } {
        each(decoded(&runs, offset, 6));
    }
    let runs = self::runs(text, SHORTEST_HEX, hex_value, false);
    for offset in 0..if runs.is_empty() { 0 } else { 2 } {
        each(decoded(&runs, offset, 4));
    }
}

/// What an escape at the beginning of a text stands for, and its length; none if there is no escape.
type Escape = fn(&[u8]) -> Option<(Meaning, usize)>;

enum Meaning {
    Nothing,
    Byte(u8),
    Letter(char),
}

fn unescaped(text: &[u8], escape: Escape) -> View {
    let mut view = View::default();
    let mut at = 0;
    while at < text.len() {
        match escape(&text[at..]) {
            Some((meaning, length)) => {
                let from = at..at + length;
                match meaning {
                    Meaning::Nothing => {}
                    Meaning::Byte(byte) => view.push(byte, from),
                    Meaning::Letter(letter) => {
                        let mut buffer = [0; 4];
                        for byte in letter.encode_utf8(&mut buffer).bytes() {
                            view.push(byte, from.clone());
                        }
                    }
                }
                at += length;
            }
            None => {
                view.push(text[at], at..at + 1);
                at += 1;
            }
        }
    }
    view
}

fn percent(text: &[u8]) -> Option<(Meaning, usize)> {
    match text {
        [b'%', high, low, ..] => Some((Meaning::Byte(hex_value(*high)? << 4 | hex_value(*low)?), 3)),
        _ => None,
    }
}

fn form(text: &[u8]) -> Option<(Meaning, usize)> {
    match text {
        [b'+', ..] => Some((Meaning::Byte(b' '), 1)),
        _ => percent(text),
    }
}

fn nul(text: &[u8]) -> Option<(Meaning, usize)> {
    (text[0] == 0).then_some((Meaning::Nothing, 1))
}

/// Escapes of JSON, JavaScript, Rust and C.
fn backslash(text: &[u8]) -> Option<(Meaning, usize)> {
    let [b'\\', kind, rest @ ..] = text else {
        return None;
    };
    let byte = |byte| Some((Meaning::Byte(byte), 2));
    match kind {
        b'"' | b'\\' | b'/' | b'\'' => byte(*kind),
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'b' => byte(8),
        b'f' => byte(12),
        b'x' => Some((Meaning::Byte(number(rest.get(..2)?, 16)? as u8), 4)),
        b'u' if rest.first() == Some(&b'{') => {
            let digits = rest[1..].iter().take(7).position(|byte| *byte == b'}')?;
            let letter = char::from_u32(number(&rest[1..=digits], 16)?)?;
            Some((Meaning::Letter(letter), digits + 4))
        }
        b'u' => {
            let unit = number(rest.get(..4)?, 16)?;
            if let Some(letter) = char::from_u32(unit) {
                return Some((Meaning::Letter(letter), 6));
            }
            let low = match rest.get(4..10)? {
                [b'\\', b'u', digits @ ..] => number(digits, 16)?,
                _ => return None,
            };
            let units = [u16::try_from(unit).ok()?, u16::try_from(low).ok()?];
            let letter = char::decode_utf16(units).next()?.ok()?;
            Some((Meaning::Letter(letter), 12))
        }
        _ => None,
    }
}

/// Character references of XML and HTML.
fn entity(text: &[u8]) -> Option<(Meaning, usize)> {
    if text[0] != b'&' {
        return None;
    }
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let letter = match &text[1..end] {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some((Meaning::Letter(letter), end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

/// A run of letters that each stand for some bits, with their places.
type Run = Vec<(u8, u32)>;

fn runs(text: &[u8], shortest: usize, value: fn(u8) -> Option<u8>, folded: bool) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut run = Run::new();
    for (at, byte) in text.iter().enumerate() {
        match value(*byte) {
            Some(value) => run.push((value, at as u32)),
            // Base64 of mail and PEM is folded into lines.
            None if folded && matches!(byte, b'\r' | b'\n') => {}
            None => {
                if run.len() >= shortest {
                    runs.push(std::mem::take(&mut run));
                }
                run.clear();
            }
        }
    }
    if run.len() >= shortest {
        runs.push(run);
    }
    runs
}

/// The bytes that runs stand for, from their letter `offset` on, `width` bits a letter.
fn decoded(runs: &[Run], offset: usize, width: u32) -> View {
    let mut view = View::default();
    for run in runs {
        let (mut bits, mut count) = (0_u32, 0);
        for (index, (value, at)) in run.iter().enumerate().skip(offset) {
            bits = bits << width | u32::from(*value);
            count += width;
            if count >= 8 {
                count -= 8;
                // A byte of base64 is spread over two letters, one of hexadecimal too.
                let start = run[index - 1].1 as usize;
                view.push((bits >> count) as u8, start..*at as usize + 1);
                bits &= (1 << count) - 1;
            }
        }
        view.push(SEPARATOR, 0..0);
    }
    view
}

fn hex_value(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

/// Both alphabets at once.
fn base64_value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}
