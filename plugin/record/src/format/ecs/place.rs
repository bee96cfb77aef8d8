use crate::facts::{Category, Facts};
use crate::format::security;
use crate::json::Writer;
use crate::record::Record;

/// The clusters of Kubernetes: what their operations begin with, and the segment before their name.
const CLUSTERS: [(&[u8], &[u8]); 2] = [
    (b"microsoft.containerservice/managedclusters/", b"managedclusters"),
    (b"microsoft.kubernetes/connectedclusters/", b"connectedclusters"),
];

/// Writes `host` and `orchestrator`, where there is no doubt about them: the name of a resource is not always that of the
/// machine.
#[inline(never)]
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    if facts.category == Category::Security {
        let host = output.open("host");
        output.member("name", security::host(record));
        output.close(host);
    }
    let operation = facts.operation.lower.as_slice();
    let cluster = CLUSTERS.iter().find(|(start, _)| operation.starts_with(start));
    if let Some(name) = cluster.and_then(|(_, segment)| facts.resource.behind(segment)) {
        let orchestrator = output.open("orchestrator");
        output.constant("type", "kubernetes");
        let cluster = output.open("cluster");
        output.member_bytes("name", &name);
        output.close(cluster);
        output.close(orchestrator);
    }
}
