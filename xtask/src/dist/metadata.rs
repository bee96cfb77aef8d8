//! Says inside a component what it is. The sections are those of the WebAssembly tool conventions, which registries
//! turn into OCI annotations and `wasm-tools metadata show` prints.

use wasm_encoder::{ComponentNameSection, ComponentSection, CustomSection};

use super::package::Package;

/// The component with the package's metadata behind everything else.
/// `homepage` is where the project is published, source and documentation; nobody may know yet.
pub fn embed(
    mut component: Vec<u8>,
    package: &Package,
    homepage: Option<&str>,
    revision: Option<&str>,
) -> Vec<u8> {
    let mut name = ComponentNameSection::new();
    name.component(&package.name);
    name.append_to_component(&mut component);
    let fields = [
        ("description", Some(package.description.as_str())),
        ("licenses", Some(&package.license)),
        ("source", homepage),
        ("homepage", homepage),
        ("revision", revision),
        ("version", Some(&package.version)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            CustomSection {
                name: name.into(),
                data: value.as_bytes().into(),
            }
            .append_to_component(&mut component);
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::*;

    #[test]
    fn every_field_is_a_section_of_its_own_behind_the_component() {
        let package = Package {
            name: "source".to_owned(),
            version: "1.2.3".to_owned(),
            description: "reads".to_owned(),
            license: "Apache-2.0".to_owned(),
        };
        let empty = wasm_encoder::Component::new().finish();
        let component = embed(empty, &package, Some("https://example.com"), None);
        let found: Vec<(String, String)> = Parser::new(0)
            .parse_all(&component)
            .filter_map(|payload| match payload.unwrap() {
                Payload::CustomSection(section) if section.name() != "component-name" => Some((
                    section.name().to_owned(),
                    String::from_utf8(section.data().to_vec()).unwrap(),
                )),
                _ => None,
            })
            .collect();
        let expected = [
            ("description", "reads"),
            ("licenses", "Apache-2.0"),
            ("source", "https://example.com"),
            ("homepage", "https://example.com"),
            ("version", "1.2.3"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
