//! GUIDs: those that operators write, and new ones.

use crate::http::Platform;

/// A GUID in its usual form, in lower case; None for anything else.
pub fn parse(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split('-').collect();
    let right = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    right.then(|| text.to_ascii_lowercase())
}

/// A random GUID (version 4).
pub fn random(world: &mut dyn Platform) -> String {
    let (high, low) = (world.random(), world.random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_come_out_in_lower_case() {
        let lower = "11111111-2222-3333-4444-5555aaaabbbb";
        assert_eq!(parse(&lower.to_uppercase()).as_deref(), Some(lower));
        for text in [
            "",
            "11111111222233334444555566667777",
            "1111111g-2222-3333-4444-555566667777",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
