mod many;

use super::table_file::parse_table;
use super::*;
use headwater::sink::Rotation;

const MINIMAL: &str = r#"
[[source]]
name = "contoso"
plugin = "source.wasm"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    let path = Path::new("/etc/headwater/headwater.toml");
    Config::judge(&parse_table(text, path)?, path, Path::new("/etc/headwater"), None)
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Err(ConfigError::Invalid { problems, .. }) => problems,
        Ok(config) if !config.refused.is_empty() => config.problems(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn little_needs_to_be_said() {
    let config = parse(MINIMAL).unwrap();
    let source = &config.sources[0];
    assert_eq!(config.state, Path::new("/etc/headwater/state.redb"));
    assert_eq!(config.listen, None);
    assert_eq!(
        source.plugin,
        PluginPlace::File("/etc/headwater/source.wasm".into())
    );
    assert_eq!(
        source.dead_letter.file(),
        Some(Path::new("/etc/headwater/contoso.dead.ndjson"))
    );
    assert_eq!(source.limits, Limits::default());
    assert_eq!(source.sink, SinkConfig::Stdout);
}

#[test]
fn everything_can_be_said() {
    let digest = "ab".repeat(32);
    let config = parse(&format!(
        r#"
        [state]
        path = "/var/lib/headwater/state.redb"
        [listen]
        address = "127.0.0.1:9598"
        [[source]]
        name = "contoso"
        plugin = "plugins/source.wasm"
        digest = "sha256:{digest}"
        interval = "5m"
        allow = ["https://login.example.com", "http://127.0.0.1:8080"]
        allow_private = true
        dead_letter = "dead.ndjson"
        [source.config]
        client_secret = {{ env = "SECRET" }}
        [source.limits]
        memory = "128MiB"
        poll_timeout = "1m"
        cpu = "20%"
        response = "16MiB"
        batch_events = 100
        [source.sink]
        type = "file"
        path = "events.ndjson"
        rotate_size = "100MiB"
        rotate_every = "24h"
        [[source]]
        name = "fabrikam"
        plugin = "/opt/source.wasm"
        "#
    ))
    .unwrap();
    let [contoso, fabrikam] = &config.sources[..] else {
        panic!("{config:?}")
    };
    assert_eq!(config.listen, "127.0.0.1:9598".parse().ok());
    assert_eq!(contoso.digest.as_ref(), Some(&digest));
    assert_eq!(contoso.interval, Some(Duration::from_secs(300)));
    assert!(contoso.allow_private && contoso.allow.iter().any(|origin| origin.contains("127.0.0.1")));
    assert_eq!(
        contoso.dead_letter.file(),
        Some(Path::new("/etc/headwater/dead.ndjson"))
    );
    assert_eq!((contoso.limits.memory, contoso.limits.cpu), (128 << 20, 20));
    assert_eq!(
        contoso.sink,
        SinkConfig::File {
            path: "/etc/headwater/events.ndjson".into(),
            rotation: Rotation {
                size: Some(100 << 20),
                every: Some(Duration::from_secs(24 * 60 * 60)),
            },
        }
    );
    assert_eq!(
        fabrikam.dead_letter.file(),
        Some(Path::new("/var/lib/headwater/fabrikam.dead.ndjson"))
    );
}

#[test]
fn every_problem_is_named_at_once() {
    let found = problems(
        r#"
        colour = "red"
        [listen]
        address = "localhost"
        [[source]]
        name = "../contoso"
        pluggin = "source.wasm"
        digest = "abc"
        interval = 300
        allow = ["example.com", "https://*.example.com"]
        [source.config]
        number = nan
        [source.limits]
        memory = "64"
        cpu = "0%"
        batch_events = 0
        speed = "fast"
        [source.sink]
        type = "file"
        rotate_size = "1B"
        rotate_every = "1s"
        "#,
    );
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn a_name_is_used_once_in_any_letter_case() {
    let found = problems(&format!("{MINIMAL}{}", MINIMAL.replace("contoso", "Contoso")));
    assert_eq!(
        found,
        [
            "source \"Contoso\".name: another source above has this name; give each a name of its own, letter case \
             does not count"
        ]
    );
}

#[test]
fn the_mistakes_of_one_source_do_not_concern_the_others() {
    let good = |name: &str| MINIMAL.replace("contoso", name);
    let nameless = MINIMAL.replace("name = \"contoso\"\n", "");
    let text = [
        good("contoso"),
        format!("{}\nintervall = \"1s\"\n", good("fabrikam")),
        good("Contoso"),
        nameless,
        good("tailspin"),
    ]
    .concat();
    let config = parse(&text).unwrap();
    let names: Vec<_> = config.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["contoso", "tailspin"]);
    let refused: Vec<_> = config
        .refused
        .iter()
        .map(|refused| refused.name.as_str())
        .collect();
    assert_eq!(
        refused,
        ["fabrikam", "Contoso (source number 3)", "(source number 4)"]
    );
    assert!(
        config
            .problems()
            .iter()
            .any(|problem| problem.contains("intervall"))
    );
}

#[test]
fn a_file_is_of_one_kind() {
    let sink = |path: &str| format!("[source.sink]\ntype = \"file\"\npath = \"{path}\"");
    let two = "/etc/headwater/x.ndjson is the file of a sink and a dead-letter file; give them two names";
    let state = "/etc/headwater/state.redb is the state file and must not be also a file for events; give it another name";
    for (lines, expected) in [
        (
            format!("dead_letter = \"x.ndjson\"\n{}", sink("x.ndjson")),
            format!("source \"contoso\".sink.path: {two}"),
        ),
        (
            sink("state.redb"),
            format!("source \"contoso\".sink.path: {state}"),
        ),
        (
            "dead_letter = \"state.redb\"".to_owned(),
            format!("source \"contoso\".dead_letter: {state}"),
        ),
        (
            sink("state.redb.begun"),
            format!(
                "source \"contoso\".sink.path: {}",
                state.replacen("redb", "redb.begun", 1)
            ),
        ),
    ] {
        assert_eq!(problems(&format!("{MINIMAL}\n{lines}")), [expected], "{lines}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn dead_letters_are_in_the_database_where_there_is_one_unless_a_source_names_a_file() {
    let with_database =
        |line: &str| format!("[state]\nurl = \"postgres://h@db.example/h\"\n{MINIMAL}\n{line}");
    for (line, place) in [
        ("", DeadLetterPlace::Database),
        ("dead_letter = {}", DeadLetterPlace::Database),
        (
            "dead_letter = \"x.ndjson\"",
            DeadLetterPlace::File {
                path: "/etc/headwater/x.ndjson".into(),
                rotation: Rotation::default(),
            },
        ),
    ] {
        let config = parse(&with_database(line)).unwrap();
        assert_eq!(config.sources[0].dead_letter, place, "{line}");
    }
    let found = problems(&with_database("dead_letter = { rotate_size = \"1MiB\" }"));
    assert_eq!(
        found,
        [
            "source \"contoso\".dead_letter: rotates a file, and dead letters are in the database of `state.url`; add `path` to \
          keep those of this source in a file of each host, or remove `dead_letter`"
        ]
    );
}

#[cfg(feature = "postgres")]
#[test]
fn a_reload_keeps_dead_letters_where_the_running_host_can_keep_them() {
    let file = "/etc/headwater/headwater.toml";
    let judge = |text: &str, running: Option<&Config>| {
        let table = parse_table(text, Path::new(file)).unwrap();
        Config::judge(&table, Path::new(file), Path::new("/etc/headwater"), running).unwrap()
    };
    let with_database = format!("[state]\nurl = \"postgres://h@db.example/h\"\n{MINIMAL}");
    let running = judge(MINIMAL, None);
    let reloaded = judge(&with_database, Some(&running));
    assert_eq!(
        reloaded.sources, running.sources,
        "the database is used after a restart"
    );
    let running = judge(&with_database, None);
    let reloaded = judge(MINIMAL, Some(&running));
    assert_eq!(reloaded.sources, running.sources);
}

#[test]
fn a_sink_that_does_not_exist_is_refused_with_those_that_do() {
    let found = problems(&format!("{MINIMAL}[source.sink]\ntype = \"kafka\""));
    assert_eq!(
        found,
        ["source \"contoso\".sink.type: `kafka` is not a sink type; use stdout, file, http, forward or otlp"]
    );
}

#[test]
fn a_login_needs_the_shared_key() {
    let sink = "[source.sink]\ntype = \"forward\"\naddress = \"localhost:24224\"\nuser = \"u\"\npassword = 7";
    assert_eq!(
        problems(&format!("{MINIMAL}{sink}")),
        [
            "source \"contoso\".sink.password: must be text, { env = \"…\" }, { file = \"…\" } or { secret = \"…\", key = \"…\" }",
            "source \"contoso\".sink.shared_key: missing; a user logs in with the receiver's shared key as well",
        ]
    );
}

#[test]
fn a_syntax_error_shows_the_line_and_not_its_secret() {
    let error = parse("[[source]]\nname = \"x\"\nclient_secret = \"hunter2\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/etc/headwater/headwater.toml, line 3: "),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_configuration_without_sources_says_that_they_are_missing() {
    for text in ["", "source = []"] {
        assert_eq!(
            problems(text),
            ["source: missing; a configuration needs at least one [[source]]"],
            "{text}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("headwater.toml");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(
        error.contains(&path.display().to_string()) && error.contains("--config"),
        "{error}"
    );
}

#[test]
fn presets_know_the_paths_and_the_keys_of_their_receivers() {
    for (lines, url, gzip) in [
        (
            "preset = \"elasticsearch\"\nurl = \"https://es.example:9200/\"\nindex = \"logs-a\"",
            "https://es.example:9200/logs-a/_bulk?filter_path=errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason",
            true,
        ),
        (
            "preset = \"elasticsearch\"\nurl = \"https://es.example\"\ndata_stream = \"logs-a.b-default\"\npipeline = \"_none\"",
            "https://es.example/logs-a.b-default/_bulk?filter_path=errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason&pipeline=_none",
            true,
        ),
        (
            "preset = \"splunk-hec\"\nurl = \"https://hec.example:8088\"\ntoken = \"x\"",
            "https://hec.example:8088/services/collector/event",
            true,
        ),
        (
            "preset = \"aisoc\"\nurl = \"https://soc.example\"\ntenant = \"t\"\nconnector_type = \"c\"",
            "https://soc.example/v1/ingest",
            false,
        ),
        (
            "preset = \"sekoia\"\nurl = \"https://intake.example\"\nintake_key = { env = \"KEY\" }",
            "https://intake.example/plain/batch",
            false,
        ),
    ] {
        let config = parse(&format!("{MINIMAL}[source.sink]\ntype = \"http\"\n{lines}")).unwrap();
        let SinkConfig::Http { endpoint, .. } = &config.sources[0].sink else {
            panic!("{config:?}")
        };
        assert_eq!((endpoint.url.to_string().as_str(), endpoint.gzip), (url, gzip));
    }
}

#[test]
fn a_login_with_client_credentials_is_read_and_its_mistakes_are_named() {
    let sink = |lines: &str| {
        format!("{MINIMAL}[source.sink]\ntype = \"http\"\nurl = \"https://soc.example/in\"\n{lines}")
    };
    let good = "max_request = \"1MB\"\noauth2 = { token_url = \"https://login.example/token\", client_id = \"me\", \
                client_secret = { env = \"SECRET\" }, scope = \"all\" }";
    let config = parse(&sink(good)).unwrap();
    let SinkConfig::Http { endpoint, .. } = &config.sources[0].sink else {
        panic!("{config:?}")
    };
    assert_eq!(endpoint.max_request, Some(1_000_000));
    let login = endpoint.oauth2.as_ref().unwrap();
    assert_eq!(
        (login.client_id.as_str(), login.scope.as_deref()),
        ("me", Some("all"))
    );
    let complete = "client_id = \"me\", client_secret = \"hunter2hunter2\"";
    for (lines, expected) in [
        ("oauth2 = {}".to_owned(), "oauth2.token_url: missing"),
        (
            format!("oauth2 = {{ token_url = \"http://login.example/\", {complete} }}"),
            "must begin with https",
        ),
        (
            format!("oauth2 = {{ token_url = \"login\", {complete} }}"),
            "must be a whole URL",
        ),
        (
            format!("oauth2 = {{ token_url = \"https://l.example/\", {complete}, tenant = \"x\" }}"),
            "unknown key",
        ),
        (
            format!("bearer = \"x\"\noauth2 = {{ token_url = \"https://l.example/\", {complete} }}"),
            "is used together with `bearer`",
        ),
        ("max_request = \"1KiB\"".to_owned(), "too small"),
        (
            "preset = \"elasticsearch\"\nindex = \"a\"\ndata_stream = \"logs-a-b\"".to_owned(),
            "is used together with `index`",
        ),
        (
            "preset = \"elasticsearch\"\ndata_stream = \"logs\"".to_owned(),
            "TYPE-DATASET-NAMESPACE",
        ),
        (
            "preset = \"elasticsearch\"\nindex = \"a\"\npipeline = \"a&b\"".to_owned(),
            "letters, digits",
        ),
    ] {
        let found = problems(&sink(&lines));
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{lines}: {found:?}"
        );
        assert!(!found.join(" ").contains("hunter2"), "{found:?}");
    }
}

#[test]
fn a_preset_names_what_it_lacks() {
    let found = problems(&format!(
        "{MINIMAL}[source.sink]\ntype = \"http\"\npreset = \"splunk-hec\"\nurl = \"https://hec.example\"\nbearer = 7"
    ));
    for key in ["token", "bearer"] {
        let named = |problem: &String| problem.contains(&format!(".sink.{key}: must be text"));
        assert!(found.iter().any(named), "{found:?}");
    }
}
