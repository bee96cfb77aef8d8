//! `cargo xtask contract`: the contract as a page of the documentation, made from the WIT and its comments.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use wit_parser::{
    Docs, Function, Interface, InterfaceId, Record, Resolve, Type, TypeDef, TypeDefKind, World, WorldItem,
};

use crate::cargo::root;

const PREFACE: &str = "\
A source and a host know each other by one file, [`wit/source.wit`](../wit/source.wit). This page is made from it by
`cargo xtask contract`, and a test keeps them the same. [Write a source](write-a-source.md) and [embed a
source](embed.md) show the two sides at work; [`headwater conformance`](conformance.md) examines whether a source keeps it.
";

/// Writes `docs/contract.md`.
pub fn contract() -> Result<()> {
    let path = path();
    fs::write(&path, page()?).with_context(|| format!("cannot write {}", path.display()))
}

fn path() -> PathBuf {
    root().join("docs/contract.md")
}

fn page() -> Result<String> {
    let mut resolve = Resolve::default();
    let (id, _) = resolve.push_dir(root().join("wit"))?;
    let package = &resolve.packages[id];
    let page = Page { resolve: &resolve };

    let mut text = format!("# The contract\n\n{PREFACE}\nIts name is `{}`.\n", package.name);
    text += &deepened(&package.docs);
    for &world in package.worlds.values() {
        text += &page.world(&resolve.worlds[world]);
    }
    for &interface in package.interfaces.values() {
        text += &page.interface(&resolve.interfaces[interface]);
    }
    Ok(text)
}

struct Page<'a> {
    resolve: &'a Resolve,
}

impl Page<'_> {
    fn world(&self, world: &World) -> String {
        let mut text = format!("\n## World `{}`\n{}", world.name, deepened(&world.docs));
        let interfaces = |items: &mut dyn Iterator<Item = &WorldItem>| -> Vec<String> {
            let names = items.filter_map(|item| match item {
                WorldItem::Interface { id, .. } => self.named(*id),
                _ => None,
            });
            names.collect()
        };
        for (does, names) in [
            ("imports", interfaces(&mut world.imports.values())),
            ("exports", interfaces(&mut world.exports.values())),
        ] {
            if !names.is_empty() {
                let _ = writeln!(text, "\nIt {does} {}.", names.join(", "));
            }
        }
        text
    }

    /// An interface: a place on this page, or the full name of one that others define.
    fn named(&self, id: InterfaceId) -> Option<String> {
        let interface = &self.resolve.interfaces[id];
        let name = interface.name.as_deref()?;
        let package = interface
            .package
            .map(|package| &self.resolve.packages[package].name);
        match package {
            Some(package) if package.namespace == "wasi" => Some(format!("`wasi:{}/{name}`", package.name)),
            _ => Some(format!("[`{name}`](#interface-{name})")),
        }
    }

    /// What can be called comes before what it is called with.
    fn interface(&self, interface: &Interface) -> String {
        let name = interface.name.as_deref().unwrap_or_default();
        let mut text = format!("\n## Interface `{name}`\n{}", deepened(&interface.docs));
        for function in interface.functions.values() {
            text += &self.function(function);
        }
        for (name, &id) in &interface.types {
            text += &self.definition(name, &self.resolve.types[id]);
        }
        text
    }

    fn function(&self, function: &Function) -> String {
        let parameters = function.params.iter();
        let parameters: Vec<_> = parameters
            .map(|parameter| format!("{}: {}", parameter.name, self.ty(&parameter.ty)))
            .collect();
        let result = function
            .result
            .map(|result| format!(" -> {}", self.ty(&result)))
            .unwrap_or_default();
        let signature = format!("{}: func({}){result};", function.name, parameters.join(", "));
        format!(
            "\n### `{}`\n\n```wit\n{signature}\n```\n{}",
            function.name,
            deepened(&function.docs)
        )
    }

    /// A type that is only borrowed from another interface is told there.
    fn definition(&self, name: &str, definition: &TypeDef) -> String {
        let docs = deepened(&definition.docs);
        match &definition.kind {
            TypeDefKind::Type(Type::Id(_)) => String::new(),
            TypeDefKind::Record(record) => format!("\n### Record `{name}`\n{docs}{}", self.fields(record)),
            TypeDefKind::Enum(words) => {
                let rows = words
                    .cases
                    .iter()
                    .map(|case| format!("| `{}` | {} |\n", case.name, cell(&case.docs)));
                format!(
                    "\n### Enum `{name}`\n{docs}\n| case | meaning |\n| --- | --- |\n{}",
                    rows.collect::<String>()
                )
            }
            TypeDefKind::Variant(variant) => {
                let rows = variant.cases.iter().map(|case| {
                    let payload = case
                        .ty
                        .map(|ty| format!("({})", self.ty(&ty)))
                        .unwrap_or_default();
                    format!("| `{}{payload}` | {} |\n", case.name, cell(&case.docs))
                });
                format!(
                    "\n### Variant `{name}`\n{docs}\n| case | meaning |\n| --- | --- |\n{}",
                    rows.collect::<String>()
                )
            }
            kind => format!(
                "\n### Type `{name}`\n\n```wit\ntype {name} = {};\n```\n{docs}",
                self.kind(kind)
            ),
        }
    }

    fn fields(&self, record: &Record) -> String {
        let rows = record.fields.iter();
        let rows = rows.map(|field| {
            format!(
                "| `{}` | `{}` | {} |\n",
                field.name,
                self.ty(&field.ty),
                cell(&field.docs)
            )
        });
        format!(
            "\n| field | type | meaning |\n| --- | --- | --- |\n{}",
            rows.collect::<String>()
        )
    }

    /// A type as the WIT writes it.
    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => {
                let definition = &self.resolve.types[*id];
                definition
                    .name
                    .clone()
                    .unwrap_or_else(|| self.kind(&definition.kind))
            }
            // Rust names the simple types as WIT does, but for the capital letter.
            simple => format!("{simple:?}").to_lowercase(),
        }
    }

    fn kind(&self, kind: &TypeDefKind) -> String {
        let or_nothing = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), |ty| self.ty(ty));
        match kind {
            TypeDefKind::Type(ty) => self.ty(ty),
            TypeDefKind::List(item) => format!("list<{}>", self.ty(item)),
            TypeDefKind::Option(item) => format!("option<{}>", self.ty(item)),
            TypeDefKind::Result(result) => {
                format!("result<{}, {}>", or_nothing(&result.ok), or_nothing(&result.err))
            }
            // The contract has no others so far; one that comes is at least named.
            other => other.as_str().to_owned(),
        }
    }
}

/// A comment as paragraphs, its headings below those of the page.
fn deepened(docs: &Docs) -> String {
    let Some(comment) = &docs.contents else {
        return String::new();
    };
    let mut text = String::from("\n");
    for line in comment.trim().lines() {
        let below = if line.starts_with("# ") { "#" } else { "" };
        let _ = writeln!(text, "{below}{line}");
    }
    text
}

/// A comment on one line.
fn cell(docs: &Docs) -> String {
    let comment = docs.contents.as_deref().unwrap_or_default();
    comment
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_contract_says() {
        let written = fs::read_to_string(path()).unwrap();
        assert_eq!(
            written,
            page().unwrap(),
            "run `cargo xtask contract` and look at what changed"
        );
    }
}
