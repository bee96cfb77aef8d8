//! What this source says of itself.

use serde_json::{Value, json};

use crate::cloud::PRESETS;
use crate::contract::{Manifest, Nanos};
use crate::cursor;
use crate::format::Format;
use crate::span::{MINUTE, SECOND};

/// Events take minutes to become readable, so that asking more often finds little.
const DEFAULT_INTERVAL: Nanos = 5 * MINUTE;
/// Below this a few sources would use up the reads that Azure grants an application.
const MINIMUM_INTERVAL: Nanos = SECOND;

/// The manifest.
pub fn manifest() -> Manifest {
    Manifest {
        name: "azure-activity".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Azure Monitor Activity Log of subscriptions and of the tenant".to_owned(),
        homepage: env!("CARGO_PKG_HOMEPAGE").to_owned(),
        config_schema: schema().to_string(),
        formats: Format::NAMES.map(str::to_owned).to_vec(),
        cursor_format: cursor::FORMAT,
        default_interval: DEFAULT_INTERVAL,
        minimum_interval: MINIMUM_INTERVAL,
    }
}

/// The configuration as JSON Schema (2020-12).
fn schema() -> Value {
    let properties = [identity(), scope(), reading(), writing()].into_iter().flatten();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Azure Activity Log",
        "description": "Reads the Azure Monitor Activity Log of one tenant's subscriptions, and of the tenant itself.",
        "type": "object",
        "required": ["tenant_id", "client_id"],
        "allOf": [
            { "oneOf": [
                { "required": ["client_secret"] },
                { "required": ["client_certificate"] },
                { "required": ["client_assertion"] }
            ] },
            { "anyOf": [
                { "required": ["subscription_id"] },
                { "required": ["tenant_log"], "properties": { "tenant_log": { "const": true } } }
            ] }
        ],
        "additionalProperties": false,
        "properties": properties.map(|(key, value)| (key.to_owned(), value)).collect::<serde_json::Map<_, _>>(),
    })
}

type Property = (&'static str, Value);

/// Who asks.
fn identity() -> Vec<Property> {
    vec![
        (
            "tenant_id",
            json!({
                "title": "Directory (tenant) ID",
                "description": "GUID or verified domain of the Entra tenant; on the overview of the app registration.",
                "type": "string"
            }),
        ),
        (
            "client_id",
            json!({
                "title": "Application (client) ID",
                "description": "GUID of the app registration; on its overview.",
                "type": "string", "format": "uuid"
            }),
        ),
        (
            "client_secret",
            json!({
                "title": "Client secret",
                "description": "The Value of a client secret, not its Secret ID. Exactly one of client_secret, client_certificate and client_assertion is needed.",
                "type": "string", "writeOnly": true
            }),
        ),
        (
            "client_certificate",
            json!({
                "title": "Client certificate",
                "description": "PEM text of the certificate and of its PKCS#8 private key.",
                "type": "string", "writeOnly": true
            }),
        ),
        (
            "client_assertion",
            json!({
                "title": "Client assertion",
                "description": "A JWT of another issuer that the application trusts (workload identity federation); let the host read it from its file at every poll.",
                "type": "string", "writeOnly": true
            }),
        ),
        (
            "cloud",
            json!({
                "title": "Cloud",
                "description": "A national cloud by name, or the two endpoints of a private one.",
                "default": "public",
                "oneOf": [
                    { "enum": PRESETS.map(|(name, _, _)| name) },
                    {
                        "type": "object",
                        "required": ["authority", "resource_manager"],
                        "additionalProperties": false,
                        "properties": {
                            "authority": {
                                "title": "Login endpoint",
                                "description": "For example https://login.microsoftonline.com.",
                                "type": "string", "format": "uri"
                            },
                            "resource_manager": {
                                "title": "Resource manager endpoint",
                                "description": "For example https://management.azure.com. Tokens are asked for with this as their scope.",
                                "type": "string", "format": "uri"
                            }
                        }
                    }
                ]
            }),
        ),
    ]
}

/// What is read.
fn scope() -> Vec<Property> {
    let guid = json!({ "type": "string", "format": "uuid" });
    let text = |title: &str, description: &str| json!({ "title": title, "description": description, "type": "string" });
    vec![
        (
            "subscription_id",
            json!({
                "title": "Subscriptions",
                "description": "One subscription GUID, a list of them, or \"*\" for every one that the application can read.",
                "oneOf": [{ "const": "*" }, guid, { "type": "array", "items": guid, "uniqueItems": true }]
            }),
        ),
        (
            "tenant_log",
            json!({
                "title": "Tenant log",
                "description": "Also read the tenant-level log, where elevateAccess appears. Needs the role Reader at /providers/Microsoft.Insights.",
                "type": "boolean", "default": false
            }),
        ),
        (
            "filter",
            json!({
                "title": "Server-side filter",
                "description": "Lets Azure return only some events. At most one key.",
                "type": "object", "additionalProperties": false, "maxProperties": 1,
                "properties": {
                    "resource_group": text("Resource group", "Name of one resource group."),
                    "resource_provider": text("Resource provider", "Namespace, for example Microsoft.Network."),
                    "resource_id": text("Resource", "Full id of one resource, beginning with /subscriptions/."),
                    "correlation_id": text("Correlation ID", "Id that the events of one operation share.")
                }
            }),
        ),
    ]
}

/// How it is read.
fn reading() -> Vec<Property> {
    vec![
        (
            "start",
            json!({
                "title": "Start",
                "description": "Where a new partition begins: now, a time back such as 24h or 7d, or an RFC 3339 instant. Azure keeps 90 days.",
                "type": "string", "default": "1h"
            }),
        ),
        (
            "lookback",
            json!({
                "title": "Look-back",
                "description": "How long after it happened an event may become readable and still be found, up to 7d; 0 turns late events off.",
                "type": "string", "default": "30m"
            }),
        ),
        (
            "window",
            json!({
                "title": "Window",
                "description": "The largest slice of time in one query while catching up.",
                "type": "string", "default": "6h"
            }),
        ),
    ]
}

/// What becomes of it.
fn writing() -> Vec<Property> {
    let rule = json!({ "type": ["string", "object"] });
    vec![
        (
            "format",
            json!({
                "title": "Format",
                "description": "The shape of event bodies.",
                "enum": Format::NAMES, "default": Format::NAMES[0]
            }),
        ),
        (
            "drop",
            json!({
                "title": "Drop rules",
                "description": "Events to leave out, counted per rule: operation patterns, or objects of operation, category, level and status of which all given parts must match. [] keeps everything.",
                "type": "array", "items": rule, "default": ["*/read"]
            }),
        ),
        (
            "severity",
            json!({
                "title": "Severity rows",
                "description": "Ratings that win over the built-in table: objects of operation, severity and, if wanted, technique.",
                "type": "array",
                "items": { "type": "object", "required": ["operation", "severity"] },
                "default": []
            }),
        ),
    ]
}
