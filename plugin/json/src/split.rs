use crate::block;
use crate::chunk::{self, WIDTH};
use crate::marks::BLOCK;
use crate::{Elements, Scanner};

impl<'a> Scanner<'a> {
    /// Splits the array that comes next into its elements, looking at strings and brackets only. A bracket that closes
    /// an outer one closes those inside it too, and one that closes nothing in its element is passed over, so that a
    /// broken element ends where it seems to.
    pub fn split(&mut self, elements: &mut Elements<'a>) -> Option<()> {
        self.expect(b'[')?;
        // A word for each block, and some for elements that end inside one.
        let blocks = self.remaining().len() / BLOCK;
        elements.stops().reserve(blocks + blocks / 16);
        loop {
            match self.peek() {
                Some(b',') => self.skip(1),
                Some(b']') => {
                    self.skip(1);
                    return Some(());
                }
                Some(_) => {
                    let start = elements.stops().len();
                    match block::container_length(self.remaining(), elements.stops()) {
                        Some(length) => {
                            elements.push_marked(&self.remaining()[..length], start);
                            self.skip(length);
                        }
                        None => elements.push(self.element()?, start),
                    }
                }
                None => return None,
            }
        }
    }

    /// Passes one element of any kind, which starts here.
    fn element(&mut self) -> Option<&'a [u8]> {
        let bytes = self.remaining();
        let mut open = Open::default();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    at = end_of_string(bytes, at + 1);
                    // Mostly the next string follows at once, behind a colon or a comma.
                    let next = bytes.get(at..).unwrap_or_default();
                    at += usize::from(!open.is_empty() && matches!(next, [b':' | b',', b'"', ..]));
                    continue;
                }
                b'{' | b'[' => open.enter(byte),
                b']' | b',' if open.is_empty() => break,
                // Belongs to nothing: goes with what stands around it, to be rejected.
                b'}' if open.is_empty() => {}
                b'}' | b']' => {
                    open.leave(byte);
                    if open.is_empty() {
                        self.skip(at + 1);
                        return Some(&bytes[..=at]);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.skip(at);
        (at < bytes.len()).then(|| bytes[..at].trim_ascii_end())
    }
}

/// The brackets open inside an element. They are counted by kind, so that a bracket that closes nothing is known at once
/// and the time stays linear whatever the input.
#[derive(Default)]
struct Open {
    brackets: Vec<u8>,
    braces: usize,
}

impl Open {
    fn is_empty(&self) -> bool {
        self.brackets.is_empty()
    }

    fn enter(&mut self, opening: u8) {
        self.brackets.push(opening);
        self.braces += usize::from(opening == b'{');
    }

    fn leave(&mut self, closing: u8) {
        let (opening, count) = match closing {
            b'}' => (b'{', self.braces),
            _ => (b'[', self.brackets.len() - self.braces),
        };
        if count == 0 {
            return;
        }
        while let Some(bracket) = self.brackets.pop() {
            self.braces -= usize::from(bracket == b'{');
            if bracket == opening {
                return;
            }
        }
    }
}

/// The position behind the string whose inside starts at `at`; the end of the input if it is not closed.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    loop {
        if let Some(piece) = chunk::at(bytes, at) {
            let stop = chunk::first_stop(piece);
            at += stop;
            if stop == WIDTH {
                continue;
            }
        }
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}
