//! No circle between files: whoever reads a file must not have to read, on the way, the file itself.
//!
//! An arrow goes from a file to each file whose names it uses. A module's file is the map of what lies in it, so arrows to
//! its own children do not count, and a name that it re-exports belongs to the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::visit::Visit;

use crate::cargo::root;

/// The crates whose files are checked.
const CRATES: [&str; 12] = [
    "collectors/c",
    "collectors/common",
    "collectors/fluent-bit",
    "host",
    "host/cli",
    "host/conformance",
    "plugin",
    "plugin/entra-audit",
    "plugin/json",
    "plugin/record",
    "sdk",
    "xtask",
];

/// A module's place in its crate: `egress::proxy` is `["egress", "proxy"]`.
type ModulePath = Vec<String>;

/// Fails, and names the arrows, when files use each other in a circle.
pub fn check() -> Result<()> {
    eprintln!("xtask: looking for circles between files");
    let mut report = String::new();
    for name in CRATES {
        let modules = Modules::read(&root().join(name).join("src"))?;
        for circle in circles(&modules.arrows()) {
            let _ = writeln!(report, "a circle in {name}:");
            for (from, to, names) in &circle {
                let _ = writeln!(
                    report,
                    "  {} uses {names} of {}",
                    file(name, from),
                    file(name, to)
                );
            }
        }
    }
    if report.is_empty() {
        return Ok(());
    }
    bail!("files use each other in circles; move what both need into a file below them\n{report}")
}

fn file(crate_name: &str, module: &[String]) -> String {
    match module {
        [] => format!("{crate_name}/src/lib.rs"),
        _ => format!("{crate_name}/src/{}", module.join("/")),
    }
}

/// The files of a crate.
struct Modules(BTreeMap<ModulePath, Names>);

/// What a file says about names.
#[derive(Default)]
struct Names {
    /// What `use` calls a path here, and whether others see it.
    aliases: BTreeMap<String, (Vec<String>, bool)>,
    /// Paths of more than one segment, as written.
    paths: BTreeSet<Vec<String>>,
}

impl Modules {
    fn read(source: &Path) -> Result<Self> {
        let mut modules = BTreeMap::new();
        let roots = ["lib.rs", "main.rs"].map(|root| source.join(root));
        let root = roots.into_iter().find(|root| root.exists());
        let root = root.with_context(|| format!("{} has no root", source.display()))?;
        let mut waiting = vec![(root, Vec::new())];
        while let Some((path, module)) = waiting.pop() {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let parsed =
                syn::parse_file(&text).with_context(|| format!("cannot parse {}", path.display()))?;
            for item in &parsed.items {
                let syn::Item::Mod(child) = item else { continue };
                if child.content.is_none() && !is_test(&child.attrs) {
                    let name = child.ident.to_string();
                    let child_module: ModulePath = module.iter().cloned().chain([name]).collect();
                    waiting.push((child_file(source, &child_module), child_module));
                }
            }
            let mut names = Names::default();
            names.visit_file(&parsed);
            modules.insert(module, names);
        }
        Ok(Self(modules))
    }

    /// Every arrow, with the names that make it.
    fn arrows(&self) -> BTreeMap<(ModulePath, ModulePath), BTreeSet<String>> {
        let mut arrows: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (module, names) in &self.0 {
            let used = names.aliases.values().map(|(path, _)| path).chain(&names.paths);
            for path in used {
                let Some((target, name)) = self.definition(module, path, 0) else {
                    continue;
                };
                if target != *module && !target.starts_with(module) {
                    arrows.entry((module.clone(), target)).or_default().insert(name);
                }
            }
        }
        arrows
    }

    /// The file that defines what a path means in a module, and the name in it; none for what is not in this crate.
    fn definition(&self, module: &[String], path: &[String], depth: usize) -> Option<(ModulePath, String)> {
        // Re-exports of re-exports end somewhere.
        if depth > 8 {
            return None;
        }
        let mut at: ModulePath = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module.split_last()?.1.to_vec(),
            first => {
                if let Some((alias, _)) = self
                    .0
                    .get(module)?
                    .aliases
                    .get(first)
                    .filter(|(alias, _)| alias != path)
                {
                    let whole: Vec<String> = alias.iter().chain(&path[1..]).cloned().collect();
                    return self.definition(module, &whole, depth + 1);
                }
                let child = child_of(module, first);
                self.0.contains_key(&child).then_some(child)?
            }
        };
        let mut rest = &path[1..];
        while let [next, others @ ..] = rest {
            if next == "super" {
                at.pop()?;
            } else if self.0.contains_key(&child_of(&at, next)) {
                at = child_of(&at, next);
            } else {
                return Some(self.exported(&at, rest, depth));
            }
            rest = others;
        }
        Some((at, "it".to_owned()))
    }

    /// Follows re-exports to the file that defines the first name of a path.
    fn exported(&self, module: &ModulePath, path: &[String], depth: usize) -> (ModulePath, String) {
        let own = (module.clone(), path[0].clone());
        let Some(names) = self.0.get(module) else {
            return own;
        };
        if let Some((alias, true)) = names.aliases.get(&path[0]) {
            let whole: Vec<String> = alias.iter().chain(&path[1..]).cloned().collect();
            return self.definition(module, &whole, depth + 1).unwrap_or(own);
        }
        own
    }
}

fn child_of(module: &[String], name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn child_file(source: &Path, module: &[String]) -> PathBuf {
    let place = source.join(module.join("/"));
    let alone = place.with_extension("rs");
    if alone.exists() {
        alone
    } else {
        place.join("mod.rs")
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        list.path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}

impl Visit<'_> for Names {
    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        if !is_test(&item.attrs) {
            let public = !matches!(item.vis, syn::Visibility::Inherited);
            self.add_tree(&item.tree, &mut Vec::new(), public);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string());
            self.paths.insert(segments.collect());
        }
        syn::visit::visit_path(self, path);
    }
}

impl Names {
    fn add_tree(&mut self, tree: &syn::UseTree, path: &mut Vec<String>, public: bool) {
        match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.add_tree(&part.tree, path, public);
                path.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(tree, path, public);
                }
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.add_alias(path.last().cloned(), path, public)
            }
            syn::UseTree::Name(name) => {
                let whole = child_of(path, &name.ident.to_string());
                self.add_alias(Some(name.ident.to_string()), &whole, public);
            }
            syn::UseTree::Rename(rename) => {
                let whole = child_of(path, &rename.ident.to_string());
                self.add_alias(Some(rename.rename.to_string()), &whole, public);
            }
            // What a glob brings in is seen where it is used through a path.
            syn::UseTree::Glob(_) => {}
        }
    }

    fn add_alias(&mut self, name: Option<String>, path: &[String], public: bool) {
        let Some(name) = name else { return };
        // Traits brought in only for their methods are called `_`.
        let name = if name == "_" { path.join("::") } else { name };
        self.aliases.insert(name, (path.to_vec(), public));
    }
}

/// The arrows of each circle: those between files that reach each other.
fn circles(
    arrows: &BTreeMap<(ModulePath, ModulePath), BTreeSet<String>>,
) -> Vec<Vec<(ModulePath, ModulePath, String)>> {
    let mut next: BTreeMap<&ModulePath, Vec<&ModulePath>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        next.entry(from).or_default().push(to);
    }
    let reachable = |start| {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&ModulePath> = vec![start];
        while let Some(module) = waiting.pop() {
            for to in next.get(module).into_iter().flatten() {
                if reached.insert(*to) {
                    waiting.push(to);
                }
            }
        }
        reached
    };
    let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
        next.keys().map(|module| (*module, reachable(*module))).collect();
    let together = |one, other| {
        let reaches = |from, to| {
            reached
                .get(from)
                .is_some_and(|set: &BTreeSet<_>| set.contains(to))
        };
        reaches(one, other) && reaches(other, one)
    };
    let mut found: BTreeMap<&ModulePath, Vec<(ModulePath, ModulePath, String)>> = BTreeMap::new();
    for ((from, to), names) in arrows {
        if together(from, to) {
            let first = reached[from].iter().find(|other| together(from, *other)).copied();
            let names = names.iter().cloned().collect::<Vec<_>>().join(", ");
            let circle = found.entry(first.unwrap_or(from)).or_default();
            circle.push((from.clone(), to.clone(), names));
        }
    }
    found.into_values().collect()
}
