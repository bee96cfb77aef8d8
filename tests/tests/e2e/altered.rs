//! Components that no compiler made: the hostile source, altered byte by byte.

use std::path::PathBuf;

use wasm_encoder::{ComponentSection, ComponentSectionId, InstanceSection, ModuleArg, RawSection};
use wasmparser::{Parser, Payload};

use crate::artifacts;
use crate::lab;
use crate::site::{Finished, Site, Source};

/// What the added modules import.
const NO_ARGUMENTS: [(&str, ModuleArg); 0] = [];

/// Grows a table when it is instantiated, again and again.
const TABLE_BOMB: &str = r"
(module
  (table $hoard 0 funcref)
  (func $grow
    (loop $again
      (drop (table.grow $hoard (ref.null func) (i32.const 1000)))
      (br $again)))
  (start $grow))";

#[test]
fn a_table_bomb_is_defused_by_its_number_of_elements() {
    run(with_module(TABLE_BOMB))
        .exits_with(2)
        .says("it needs more than 20000 table elements");
}

#[test]
fn a_component_of_two_hundred_instances_is_refused_with_the_bound() {
    let mut component = with_module("(module)");
    let index = count_core_modules(&component) - 1;
    for _ in 0..199 {
        InstanceSection::new()
            .instantiate(index, NO_ARGUMENTS)
            .append_to_component(&mut component);
    }
    run(component)
        .exits_with(2)
        .says("at most 64 core instances")
        .says("fewer modules");
}

#[test]
fn a_component_with_a_thousand_tables_is_refused() {
    let module = format!("(module {})", "(table 0 funcref)".repeat(1_000));
    run(with_module(&module)).exits_with(2).says("table");
}

#[test]
fn a_source_for_another_version_of_the_contract_is_refused_with_both_versions() {
    for (version, remedy) in [
        (b"@0.1.0", "newer build of the plugin"),
        (b"@0.3.0", "newer host"),
        (b"@1.2.0", "newer host"),
    ] {
        let named = String::from_utf8_lossy(version);
        run(of_version(hostile(), version))
            .exits_with(2)
            .says(&format!("built for headwater:source{named}"))
            .says("serves headwater:source@0.2")
            .says(remedy);
    }
}

#[test]
fn a_source_for_a_later_version_that_is_compatible_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plugin = folder.path().join("later.wasm");
    std::fs::write(&plugin, of_version(hostile(), b"@0.2.7")).expect("the folder can be written");
    let site = Site::new(&[Source {
        plugin,
        ..Source::hostile("two-lines")
    }]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.events("mallory.ndjson").len(), 1);
}

#[test]
fn a_source_of_another_package_is_refused_with_both_names() {
    let mut component = hostile();
    replace(&mut component, b"headwater:source/", b"headwater:zource/");
    run(component)
        .exits_with(2)
        .says("exports headwater:zource")
        .says("headwater:source@0.2");
}

#[test]
fn a_component_cut_off_anywhere_is_refused() {
    let whole = hostile();
    for percent in [1, 10, 50, 90, 99] {
        run(whole[..whole.len() * percent / 100].to_vec())
            .exits_with(2)
            .says("altered.wasm");
    }
}

#[test]
fn what_takes_gigabytes_to_compile_is_refused_with_the_key_that_raises_the_bound() {
    let nested = format!(
        "(module (func {}{}))",
        "(block ".repeat(20_000),
        ")".repeat(20_000)
    );
    let loops = format!("(module (func {}))", "(loop)".repeat(100_000));
    let functions = format!("(module {})", "(func)".repeat(100_000));
    for (module, key) in [
        (nested, "compile.nesting"),
        (loops, "compile.blocks"),
        (functions, "compile.functions"),
    ] {
        run(with_module(&module))
            .exits_with(2)
            .says(key)
            .says("altered.wasm");
    }
}

#[test]
fn compiling_is_stopped_at_its_bounds() {
    let loops = with_module(&format!("(module (func {}))", "(loop)".repeat(100_000)));
    let limits = "[compile]\nblocks = 1000000\nmemory = \"256MiB\"\n";
    let finished = run_configured(limits, loops);
    finished.exits_with(2).says("256 MiB").says("compile.memory");
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[test]
fn native_code_that_is_larger_than_its_bound_is_refused_with_the_key_that_raises_it() {
    run_configured("[compile]\ncode = \"64KiB\"\n", hostile())
        .exits_with(2)
        .says("at most 65536 are compiled")
        .says("raise `compile.code`");
}

#[test]
fn damaged_native_code_is_compiled_again_and_never_run() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[cache]\npath = \"cache\"\n{configuration}"),
    );
    site.run(&["run", "--once"]).exits_with(0);
    let kept: Vec<PathBuf> = std::fs::read_dir(site.path("cache"))
        .expect("it was made")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    let [kept] = &kept[..] else {
        panic!("one plugin was compiled: {kept:?}");
    };
    let whole = std::fs::read(kept).expect("it was kept");
    for part in 1..8 {
        let mut damaged = whole.clone();
        damaged[whole.len() * part / 8] ^= 4;
        std::fs::write(kept, &damaged).expect("the folder can be written");
        site.run(&["run", "--once"])
            .exits_with(0)
            .says("it is compiled again");
        assert!(
            std::fs::read(kept).expect("it was kept") != damaged,
            "the damaged file is still there"
        );
    }
    let finished = site.run(&["run", "--once"]);
    finished.exits_with(0);
    assert!(!finished.stderr.contains("compiled again"), "{}", finished.stderr);
}

/// The hostile source as it was built.
fn hostile() -> Vec<u8> {
    std::fs::read(artifacts::hostile_source()).expect("it was built")
}

/// The hostile source, which does no harm but what was added to it.
fn run(component: Vec<u8>) -> Finished {
    run_configured("", component)
}

/// The same with further lines in front of the configuration.
fn run_configured(tables: &str, component: Vec<u8>) -> Finished {
    let mut source = Source::hostile("fetch");
    source.plugin = PathBuf::from("altered.wasm");
    let site = Site::new(&[source]);
    std::fs::write(site.path("altered.wasm"), component).expect("the temporary folder can be written");
    site.write(
        "headwater.toml",
        &format!("{tables}{}", site.read("headwater.toml")),
    );
    let finished = site.run(&["run", "--once"]);
    assert_eq!(site.read("mallory.ndjson"), "");
    finished
}

/// The hostile source with one more core module, which is instantiated after all others.
fn with_module(text: &str) -> Vec<u8> {
    let module = wat::parse_str(text).expect("the module is right");
    let mut component = hostile();
    let index = count_core_modules(&component);
    RawSection {
        id: ComponentSectionId::CoreModule.into(),
        data: &module,
    }
    .append_to_component(&mut component);
    InstanceSection::new()
        .instantiate(index, NO_ARGUMENTS)
        .append_to_component(&mut component);
    component
}

/// The core modules of a component, those of components inside it left out.
fn count_core_modules(component: &[u8]) -> u32 {
    let (mut count, mut depth) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("the component is whole") {
            Payload::ModuleSection { .. } => {
                count += u32::from(depth == 0);
                depth += 1;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    count
}

/// A component that imports one function of an interface, and nothing else.
pub fn importing(interface: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "{interface}" (instance $imported (export "get" (func))))
            (core func $get (canon lower (func $imported "get")))
            (core module $user (import "" "get" (func)))
            (core instance (instantiate $user (with "" (instance (export "get" (func $get)))))))"#
    );
    wat::parse_str(text).expect("the component is right")
}

/// A component as if it had been built for another version of the contract, written with as many characters.
pub fn of_version(component: Vec<u8>, version: &[u8; 6]) -> Vec<u8> {
    let mut altered = component;
    for interface in ["types", "descriptor", "source"] {
        let name = format!("headwater:source/{interface}");
        let to = [name.as_bytes(), version].concat();
        replace(&mut altered, format!("{name}@0.2.0").as_bytes(), &to);
    }
    altered
}

/// Writes one text over another of the same length, wherever it is.
fn replace(component: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    for at in 0..component.len() - from.len() {
        if component[at..].starts_with(from) {
            component[at..at + to.len()].copy_from_slice(to);
        }
    }
}
