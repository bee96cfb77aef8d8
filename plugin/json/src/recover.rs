use crate::chunk::{self, WIDTH};
use crate::{Marked, Scanner};

/// What brackets say of a container that is broken.
#[derive(Debug, PartialEq, Eq)]
pub enum ContainerEnd<'a> {
    /// It ends where they are all closed.
    Closed(Marked<'a>),
    /// One closes another of a different kind.
    Mismatched,
    /// They are not all closed.
    CutOff,
}

impl<'a> Scanner<'a> {
    /// Looks where the container that starts here ends, by its strings and brackets alone, and passes it if they match. A
    /// backslash takes the meaning from a quote also where it should not stand.
    #[cold]
    pub fn container(&mut self) -> ContainerEnd<'a> {
        let start = self.position();
        let bytes = self.remaining();
        let mut open = Open::default();
        let mut is_text = false;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\\' => at += usize::from(matches!(bytes.get(at + 1), Some(b'"' | b'\\'))),
                b'"' => is_text = !is_text,
                b'{' | b'[' if !is_text => open.enter(byte),
                b'}' | b']' if !is_text => {
                    if !open.is_left_by(byte) {
                        return ContainerEnd::Mismatched;
                    }
                    open.leave(byte);
                    if open.is_empty() {
                        self.skip(at + 1);
                        return ContainerEnd::Closed(self.marked().part(start, start + at + 1));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        ContainerEnd::CutOff
    }

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

    /// Whether `closing` closes the innermost.
    fn is_left_by(&self, closing: u8) -> bool {
        self.brackets.last() == Some(&opening(closing))
    }

    fn leave(&mut self, closing: u8) {
        let opening = opening(closing);
        let count = if opening == b'{' {
            self.braces
        } else {
            self.brackets.len() - self.braces
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

fn opening(closing: u8) -> u8 {
    if closing == b'}' { b'{' } else { b'[' }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn length_of(text: &str) -> Result<usize, ContainerEnd<'static>> {
        match Scanner::new(text.as_bytes()).container() {
            ContainerEnd::Closed(container) => Ok(container.bytes().len()),
            ContainerEnd::Mismatched => Err(ContainerEnd::Mismatched),
            ContainerEnd::CutOff => Err(ContainerEnd::CutOff),
        }
    }

    #[test]
    fn containers_end_where_their_brackets_do() {
        for (text, length) in [
            ("{}", Ok(2)),
            (r#"{"a":[1,"]}\"}"]} ,"#, Ok(17)),
            (r#"["\\",{}]]"#, Ok(9)),
            (r#"{"a":1e} x"#, Ok(8)),
            (r#"{"a",\"b\":\{}}"#, Ok(15)),
            ("[1,2", Err(ContainerEnd::CutOff)),
            (r#"{"a}"#, Err(ContainerEnd::CutOff)),
            ("{]}", Err(ContainerEnd::Mismatched)),
        ] {
            assert_eq!(length_of(text), length, "{text}");
        }
    }

    proptest! {
        #[test]
        fn containers_that_are_valid_are_never_misjudged(
            text in r#"[{\[]("(a|é|\\\\|\\"|[{}\[\]]){0,90}"|[\[\]{},:1 ]){0,40}[}\]]{0,3}"#,
        ) {
            let mut scanner = Scanner::new(text.as_bytes());
            if scanner.value().is_some() {
                prop_assert_eq!(length_of(&text), Ok(scanner.position()));
            }
        }
    }
}
