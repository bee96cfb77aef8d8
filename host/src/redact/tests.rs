use super::*;

/// Letters that every spelling spells differently, at a length that base64 pads.
const SECRET: &str = "p@ss w+rd/&x=\"\\%7<é";

fn secrets() -> Redactor {
    Redactor::new([SECRET.to_owned()])
}

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            text.push(char::from(alphabet[(word >> (18 - 6 * index) & 63) as usize]));
        }
    }
    text
}

fn alphabet(last: &[u8; 2]) -> [u8; 64] {
    let mut all = [0; 64];
    let letters = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last);
    all.iter_mut()
        .zip(letters)
        .for_each(|(place, letter)| *place = letter);
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn spellings() -> Vec<String> {
    let percent = percent_encoded(SECRET);
    let all_percent: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let units: Vec<u16> = SECRET.encode_utf16().collect();
    let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
    let numbers: String = SECRET
        .chars()
        .map(|letter| format!("&#{};", u32::from(letter)))
        .collect();
    let mut spellings = vec![
        SECRET.to_owned(),
        percent.clone(),
        percent.to_lowercase().replace("%c3%a9", "%C3%a9"),
        percent.replace("%20", "+"),
        percent_encoded(&percent),
        all_percent,
        json_escaped(SECRET),
        json_escaped(&json_escaped(SECRET)),
        json_escaped(SECRET).replace('/', "\\/"),
        escapes.to_uppercase().replace("\\U", "\\u"),
        escapes,
        format!("{SECRET:?}"),
        SECRET
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;"),
        numbers,
        SECRET.replace('p', "\\u0070"),
        SECRET.replace('p', "%70"),
        hex(SECRET.as_bytes()),
        hex(SECRET.as_bytes()).to_uppercase(),
        format!("a{}", hex(SECRET.as_bytes())),
    ];
    for last in [b"+/", b"-_"] {
        for before in ["", "u:", "u"] {
            let encoded = base64(format!("{before}{SECRET}").as_bytes(), &alphabet(last));
            spellings.push(format!("Basic {encoded}=="));
            spellings.push(encoded.clone());
            spellings.push(percent_encoded(&encoded));
            spellings.push(format!("{}\n{}", &encoded[..8], &encoded[8..]));
        }
    }
    spellings
}

#[test]
fn a_secret_is_removed_in_every_usual_spelling() {
    let redactor = secrets();
    for spelling in spellings() {
        for text in [
            spelling.clone(),
            format!("before {spelling} after"),
            format!("[\"{spelling}\"]"),
        ] {
            let redacted = redactor.redact(&text);
            assert!(redacted.contains("[secret]"), "{text} became {redacted}");
            assert!(
                !redacted.contains("w+rd") && !redacted.contains("w%2"),
                "{text} became {redacted}"
            );
            assert!(redactor.is_given_away_by(text.as_bytes()), "{text}");
        }
    }
}

#[test]
fn a_secret_in_utf_16_is_removed() {
    let redactor = Redactor::new(["an-ascii-secret".to_owned()]);
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = "<an-ascii-secret>".encode_utf16().flat_map(order).collect();
        let redacted = redactor.redact_bytes(&bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&redacted).replace('\0', ""), "<[secret]>");
        let encoded = base64(&bytes, &alphabet(b"+/"));
        assert!(redactor.redact(&encoded).contains("[secret]"), "{encoded}");
    }
}

#[test]
fn what_is_beside_a_secret_stays() {
    let redactor = Redactor::new(["inner".to_owned(), "an inner secret".to_owned(), "abc".to_owned()]);
    for (text, expected) in [
        ("an inner secret", "[secret]"),
        ("the inner one", "the [secret] one"),
        ("abc is too short to be one", "abc is too short to be one"),
        ("form %69nner&x=1", "form [secret]&x=1"),
        (
            "nothing\\n &amp; %41 deadbeefdeadbeef QUJDREVGRw==",
            "nothing\\n &amp; %41 deadbeefdeadbeef QUJDREVGRw==",
        ),
    ] {
        assert_eq!(redactor.redact(text), expected, "{text}");
    }
}

#[test]
fn lines_of_a_key_are_secrets_by_themselves() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----";
    let redactor = Redactor::new([key.to_owned()]);
    assert_eq!(redactor.redact("line 9w0BAQEFAASCBKcwggSj"), "line [secret]");
    assert_eq!(redactor.redact("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
    assert_eq!(redactor.redact(key), "[secret]");
}

#[test]
fn tokens_of_a_session_are_secrets_and_guids_are_not() {
    let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
    let session = format!("1 {{\"token\":\"{token}\",\"tenant\":\"11111111-2222-3333-4444-555555555555\"}}");
    let redactor = Redactor::default().with_session(Some(session.as_bytes()));
    let text = format!("Bearer {token} of 11111111-2222-3333-4444-555555555555");
    assert_eq!(
        redactor.clean(&text),
        "Bearer [secret] of 11111111-2222-3333-4444-555555555555"
    );
    assert!(redactor.is_given_away_by(format!("1 {token}").as_bytes()));
}

#[test]
fn a_session_cannot_hide_what_the_operator_gave() {
    let redactor = Redactor::new(["the-client-secret".to_owned()]);
    let mask = format!("{}the-client", "x".repeat(40));
    let redactor = redactor.with_session(Some(mask.as_bytes()));
    assert_eq!(redactor.redact(&format!("{mask}-secret")), "[secret]");
}

#[test]
fn what_a_request_logs_in_with_is_a_secret() {
    let redactor = Redactor::default().with_credentials(["Bearer abcdefgh12345678".to_owned()]);
    assert_eq!(
        redactor.redact("got abcdefgh12345678 from Bearer"),
        "got [secret] from Bearer"
    );
}

#[test]
fn names_are_not_refused_for_values_that_name_things() {
    let guid = "11111111-2222-3333-4444-555555555555";
    let redactor = Redactor::new([
        guid.to_owned(),
        "https://example.com".to_owned(),
        "short12".to_owned(),
    ]);
    let id = format!("subscriptions/{guid}/https://example.com/short12");
    assert!(!redactor.is_given_away_by(id.as_bytes()));
    assert_eq!(redactor.redact(&id), "subscriptions/[secret]/[secret]/[secret]");
}

#[test]
fn terminal_escapes_and_line_ends_lose_their_power() {
    let cleaned = Redactor::default().clean("a\u{1b}[2Jb\r\nc\u{202e}d\u{9b}e\0\u{2028}\u{200b}");
    assert_eq!(cleaned, "a\u{fffd}[2Jb  c\u{fffd}d\u{fffd}e\u{fffd} \u{fffd}");
}

#[test]
fn a_long_text_is_cut_and_no_secret_with_it() {
    let redactor = secrets();
    assert_eq!(
        redactor.clean(&"x".repeat(1 << 20)).chars().count(),
        LONGEST_TEXT + 1
    );
    // A secret over the cut is found whole, and much that is redacted does not bring the cut into view.
    for length in SHOWN_BYTES - 30..SHOWN_BYTES {
        let text = format!(
            "{}{SECRET}",
            "\u{10000}".repeat(length / 4) + &"x".repeat(length % 4)
        );
        assert!(!redactor.clean(&text).contains("p@s"), "{length}");
    }
    let text = SECRET.repeat(10_000);
    assert_eq!(redactor.clean(&text), "[secret]…");
}

#[test]
fn secrets_are_found_over_the_borders_of_windows() {
    let redactor = secrets();
    for offset in [WINDOW - 5, WINDOW, 2 * WINDOW - 1, 3 * WINDOW - 20] {
        let mut text = vec![b'-'; 4 * WINDOW];
        text.splice(offset..offset + SECRET.len(), SECRET.bytes());
        let redacted = redactor.redact_bytes(&text).unwrap();
        assert_eq!(
            redacted.len(),
            text.len() - SECRET.len() + REPLACEMENT.len(),
            "{offset}"
        );
    }
}

#[test]
fn the_work_does_not_grow_with_the_number_of_secrets() {
    // A hundred thousand words against megabytes of text: with a search for each word this would take hours.
    let words: String = (0..1_500).map(|number| format!("{number:044} ")).collect();
    let redactor = Redactor::default().with_session(Some(words.as_bytes()));
    let text = format!("{:044} ", 1_499).repeat(20_000);
    let redacted = redactor.redact_bytes(text.as_bytes()).unwrap();
    assert_eq!(redacted.len(), 20_000 * (REPLACEMENT.len() + 1));
}

#[test]
fn many_texts_together_give_away_what_one_of_them_does() {
    let redactor = Redactor::new([SECRET.to_owned(), "another secret of many letters".to_owned()]);
    let harmless = |number: usize| format!("{number:08x}-0000-4000-8000-00000000e7e7");
    let gives_away = |texts: &[String]| redactor.is_given_away_by_any(texts.iter().map(String::as_bytes));
    let mut texts: Vec<String> = (0..1_000).map(harmless).collect();
    assert!(!gives_away(&texts));
    for spelling in spellings() {
        for place in [0, 226, 227, 228, 999] {
            let before = std::mem::replace(&mut texts[place], spelling.clone());
            assert!(gives_away(&texts), "{spelling} at {place}");
            texts[place] = before;
        }
    }
    // Two halves are no secret.
    let (first, second) = SECRET.split_at(9);
    assert!(!gives_away(&[first.to_owned(), second.to_owned(), harmless(1)]));
}
