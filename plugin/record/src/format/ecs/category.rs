use crate::facts::{Category, Facts, Phase, Verb};
use crate::json::Writer;
use crate::pattern::first_segment;

/// Writes `event.category` and `event.type`.
pub fn write(output: &mut Writer, facts: &Facts<'_>) {
    match facts.category {
        Category::Administrative | Category::Policy => {
            let kind = request_category(facts);
            output.member_list("category", &[b"api", kind.as_bytes()]);
            request_types(output, facts, kind);
        }
        Category::Autoscale => constant(output, "configuration", "change"),
        Category::Security => constant(output, "intrusion_detection", "info"),
        Category::Alert | Category::ResourceHealth if concerns_host(facts) => {
            constant(output, "host", "info")
        }
        _ => constant(output, "configuration", "info"),
    }
}

fn constant(output: &mut Writer, category: &'static str, kind: &'static str) {
    output.member_list("category", &[category.as_bytes()]);
    output.member_list("type", &[kind.as_bytes()]);
}

/// What a request is about besides the API itself, by the provider of its operation.
fn request_category(facts: &Facts<'_>) -> &'static str {
    if facts.privileged_identity {
        return "iam";
    }
    let operation = &facts.operation.lower;
    let (provider, rest) = first_segment(operation);
    let (kind, _) = first_segment(rest.unwrap_or_default());
    match provider {
        b"microsoft.authorization" => match kind {
            b"locks" => "configuration",
            _ if kind.starts_with(b"polic") => "configuration",
            _ => "iam",
        },
        b"microsoft.managedidentity" => "iam",
        b"microsoft.network" | b"microsoft.classicnetwork" => "network",
        _ => "configuration",
    }
}

fn concerns_host(facts: &Facts<'_>) -> bool {
    let provider = match facts.resource.kind {
        Some(kind) => first_segment(&kind.decoded()).0.to_vec(),
        None => facts.resource.provider().to_vec(),
    };
    [
        "Microsoft.Compute",
        "Microsoft.ClassicCompute",
        "Microsoft.HybridCompute",
    ]
    .iter()
    .any(|name| provider.eq_ignore_ascii_case(name.as_bytes()))
}

fn request_types(output: &mut Writer, facts: &Facts<'_>, kind: &str) {
    let verb = match facts.operation.verb {
        _ if facts.audited() => "info",
        Verb::Write if facts.http_status == Some(201) => "creation",
        Verb::Write | Verb::Act => "change",
        Verb::Delete => "deletion",
        Verb::Read | Verb::Fetch => "access",
        Verb::Other => "info",
    };
    let phase = match facts.phase {
        Some(Phase::Start) => "start",
        Some(Phase::End) => "end",
        Some(Phase::Accepted) | None => "",
    };
    let admin = if kind == "iam" { "admin" } else { "" };
    let denied = if facts.denied() { "denied" } else { "" };
    output.member_list("type", &[verb, admin, phase, denied].map(str::as_bytes));
}
