use proptest::prelude::*;

use super::*;

#[test]
fn what_is_empty_vanishes_with_its_name() {
    let mut output = Writer::default();
    let document = output.open_document();
    let outer = output.open("outer");
    let inner = output.open_array("inner");
    assert!(!output.close_array(inner));
    assert!(!output.close(outer));
    output.member_number("n", u64::MAX);
    assert!(output.close(document));
    assert_eq!(
        output.finish(),
        (r#"{"n":18446744073709551615}"#.to_owned(), false)
    );
}

#[test]
fn a_list_has_each_item_once_and_no_empty_one() {
    let mut output = Writer::default();
    output.member_list("list", &[b"a", b"", b"b", b"a"]);
    output.member_list("none", &[b"", b""]);
    assert_eq!(output.written(), br#""list":["a","b"]"#);
}

proptest! {
    #[test]
    fn escaped_text_means_what_was_given(text in r#"([a-z]{0,20}|["\\\x00-\x1f]|é|😀){0,40}"#) {
        let mut output = Writer::default();
        output.string(text.as_bytes());
        let (json, replaced) = output.finish();
        prop_assert!(!replaced);
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
