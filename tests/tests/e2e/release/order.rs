//! What may be ordered, and what a release has in any case.

use std::fs;
use std::path::Path;

use super::{bare_dist, dist, folder, refused, succeeded};

#[test]
fn a_release_made_twice_is_the_same_bytes_and_its_sums_are_right() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let again = place.path().join("dist");
    let sums = |folder: &Path| fs::read_to_string(folder.join("SHA256SUMS")).expect("it has sums");
    if std::env::var_os("HEADWATER_DIST").is_none() {
        succeeded(dist(&["--unsigned"], &again).output());
        assert_eq!(sums(folder()), sums(&again));
    }
    let mut check = std::process::Command::new("sha256sum");
    check
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(folder());
    let checked = succeeded(check.output());
    for kind in [
        ".wasm",
        ".cdx.json",
        ".tar.gz",
        ".deb",
        "-image.tar",
        "headwater-chart-",
    ] {
        assert!(checked.contains(kind), "no {kind} in:\n{checked}");
    }
}

#[test]
fn a_release_without_a_key_or_for_another_platform_is_refused_and_an_earlier_one_stays() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let output = place.path().join("dist");
    fs::create_dir(&output).expect("the folder can be written");
    fs::write(output.join("SHA256SUMS"), "of an earlier release").expect("the folder can be written");
    let no_key = refused(bare_dist(&[], &output).output());
    assert!(no_key.contains("set HEADWATER_SIGNING_KEY"), "{no_key}");
    let no_platform = refused(bare_dist(&["--unsigned", "--platform", "windows/amd64"], &output).output());
    assert!(
        no_platform.contains("releases are made for linux/amd64 and linux/arm64 only"),
        "{no_platform}"
    );
    let nothing_built = ["--unsigned", "--prebuilt", "/nowhere"];
    let missing = refused(bare_dist(&nothing_built, &output).output());
    assert!(missing.contains("cannot read /nowhere/"), "{missing}");
    let mut damaged = bare_dist(&[], &output);
    let damaged = refused(damaged.env("HEADWATER_SIGNING_KEY", "RWQ").output());
    assert!(damaged.contains("is not a secret key of minisign"), "{damaged}");
    assert_eq!(
        fs::read_to_string(output.join("SHA256SUMS")).expect("it is there"),
        "of an earlier release"
    );
}

#[test]
fn a_folder_that_is_not_a_release_is_not_overwritten() {
    let place = tempfile::tempdir().expect("a temporary folder");
    fs::write(place.path().join("letter.txt"), "dear").expect("the folder can be written");
    let said = refused(bare_dist(&["--unsigned"], place.path()).output());
    assert!(
        said.contains("is not a release, and is not overwritten"),
        "{said}"
    );
    assert!(place.path().join("letter.txt").exists());
}
