use crate::{Scanner, Writer};

/// Rewrites valid JSON as one line that strict readers take: blanks between tokens go, control characters in strings
/// are escaped, halves of surrogate pairs become U+FFFD. Everything else stays byte for byte. None for what is not valid.
pub fn minify(json: &[u8]) -> Option<Vec<u8>> {
    let mut output = Writer::default();
    let mut scanner = Scanner::new(json);
    while let Some(byte) = scanner.peek() {
        if byte == b'"' {
            output.text(scanner.string()?);
        } else {
            output.byte(byte);
            scanner.skip(1);
        }
    }
    Some(output.written().to_vec())
}
