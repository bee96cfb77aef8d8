use serde_json::json;

use super::*;

fn template(config: Value, secrets: &[(&str, Secret)]) -> Result<Template, Vec<Problem>> {
    let secrets: Vec<(String, Secret)> = secrets
        .iter()
        .map(|(pointer, secret)| ((*pointer).to_owned(), secret.clone()))
        .collect();
    Template::new("config", &config, &secrets)
}

#[tokio::test]
async fn a_secret_file_is_read_anew_at_every_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.txt");
    let template = template(json!({}), &[("/client_secret", Secret::file(&path))]).unwrap();
    for secret in ["first-secret", "second-secret"] {
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        let resolved = template.resolve(&[]).await.unwrap();
        assert_eq!(resolved.json, format!(r#"{{"client_secret":"{secret}"}}"#));
        assert_eq!(
            resolved.redactor.clean(&format!("got {secret}!")),
            "got [secret]!"
        );
    }
}

#[tokio::test]
async fn every_missing_secret_is_named_by_key_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let secrets = [
        ("/a", Secret::env("HEADWATER_TEST_UNSET")),
        ("/b/0", Secret::file(&nowhere)),
    ];
    let template = template(json!({ "b": [null] }), &secrets).unwrap();
    let MissingSecrets(mut missing) = template.resolve(&[]).await.unwrap_err();
    missing.sort();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].starts_with("config.a: the environment variable HEADWATER_TEST_UNSET is not set"));
    let expected = format!("config.b[0]: cannot read the secret file {}", nowhere.display());
    assert!(missing[1].starts_with(&expected), "{missing:?}");
}

#[tokio::test]
async fn a_literal_secret_is_scrubbed_and_never_debugged() {
    let config = json!({ "client_secret": "written-here", "name": "x" });
    let template = template(config, &[("/other", Secret::text("of-the-program"))]).unwrap();
    let resolved = template.resolve(&["client_secret".to_owned()]).await.unwrap();
    assert_eq!(resolved.redactor.clean("written-here"), "[secret]");
    assert_eq!(resolved.redactor.clean("of-the-program"), "[secret]");
    let shown = format!("{template:?} {resolved:?} {:?}", Secret::text("of-the-program"));
    assert!(
        !shown.contains("written-here") && !shown.contains("of-the-program"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_bound_secret_is_a_placeholder_in_the_document() {
    let origin = Origin::parse("https://login.example.com").unwrap();
    let secret = Secret::text("the-secret").bound_to(origin.clone());
    let template = template(json!({ "a": { "b": [7] } }), &[("/a/b/0", secret)]).unwrap();
    assert_eq!(template.bindings(), [("config.a.b[0]", &origin)]);
    let (one, two) = (
        template.resolve(&[]).await.unwrap(),
        template.resolve(&[]).await.unwrap(),
    );
    assert!(!one.json.contains("the-secret"), "{}", one.json);
    assert_eq!(one.json, two.json, "the placeholder lasts");
    assert_eq!(one.redactor.clean("the-secret"), "[secret]");
    assert!(
        !one.redactor.clean(&one.json).contains("hw"),
        "placeholders are nobody's business either"
    );
}

#[test]
fn a_place_that_cannot_hold_a_secret_is_refused_by_key() {
    let secret = || Secret::env("X");
    for (pointer, key) in [
        ("", "config"),
        ("client_secret", "config"),
        ("/list/2", "config.list[2]"),
        ("/list/x", "config.list[x]"),
        ("/text/a", "config.text"),
    ] {
        let config = json!({ "list": [1, 2], "text": "x" });
        let problems = template(config, &[(pointer, secret())]).unwrap_err();
        assert_eq!(problems[0].0, key, "{problems:?}");
    }
    assert!(template(json!([]), &[]).is_err());
}

#[tokio::test]
async fn members_on_the_way_to_a_secret_are_added_and_escapes_are_read() {
    let secrets = [("/a~1b/c~0d", Secret::text("first-secret"))];
    let resolved = template(json!({}), &secrets).unwrap().resolve(&[]).await.unwrap();
    assert_eq!(resolved.json, r#"{"a/b":{"c~d":"first-secret"}}"#);
}
