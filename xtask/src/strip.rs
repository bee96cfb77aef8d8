//! Takes what only debuggers read out of a component: names and notes of tools, at every depth.

use std::mem;

use anyhow::{Context, Result};
use wasm_encoder::{ComponentSectionId, Encode, RawSection, Section};
use wasmparser::{Encoding, Parser, Payload};

/// The component without custom sections, its own and those of everything inside it.
pub fn strip(component: &[u8]) -> Result<Vec<u8>> {
    let mut output = Vec::new();
    // What encloses the part that is being copied, outermost first.
    let mut enclosing: Vec<(Vec<u8>, ComponentSectionId)> = Vec::new();
    let mut section = ComponentSectionId::Component;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.context("the built component is damaged")?;
        match &payload {
            Payload::Version { encoding, .. } => output.extend_from_slice(match encoding {
                Encoding::Module => &wasm_encoder::Module::HEADER,
                Encoding::Component => &wasm_encoder::Component::HEADER,
            }),
            Payload::ModuleSection { .. } => {
                enclosing.push((
                    mem::take(&mut output),
                    mem::replace(&mut section, ComponentSectionId::CoreModule),
                ));
            }
            Payload::ComponentSection { .. } => {
                enclosing.push((
                    mem::take(&mut output),
                    mem::replace(&mut section, ComponentSectionId::Component),
                ));
            }
            Payload::End(_) => {
                let Some((mut outer, outer_section)) = enclosing.pop() else {
                    break;
                };
                outer.push(mem::replace(&mut section, outer_section) as u8);
                output.encode(&mut outer);
                output = outer;
            }
            Payload::CustomSection(_) => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
                    RawSection {
                        id,
                        data: &component[range],
                    }
                    .append_to(&mut output);
                }
            }
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{CustomSection, ModuleSection, NameSection, TypeSection};

    use super::*;

    #[test]
    fn custom_sections_are_gone_at_every_depth_and_nothing_else() {
        let build = |with_notes: bool| {
            let note = |name: &'static str| CustomSection {
                name: name.into(),
                data: b"note".as_slice().into(),
            };
            let mut types = TypeSection::new();
            types.ty().function([], []);
            let mut names = NameSection::new();
            names.module("inner");
            let mut module = wasm_encoder::Module::new();
            module.section(&types);
            let mut inner = wasm_encoder::Component::new();
            let mut outer = wasm_encoder::Component::new();
            if with_notes {
                module.section(&names).section(&note("producers"));
                inner.section(&note("component-name"));
                outer.section(&note("first"));
            }
            inner.section(&ModuleSection(&module));
            outer.section(&wasm_encoder::NestedComponentSection(&inner));
            outer.section(&ModuleSection(&module));
            if with_notes {
                outer.section(&note("last"));
            }
            outer.finish()
        };
        assert_eq!(strip(&build(true)).unwrap(), build(false));
    }

    #[test]
    fn a_damaged_component_is_an_error() {
        assert!(strip(b"\0asm\x0d\0\x01\0\x01\xff").is_err());
    }
}
