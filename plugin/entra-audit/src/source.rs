//! The source, as the SDK asks for it.

use headwater_source::duration::{DAY, HOUR, MINUTE, SECOND};
use headwater_source::entra::{self, Application};
use headwater_source::{
    Call, Description, Event, Failure, Key, Law, Partition, Planning, Query, Record, Records, Source, Start,
    TimedSource, Token,
};
use serde_json::{Value, json};

use crate::config::{Config, Format};
use crate::facts::Facts;
use crate::log::Log;
use crate::{ecs, graph, page, rating, raw};

/// What Microsoft Entra keeps for a tenant with a premium licence; one without has seven days, and shows no more when asked for
/// it (Microsoft Entra data retention).
const RETENTION: u64 = 30 * DAY;

/// Where the project is published: what a release sets when it builds this; else empty, since nobody knows yet.
const HOMEPAGE: &str = match option_env!("HEADWATER_HOMEPAGE") {
    Some(address) => address,
    None => "",
};

/// The source.
#[derive(Debug)]
pub struct EntraAudit;

headwater_source::export!(component headwater_source::Timed<EntraAudit>);

impl Source for EntraAudit {
    type Config = Config;

    fn describe() -> Description {
        let summary = "The directory audit log of Microsoft Entra (users, groups, roles, applications, policies), and its sign-in log";
        Description::new("entra-audit", env!("CARGO_PKG_VERSION"), summary, HOMEPAGE)
            .formats(&Format::NAMES)
            .one_of(&["client_secret", "client_assertion"])
            .intervals(5 * MINUTE, SECOND)
            .key(
                Key::text(
                    "tenant_id",
                    "Directory (tenant) ID",
                    "GUID of the Entra tenant; on the overview of the app registration.",
                )
                .required(),
            )
            .key(
                Key::text(
                    "client_id",
                    "Application (client) ID",
                    "GUID of the app registration; on its overview.",
                )
                .required(),
            )
            .key(Key::secret(
                "client_secret",
                "Client secret",
                "The Value of a client secret, not its Secret ID. Either this or client_assertion is needed.",
            ))
            .key(Key::secret(
                "client_assertion",
                "Client assertion",
                "A JWT of another issuer that the application trusts (workload identity federation); let the host read \
                 it from its file at every poll.",
            ))
            .key(Key::shaped(
                "logs",
                "Logs",
                "Which logs are read: directoryAudits, which is the default, signIns, which needs a premium licence, or both.",
                logs_schema,
            ))
            .key(Key::shaped(
                "cloud",
                "Cloud",
                "The national cloud that the tenant is in: public (which includes GCC), us-government (GCC High), \
                 us-government-dod or china; or the endpoints of another one.",
                cloud_schema,
            ))
            .key(Key::text(
                "start",
                "Start",
                "Where the first run begins: a duration back from now, such as 24h, or an RFC 3339 time. At most 30d; \
                 default 24h.",
            ))
            .key(Key::duration(
                "lookback",
                "Look-back",
                "How late a record may become readable and is still found: so much is read again at every poll. Default \
                 1h, at most 7d.",
            ))
            .key(Key::duration(
                "window",
                "Window",
                "The longest stretch of time that one query asks for when there is much to catch up with. Default 6h, at \
                 least 1m, at most 7d.",
            ))
            .key(Key::number(
                "page_size",
                "Page size",
                "Most records on a page, at most 1000, which is the default.",
            ))
            .key(Key::shaped(
                "labels",
                "Labels",
                "Names and values that are written into every ECS event.",
                labels_schema,
            ))
    }

    fn plan(config: &Config, planning: &mut Planning) {
        config.judge(planning);
    }

    fn login(config: &Config, call: &mut Call<'_>) -> Result<Option<Token>, Failure> {
        let (Some(cloud), Some(proof)) = (config.endpoints(), config.proof()) else {
            return Err(graph::unplanned());
        };
        let application = Application {
            authority: &cloud.authority,
            tenant: &config.tenant_id,
            client: &config.client_id,
            proof,
            resource: &cloud.graph,
            resource_name: "Graph endpoint",
        };
        entra::log_in(call, &application)
    }

    /// One for each log of the tenant: nothing needs to be asked for them.
    fn partitions(config: &Config, _: &mut Call<'_>) -> Result<Vec<Partition>, Failure> {
        let tenant = config.tenant_id.to_ascii_lowercase();
        let partition = |log: Log| {
            Partition::new(format!("tenants/{tenant}/{}", log.name()), log.title())
                .attribute("cloud.provider", "azure")
                .attribute("azure.tenant.id", tenant.clone())
        };
        let logs = config.logs().ok_or_else(graph::unplanned)?;
        Ok(logs.into_iter().map(partition).collect())
    }
}

impl TimedSource for EntraAudit {
    fn law(config: &Config) -> Law {
        Law {
            start: config.start().unwrap_or(Start::Back(DAY)),
            lookback: config.lookback.unwrap_or(HOUR),
            window: config.window.unwrap_or(6 * HOUR),
            retention: RETENTION,
        }
    }

    fn fetch(
        config: &Config,
        call: &mut Call<'_>,
        partition: &str,
        query: Query<'_>,
    ) -> Result<Records, Failure> {
        let cloud = config.endpoints().ok_or_else(graph::unplanned)?;
        let log = Log::of(partition).ok_or_else(|| graph::unknown(partition))?;
        let url = match query.link {
            Some(link) => link.to_owned(),
            None => graph::first_page(&cloud, log, query.range, config.page_size()),
        };
        let answer = call.fetch(&url)?;
        if answer.status != 200 {
            return Err(graph::refusal(&answer, call.now()));
        }
        page::read(&answer.body, &cloud.graph, log)
    }

    fn event(config: &Config, partition: &str, record: &Record) -> Result<Event, String> {
        let log = Log::of(partition).ok_or("its partition is not known")?;
        let value: Value = serde_json::from_str(&record.raw).map_err(|error| error.to_string())?;
        let (Some(id), Some(time)) = (&record.id, record.time) else {
            return Err(format!("it has no id, or no {}", log.time()));
        };
        let facts = Facts::of(&value);
        let rating = match log {
            Log::DirectoryAudits => rating::rate(&facts),
            Log::SignIns => rating::rate_sign_in(&facts),
        };
        let body = match config.format {
            Format::Ecs => ecs::write(config, log, &facts, &rating, record, time).to_string(),
            Format::Raw => raw::write(&record.raw)?,
        };
        Ok(Event {
            id: id.clone(),
            time: Some(time),
            severity: rating.severity.open_telemetry(),
            attributes: Vec::new(),
            body,
        })
    }
}

fn logs_schema() -> Value {
    let items = json!({ "type": "string", "enum": Log::ALL.map(Log::name) });
    json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": items })
}

fn cloud_schema() -> Value {
    json!({ "oneOf": [
        { "type": "string", "enum": crate::cloud::PRESETS.map(|preset| preset.name) },
        {
            "type": "object",
            "required": ["authority", "graph"],
            "additionalProperties": false,
            "properties": {
                "authority": { "type": "string", "format": "uri", "title": "Login", "description": "Where tokens come from." },
                "graph": { "type": "string", "format": "uri", "title": "Microsoft Graph", "description": "Where the log is." },
            },
        },
    ] })
}

fn labels_schema() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}
