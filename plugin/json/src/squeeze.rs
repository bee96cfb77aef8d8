use crate::{Flaw, Output, Scanner};

/// Rewrites valid JSON as one line that strict readers take: blanks between tokens go, control characters in strings
/// are escaped, halves of surrogate pairs become U+FFFD. Everything else stays byte for byte.
pub fn squeeze(json: &[u8]) -> Result<Vec<u8>, Flaw> {
    let mut output = Output::default();
    let mut scanner = Scanner::new(json);
    while let Some(byte) = scanner.peek() {
        if byte == b'"' {
            output.text(scanner.string()?);
        } else {
            output.byte(byte);
            scanner.skip(1);
        }
    }
    Ok(output.written().to_vec())
}
