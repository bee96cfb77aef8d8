//! Signatures, verified by minisign itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{dist, refused, succeeded};

#[test]
#[ignore = "needs minisign"]
fn a_signature_is_valid_and_that_of_other_sums_is_not() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let minisign = |arguments: &[&str]| {
        let mut command = Command::new("minisign");
        command.args(arguments).current_dir(place).output()
    };
    // A key for this test, without a password.
    succeeded(minisign(&["-G", "-W", "-p", "key.pub", "-s", "key"]));
    let key = fs::read_to_string(place.join("key")).expect("minisign wrote it");
    let release = place.join("dist");
    succeeded(dist(&[], &release).env("HEADWATER_SIGNING_KEY", key).output());
    let verify = ["-V", "-p", "key.pub", "-m", "dist/SHA256SUMS"];
    let said = succeeded(minisign(&verify));
    assert!(said.contains("Trusted comment: headwater "), "{said}");
    append(&release.join("SHA256SUMS"), "0  something-else\n");
    assert!(refused(minisign(&verify)).contains("verification failed"));
}

fn append(file: &Path, text: &str) {
    let old = fs::read_to_string(file).expect("it is there");
    fs::write(file, old + text).expect("it can be written");
}
