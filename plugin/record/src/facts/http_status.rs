use crate::json::{Text, bytes};

/// HTTP status words as Azure writes them, in lower case.
const WORDS: [(&str, u16); 24] = [
    ("ok", 200),
    ("created", 201),
    ("accepted", 202),
    ("nocontent", 204),
    ("badrequest", 400),
    ("unauthorized", 401),
    ("paymentrequired", 402),
    ("forbidden", 403),
    ("notfound", 404),
    ("methodnotallowed", 405),
    ("notacceptable", 406),
    ("requesttimeout", 408),
    ("conflict", 409),
    ("gone", 410),
    ("preconditionfailed", 412),
    ("requestentitytoolarge", 413),
    ("unsupportedmediatype", 415),
    ("unprocessableentity", 422),
    ("toomanyrequests", 429),
    ("internalservererror", 500),
    ("notimplemented", 501),
    ("badgateway", 502),
    ("serviceunavailable", 503),
    ("gatewaytimeout", 504),
];

/// The HTTP status of an operation: the number in the localized sub-status ("Conflict (HTTP Status Code: 409)"), else
/// what the first of `words` that is a known word or a number says.
pub fn http_status<'a>(
    localized: Option<Text<'a>>,
    words: impl IntoIterator<Item = Option<Text<'a>>>,
) -> Option<u16> {
    let numbered = localized.and_then(|text| number_after_colon(text.raw()));
    numbered.or_else(|| {
        words
            .into_iter()
            .flatten()
            .find_map(|word| of_word(&word.decoded()))
    })
}

fn number_after_colon(text: &[u8]) -> Option<u16> {
    let colon = bytes::find_last(b':', text)?;
    of_number(text[colon + 1..].strip_suffix(b")").unwrap_or(&text[colon + 1..]))
}

fn of_word(word: &[u8]) -> Option<u16> {
    let letters = super::word(word);
    let known = WORDS
        .iter()
        .find(|(name, _)| bytes::same(&letters, name.as_bytes()));
    known.map(|(_, code)| *code).or_else(|| of_number(word))
}

fn of_number(text: &[u8]) -> Option<u16> {
    let number = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    (100..600).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_win_over_words() {
        let text = |text: &'static str| (!text.is_empty()).then(|| Text::constant(text));
        for (localized, sub_status, status_code, expected) in [
            ("Conflict (HTTP Status Code: 409)", "", "", Some(409)),
            ("Created (HTTP Status Code: 201)", "Conflict", "", Some(201)),
            ("", "Forbidden", "OK", Some(403)),
            ("", "", "Created", Some(201)),
            ("", "", "404", Some(404)),
            ("", "Internal Server Error", "", Some(500)),
            ("Active", "whatever", "4040", None),
            ("Code: 12", "", "", None),
        ] {
            let found = http_status(text(localized), [text(sub_status), text(status_code)]);
            assert_eq!(found, expected, "{localized:?} {sub_status:?} {status_code:?}");
        }
    }
}
