//! Configurations of many tenants: `include`, `[defaults]`, `{source}`.

use super::*;

const DEFAULTS: &str = r#"
include = ["tenants/*.toml"]
[defaults]
plugin = "source.wasm"
interval = "5m"
allow = ["https://one.example"]
[defaults.config]
client_secret = { file = "secrets/{source}" }
labels = { tenant = "{source}", team = "blue" }
[defaults.sink]
type = "file"
path = "out/{source}.ndjson"
"#;

/// A folder with these files.
#[expect(clippy::disallowed_methods, reason = "a test may wait")]
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load(folder: &tempfile::TempDir) -> Result<Config, ConfigError> {
    Config::load(&folder.path().join("headwater.toml"))
}

#[test]
fn a_tenant_is_its_file_above_the_defaults() {
    let folder = folder(&[
        ("headwater.toml", DEFAULTS),
        (
            "tenants/b.toml",
            "[[source]]\nname = \"b\"\ninterval = \"1m\"\nallow = [\"https://two.example\"]\nconfig.labels.team = \"red\"",
        ),
        (
            "tenants/a.toml",
            "[[source]]\nname = \"a\"\nconfig.client_secret = { env = \"A_{source}\" }\n[[source]]\nname = \"c\"\nsink = { type = \"stdout\" }",
        ),
        ("tenants/.hidden.toml", "broken"),
        ("tenants/readme.txt", "broken"),
    ]);
    let config = load(&folder).unwrap();
    assert!(config.refused.is_empty(), "{:?}", config.refused);
    let [a, c, b] = &config.sources[..] else {
        panic!("{config:?}")
    };
    let at = |name: &str| folder.path().join(name);
    assert_eq!(
        (a.name.as_str(), b.name.as_str(), c.name.as_str()),
        ("a", "b", "c")
    );
    assert_eq!(
        a.plugin,
        PluginPlace::File(at("source.wasm")),
        "paths are relative to the main file"
    );
    assert_eq!(
        a.config.json.to_string(),
        r#"{"client_secret":null,"labels":{"team":"blue","tenant":"a"}}"#
    );
    assert_eq!(
        a.config.secrets,
        [("/client_secret".to_owned(), headwater::secret::Secret::env("A_a"))]
    );
    assert_eq!(b.config.secrets[0].1.path(), Some(at("secrets/b").as_path()));
    assert_eq!(
        (a.interval, b.interval),
        (Some(Duration::from_secs(300)), Some(Duration::from_secs(60)))
    );
    assert_eq!(b.allow, ["https://two.example"]);
    assert_eq!(
        b.config.json["labels"].to_string(),
        r#"{"team":"red","tenant":"b"}"#
    );
    let file = |name: &str| SinkConfig::File {
        path: at(name),
        rotation: Default::default(),
    };
    assert_eq!(
        (&a.sink, &b.sink, &c.sink),
        (&file("out/a.ndjson"), &file("out/b.ndjson"), &SinkConfig::Stdout)
    );
    assert_eq!(config.included, [at("tenants/a.toml"), at("tenants/b.toml")]);
}

#[test]
fn what_is_wrong_with_a_file_is_named_with_the_file_and_concerns_no_other() {
    let good = "[[source]]\nname = \"good\"";
    for (name, text, expected) in [
        (
            "tenants/x.toml",
            "[[source]]\nname = \"x\"\nintervall = 1",
            "tenants/x.toml: source \"x\".intervall: unknown key; did you mean `interval`?",
        ),
        (
            "tenants/x.toml",
            "[[source]]\nname = \"Good\"",
            "tenants/x.toml: source \"Good\".name: a source of tenants/a.toml has this name",
        ),
        (
            "tenants/x.toml",
            "[[source]]\nname = \"Main\"",
            "tenants/x.toml: source \"Main\".name: a source of the main configuration has this name",
        ),
        (
            "tenants/x.toml",
            "[[source]]\nname = \"x\"\nclient = \"{\"",
            "tenants/x.toml: source \"x\".client: has a brace",
        ),
        (
            "tenants/x.toml",
            "[[source]]\n",
            "tenants/x.toml: source number 1.name: missing",
        ),
        (
            "tenants/x.toml",
            "[[source]]\nname = \"hunter2",
            "tenants/x.toml, line 2: ",
        ),
        (
            "tenants/x.toml",
            "[state]\npath = \"x\"\n[[source]]\nname = \"x\"",
            "tenants/x.toml: state: is not allowed in an included file",
        ),
        (
            "tenants/x.toml",
            "include = [\"../headwater.toml\"]\n[[source]]\nname = \"x\"",
            "tenants/x.toml: include: an included file cannot include others",
        ),
        (
            "tenants/x.toml",
            "",
            "tenants/x.toml: source: missing; add a [[source]], or remove the file",
        ),
        (
            "tenants/x.toml",
            "source = 1",
            "tenants/x.toml: source: must be a list of tables",
        ),
    ] {
        let main = format!("{DEFAULTS}\n[[source]]\nname = \"main\"");
        let folder = folder(&[("headwater.toml", &main), ("tenants/a.toml", good), (name, text)]);
        let config = load(&folder).unwrap();
        let names: Vec<_> = config.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["main", "good"], "{text}");
        let problems = config.problems();
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{text}: {problems:?}"
        );
        assert!(!problems.concat().contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn patterns_that_lead_nowhere_or_in_a_circle_are_named() {
    for (include, expected) in [
        ("nowhere/*.toml", "include: \"nowhere/*.toml\" matches no file"),
        (
            "*.toml",
            "include: \"*.toml\" leads back to the configuration itself",
        ),
        ("tenants", "include: \"tenants\" matches no file"),
        ("a[", "include: \"a[\" is not a pattern"),
    ] {
        let text = format!("include = [\"{include}\"]\n{MINIMAL}");
        let folder = folder(&[("headwater.toml", &text)]);
        let problems = match load(&folder) {
            Ok(config) => config.problems(),
            Err(error) => vec![error.to_string()],
        };
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{include}: {problems:?}"
        );
    }
}

#[test]
fn a_file_that_two_patterns_match_is_read_once() {
    let text = "include = [\"tenants/*.toml\", \"tenants/a.*\"]\n[defaults]\nplugin = \"source.wasm\"";
    let folder = folder(&[
        ("headwater.toml", text),
        ("tenants/a.toml", "[[source]]\nname = \"a\""),
    ]);
    let config = load(&folder).unwrap();
    assert_eq!((config.sources.len(), config.refused.len()), (1, 0));
}

#[test]
fn a_mistake_in_the_defaults_is_named_once_and_there() {
    let text = "[defaults]\nplugin = \"source.wasm\"\nintervall = \"1s\"\nname = \"x\"\n[[source]]\nname = \"a\"\n[[source]]\nname = \"b\"";
    let found = problems(text);
    let defaults: Vec<_> = found
        .iter()
        .filter(|problem| problem.starts_with("defaults."))
        .collect();
    assert_eq!(defaults.len(), 2, "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn no_sink_writes_into_an_included_file() {
    let folder = folder(&[
        ("headwater.toml", DEFAULTS),
        (
            "tenants/a.toml",
            "[[source]]\nname = \"a\"\nsink.path = \"tenants/b.toml\"",
        ),
        ("tenants/b.toml", "[[source]]\nname = \"b\""),
    ]);
    let config = load(&folder).unwrap();
    let problems = config.problems();
    assert!(
        problems[0].contains("is an included configuration"),
        "{problems:?}"
    );
}
