//! The header says what the code says.

use std::path::Path;

/// Set this variable to write the header instead of comparing it.
const WRITE: &str = "HEADWATER_WRITE_HEADER";

#[test]
fn the_header_is_what_the_code_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_root_or_default(folder);
    let bindings = cbindgen::Builder::new()
        .with_crate(folder)
        .with_config(config)
        .generate()
        .unwrap();
    let mut made = Vec::new();
    bindings.write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let file = folder.join("include/headwater.h");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = written
        .lines()
        .zip(made.lines())
        .find(|(written, made)| written != made);
    assert!(
        written == made,
        "include/headwater.h is not what the code says, first here: {differs:?}; write it with {WRITE}=1"
    );
}

#[test]
fn the_package_file_has_the_version_of_the_library() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("headwater.pc");
    let text = std::fs::read_to_string(file).unwrap();
    let version = format!("Version: {}", env!("CARGO_PKG_VERSION"));
    assert!(text.lines().any(|line| line == version), "{text}");
}
