//! Other ways to read a text: with its escapes undone, its base64 or hexadecimal runs decoded. Each part of what is read so
//! knows which part of the text it came from. Nothing that is read is longer than the text.

use std::ops::Range;

/// Stands between runs, and occurs in no UTF-8 text, so that nothing is found across them.
pub(super) const SEPARATOR: u8 = 0xff;

/// A text as it is read in one way.
pub(super) struct View<'t> {
    pub(super) bytes: Vec<u8>,
    text: &'t [u8],
    /// What it was put together from, in order.
    pieces: Vec<Piece>,
    letters: Option<Alphabet>,
}

/// Bytes of a view that follow each other, and where they came from: a stretch that is the same in the text, what an escape
/// stands for, or a run of letters.
struct Piece {
    at: usize,
    from: usize,
    /// Of an escape; 0 otherwise.
    length: usize,
}

impl<'t> View<'t> {
    fn of(text: &'t [u8], letters: Option<Alphabet>) -> Self {
        Self {
            bytes: Vec::with_capacity(text.len()),
            text,
            pieces: Vec::new(),
            letters,
        }
    }

    fn begin(&mut self, from: usize, length: usize) {
        let at = self.bytes.len();
        self.pieces.push(Piece { at, from, length });
    }

    /// What part of the text a part of the view, which is not empty, came from.
    pub(super) fn origin(&self, part: &Range<usize>) -> Range<usize> {
        self.origin_of(part.start).start..self.origin_of(part.end - 1).end
    }

    fn origin_of(&self, byte: usize) -> Range<usize> {
        // The first piece begins with the view.
        let piece = &self.pieces[self.pieces.partition_point(|piece| piece.at <= byte) - 1];
        let offset = byte - piece.at;
        match self.letters {
            Some(letters) => letters.origin_of(self.text, piece.from, offset),
            None if piece.length == 0 => piece.from + offset..piece.from + offset + 1,
            None => piece.from..piece.from + piece.length,
        }
    }
}

/// Every way to read `text` that differs from reading it as it is, but for what comes to fewer than `shortest` bytes.
pub(super) fn all<'t>(text: &'t [u8], shortest: usize, mut each: impl FnMut(View<'t>)) {
    let mut each = |view: View<'t>| {
        if view.bytes.len() >= shortest {
            each(view);
        }
    };
    for escapes in ESCAPES {
        if memchr::memchr(escapes.needed, text).is_some() {
            each(unescaped(text, escapes));
        }
    }
    for alphabet in [BASE64, HEX] {
        let runs = alphabet.runs(text, shortest);
        for offset in 0..if runs.is_empty() { 0 } else { alphabet.offsets } {
            each(decoded(text, &runs, offset, alphabet));
        }
    }
}

/// One kind of escapes.
struct Escapes {
    /// A text without this byte is read as it is.
    needed: u8,
    /// What an escape begins with: one of these.
    leads: [u8; 2],
    read: Escape,
}

const ESCAPES: &[Escapes] = &[
    Escapes::new(b'%', b'%', percent),
    Escapes::new(b'+', b'%', form),
    Escapes::new(b'\\', b'\\', backslash),
    Escapes::new(b'&', b'&', entity),
    // UTF-16 of what is mostly ASCII, in either order of bytes.
    Escapes::new(0, 0, nul),
];

impl Escapes {
    const fn new(needed: u8, other: u8, read: Escape) -> Self {
        Self {
            needed,
            leads: [needed, other],
            read,
        }
    }
}

/// What an escape at the beginning of a text stands for, and its length; none if there is no escape.
type Escape = fn(&[u8]) -> Option<(Meaning, usize)>;

enum Meaning {
    Nothing,
    Byte(u8),
    Letter(char),
}

fn unescaped<'t>(text: &'t [u8], escapes: &Escapes) -> View<'t> {
    let mut view = View::of(text, None);
    let (mut copied, mut at) = (0, 0);
    let mut copy = |view: &mut View, until: usize, next: usize| {
        if copied < until {
            view.begin(copied, 0);
            view.bytes.extend_from_slice(&text[copied..until]);
        }
        copied = next;
    };
    while let Some(lead) = memchr::memchr2(escapes.leads[0], escapes.leads[1], &text[at..]) {
        at += lead;
        let Some((meaning, length)) = (escapes.read)(&text[at..]) else {
            at += 1;
            continue;
        };
        copy(&mut view, at, at + length);
        view.begin(at, length);
        match meaning {
            Meaning::Nothing => {}
            Meaning::Byte(byte) => view.bytes.push(byte),
            Meaning::Letter(letter) => {
                let mut buffer = [0; 4];
                view.bytes
                    .extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
            }
        }
        at += length;
    }
    copy(&mut view, text.len(), text.len());
    view
}

fn percent(text: &[u8]) -> Option<(Meaning, usize)> {
    match text {
        [b'%', high, low, ..] => Some((Meaning::Byte(HEX.value(*high)? << 4 | HEX.value(*low)?), 3)),
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

/// Letters that each stand for some bits.
#[derive(Clone, Copy)]
struct Alphabet {
    /// By letter; [`NONE`] for what is none.
    values: &'static [u8; 256],
    /// Bits of a letter.
    width: u32,
    /// Shorter runs hold no secret worth the name.
    shortest: usize,
    /// Letters in which a byte can begin.
    offsets: usize,
    /// Whether line ends stand between letters: base64 of mail and PEM is folded.
    folded: bool,
}

const NONE: u8 = 0xff;

/// Both alphabets at once.
const BASE64: Alphabet = Alphabet {
    values: &values(&[
        (b'A', b'Z', 0),
        (b'a', b'z', 26),
        (b'0', b'9', 52),
        (b'+', b'+', 62),
        (b'-', b'-', 62),
        (b'/', b'/', 63),
        (b'_', b'_', 63),
    ]),
    width: 6,
    shortest: 6,
    offsets: 4,
    folded: true,
};

const HEX: Alphabet = Alphabet {
    values: &values(&[(b'0', b'9', 0), (b'A', b'F', 10), (b'a', b'f', 10)]),
    width: 4,
    shortest: 8,
    offsets: 2,
    folded: false,
};

/// The values of ranges of letters, from the first letter's on.
const fn values(ranges: &[(u8, u8, u8)]) -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut index = 0;
    while index < ranges.len() {
        let (first, last, value) = ranges[index];
        let mut letter = first;
        while letter <= last {
            values[letter as usize] = value + (letter - first);
            letter += 1;
        }
        index += 1;
    }
    values
}

impl Alphabet {
    fn value(self, byte: u8) -> Option<u8> {
        Some(self.values[usize::from(byte)]).filter(|value| *value != NONE)
    }

    fn folds(self, byte: u8) -> bool {
        self.folded && matches!(byte, b'\r' | b'\n')
    }

    /// Where in a text runs of letters are that stand for `bytes` bytes at least. Most of what is no such run is not looked at:
    /// a run of so many letters has one of them at each so many-th place of the text.
    fn runs(self, text: &[u8], bytes: usize) -> Vec<Range<usize>> {
        let shortest = self.shortest.max((bytes * 8).div_ceil(self.width as usize));
        let is_part = |byte: &u8| self.values[usize::from(*byte)] != NONE || self.folds(*byte);
        let mut runs = Vec::new();
        let mut done = 0;
        let mut probe = shortest - 1;
        while let Some(byte) = text.get(probe) {
            if !is_part(byte) {
                probe += shortest;
                continue;
            }
            let before = text[done..probe]
                .iter()
                .rev()
                .take_while(|byte| is_part(byte))
                .count();
            let behind = text[probe..].iter().take_while(|byte| is_part(byte)).count();
            let run = probe - before..probe + behind;
            let letters = text[run.clone()]
                .iter()
                .filter(|byte| self.value(**byte).is_some())
                .count();
            if letters >= shortest {
                runs.push(run.clone());
            }
            done = run.end;
            probe = run.end + shortest;
        }
        runs
    }

    /// The letters from a place on that a byte is spread over: the one that completes it, and the one before.
    fn origin_of(self, text: &[u8], from: usize, byte: usize) -> Range<usize> {
        let completing = (byte * 8 + 7) / self.width as usize;
        let places = (from..text.len()).filter(|place| self.value(text[*place]).is_some());
        let mut places = places.skip(completing - 1);
        match (places.next(), places.next()) {
            (Some(first), Some(last)) => first..last + 1,
            // What stands between runs.
            _ => from..from,
        }
    }
}

/// The bytes that runs stand for, from their letter `offset` on.
fn decoded<'t>(text: &'t [u8], runs: &[Range<usize>], offset: usize, alphabet: Alphabet) -> View<'t> {
    let mut view = View::of(text, Some(alphabet));
    for run in runs {
        let (mut bits, mut count) = (0_u32, 0);
        let letters = run
            .clone()
            .filter_map(|place| alphabet.value(text[place]).map(|value| (place, value)));
        for (index, (place, value)) in letters.skip(offset).enumerate() {
            if index == 0 {
                view.begin(place, 0);
            }
            bits = bits << alphabet.width | u32::from(value);
            count += alphabet.width;
            if count >= 8 {
                count -= 8;
                view.bytes.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        view.bytes.push(SEPARATOR);
    }
    view
}
