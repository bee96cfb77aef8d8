//! How the shared library is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libheadwater.so");
        // The engine's handlers of signals stay installed as long as the process lives, so its code must stay as well.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
