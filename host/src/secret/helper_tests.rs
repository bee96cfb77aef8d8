//! What helpers may do to us, natively.
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use std::time::Duration;

use super::helper::{SecretHelper, YOUNG};
use super::helper_run::{HelperSettings, run};
use super::reference::Reference;
use super::secret::Secret;

/// A helper of this shell script, which notes each run in the file `runs`.
fn helper(folder: &Path, script: &str) -> SecretHelper {
    let path = folder.join("helper");
    let text = format!(
        "#!/bin/sh\ncd {}\nrequest=$(cat)\necho \"$request\" >> runs\n{script}\n",
        folder.display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut settings = HelperSettings::new("vault", &path);
    settings.timeout = Duration::from_secs(60);
    SecretHelper::new(settings)
}

fn runs(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("runs")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn fetch(secret: &Secret) -> Result<String, String> {
    secret.reference.fetch().await.map_err(|error| error.to_string())
}

const GOOD: &str = r#"echo '{"a": {"value": "secret-of-a", "error": null}, "b": {"value": "secret-of-b"}, "c": {"value": null, "error": "no secret-of-a here"}}'"#;

#[tokio::test]
async fn one_run_brings_everything_that_is_wanted_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let helper = helper(folder.path(), GOOD);
    let (a, b) = (helper.secret("a"), helper.secret("b"));
    drop(helper.secret("nobody-wants-it"));
    let (one, other) = tokio::join!(fetch(&a), fetch(&b));
    assert_eq!(
        (one.unwrap().as_str(), other.unwrap().as_str()),
        ("secret-of-a", "secret-of-b")
    );
    assert_eq!(fetch(&a).await.unwrap(), "secret-of-a");
    assert_eq!(runs(folder.path()), [r#"{"secrets":["a","b"],"version":"1.0"}"#]);
}

#[tokio::test]
async fn what_is_not_there_is_said_and_others_are_not_concerned() {
    let folder = tempfile::tempdir().unwrap();
    let helper = helper(folder.path(), GOOD);
    let (a, c, d) = (helper.secret("a"), helper.secret("c"), helper.secret("d"));
    assert_eq!(
        fetch(&c).await.unwrap_err(),
        "the helper `vault` has no secret for the key `c`: no [secret] here"
    );
    assert!(
        fetch(&d)
            .await
            .unwrap_err()
            .contains("said nothing about the key `d`")
    );
    assert!(fetch(&a).await.is_ok());
    assert_eq!(runs(folder.path()).len(), 1);
}

#[tokio::test]
async fn whatever_it_does_is_a_sentence_without_its_words() {
    for (script, expected) in [
        (
            "echo hunter2 >&2; echo hunter2; exit 1",
            "failed (exit status: 1)",
        ),
        ("echo hunter2", "did not answer in the protocol"),
        ("echo '{\"a\": \"hunter2\"}'", "did not answer in the protocol"),
        ("kill -9 $$", "failed (signal: 9"),
        ("", "did not answer in the protocol"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let problem = fetch(&helper(folder.path(), script).secret("a"))
            .await
            .unwrap_err();
        assert!(problem.contains(expected), "{script}: {problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    let empty = tempfile::tempdir().unwrap();
    let nowhere = SecretHelper::new(HelperSettings::new("vault", empty.path().join("helper")));
    assert!(
        fetch(&nowhere.secret("a"))
            .await
            .unwrap_err()
            .contains("cannot be started")
    );
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_much_is_not_searched_for() {
    let folder = tempfile::tempdir().unwrap();
    let long = r#"long=$(head -c 70000 /dev/zero | tr '\0' x)
        printf '{"a": {"value": "%s"}, "b": {"error": "no %s here"}' $long hunter2
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do printf ', "%s": {"value": "%s"}' $i $long; done
        echo '}'"#;
    let helper = helper(folder.path(), long);
    let (a, b) = (helper.secret("a"), helper.secret("b"));
    assert_eq!(
        fetch(&a).await.unwrap_err(),
        "the helper `vault` gave 70000 bytes for the key `a`; a secret has at most 65536"
    );
    let problem = fetch(&b).await.unwrap_err();
    assert!(problem.contains("not shown"), "{problem}");
}

#[tokio::test]
async fn one_that_does_not_start_is_waited_for_and_not_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = helper(folder.path(), GOOD).settings().clone();
    settings.timeout = Duration::from_millis(50);
    let (_never, started) = tokio::sync::oneshot::channel();
    let mut starting = Some(started);
    for _ in 0..2 {
        let problem = run(&settings, &["a".to_owned()], &mut starting)
            .await
            .err()
            .unwrap();
        assert!(problem.contains("has not started within 50ms"), "{problem}");
        assert!(starting.is_some());
    }
    assert!(runs(folder.path()).is_empty());
}

#[tokio::test]
async fn one_that_hangs_is_ended_with_what_it_has_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = helper(folder.path(), "sleep 1000 & echo $! > child; wait")
        .settings()
        .clone();
    settings.timeout = Duration::from_secs(2);
    let helper = SecretHelper::new(settings);
    let secret = helper.secret("a");
    let problem = fetch(&secret).await.unwrap_err();
    assert!(problem.contains("did not answer within 2s"), "{problem}");
    // Who asks at once has the same answer without another run.
    assert_eq!(fetch(&secret).await.unwrap_err(), problem);
    assert_eq!(runs(folder.path()).len(), 1);
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let state = format!("/proc/{}/stat", child.trim());
    let is_gone = || std::fs::read_to_string(&state).map_or(true, |stat| stat.contains(") Z "));
    for _ in 0..1_000 {
        if is_gone() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_gone(), "what it had started goes on");
}

#[tokio::test]
async fn what_was_refused_or_is_old_is_fetched_again_and_an_old_one_is_better_than_none() {
    let folder = tempfile::tempdir().unwrap();
    let helper = helper(folder.path(), "cat answer");
    let answer = |value: &str| {
        let text = format!("{{\"a\": {{\"value\": \"{value}\"}}}}");
        std::fs::write(folder.path().join("answer"), text).unwrap();
    };
    let secret = helper.secret("a");
    let Reference::Helper(key) = &secret.reference else {
        unreachable!()
    };
    answer("first-secret");
    assert_eq!(fetch(&secret).await.unwrap(), "first-secret");
    answer("second-secret");
    key.refused();
    assert_eq!(fetch(&secret).await.unwrap(), "first-secret", "it is young");
    let age = |by: Duration| {
        let mut known = helper.0.known();
        known.answers.values_mut().for_each(|answer| answer.at -= by);
    };
    age(YOUNG);
    assert_eq!(
        fetch(&secret).await.unwrap(),
        "first-secret",
        "nobody has refused it"
    );
    key.refused();
    assert_eq!(fetch(&secret).await.unwrap(), "second-secret");
    age(YOUNG);
    key.refused();
    std::fs::write(folder.path().join("answer"), "garbage").unwrap();
    assert_eq!(
        fetch(&secret).await.unwrap(),
        "second-secret",
        "the helper is broken"
    );
    assert_eq!(runs(folder.path()).len(), 3);
}
