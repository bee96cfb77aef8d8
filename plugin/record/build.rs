//! Makes the rows of the severity table of `operations.tsv`: each poll has an instance of its own, which would otherwise find
//! their lines anew. The evidence, the last column, is for people and not a part of the component.

use std::fmt::Write;
use std::path::PathBuf;

#[path = "src/severity/table/ends.rs"]
mod ends;

const TABLE: &str = "src/severity/operations.tsv";

fn main() {
    println!("cargo::rerun-if-changed={TABLE}");
    println!("cargo::rerun-if-changed=src/severity/table/ends.rs");
    let table = std::fs::read_to_string(TABLE).expect("the table is a text");
    let mut rows = String::new();
    for line in table.lines().skip(1) {
        let (row, _evidence) = line.rsplit_once('\t').expect("each row has columns");
        let pattern = row
            .split('\t')
            .nth(1)
            .expect("the second column is the operation");
        let (first, last) = ends::ends(pattern.as_bytes());
        let hash = ends::hash_of_ends(first, last);
        writeln!(rows, "Line {{ text: {row:?}, ends: {hash} }},").expect("a text takes all");
    }
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names it"));
    std::fs::write(folder.join("operations.rs"), format!("&[{rows}]")).expect("the folder can be written");
}
