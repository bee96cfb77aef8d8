use crate::chunk::{self, WIDTH};
use crate::{Marked, Scanner};

impl<'a> Scanner<'a> {
    /// Passes one element of an array, which starts here, whatever is wrong with it: looks at strings and brackets only. A
    /// bracket that closes an outer one closes those inside it too, and one that closes nothing in the element is passed
    /// over, so that a broken element ends where it seems to.
    #[cold]
    pub fn element(&mut self) -> Option<Marked<'a>> {
        let start = self.position();
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
                        return Some(self.marked().part(start, start + at + 1));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.skip(at);
        let end = start + bytes[..at].trim_ascii_end().len();
        (at < bytes.len()).then(|| self.marked().part(start, end))
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
