//! Takes the blanks out of the configuration's schema: they make the file readable and the component larger.

use std::path::PathBuf;

const SCHEMA: &str = "src/config/schema.json";

fn main() {
    println!("cargo::rerun-if-changed={SCHEMA}");
    let schema = std::fs::read(SCHEMA).expect("the schema is a file");
    let schema = activity_json::minify(&schema).expect("the schema is JSON");
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names it"));
    std::fs::write(folder.join("schema.json"), schema).expect("the folder can be written");
}
