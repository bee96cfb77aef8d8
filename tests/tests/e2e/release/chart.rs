//! The chart, judged by Helm and, for what it makes, by the schemas of Kubernetes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{file, refused, succeeded};
use crate::artifacts;
use crate::site::Site;

/// The values that everybody has to give.
const REQUIRED: &str = r#"
image:
  repository: registry.example/headwater
configuration: |
  [[source]]
  name = "contoso"
  plugin = "/usr/lib/headwater/azure_activity.wasm"
  allow = ["https://login.microsoftonline.com", "https://management.azure.com"]

  [source.config]
  tenant_id = "11111111-1111-1111-1111-111111111111"
  client_id = "22222222-2222-2222-2222-222222222222"
  client_secret = { file = "/run/secrets/headwater/client-secret" }
  subscription_id = "*"
"#;

/// Everything that can be switched on.
const ALL: &str = r#"
image: { digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
imagePullSecrets: [{ name: registry }]
secrets: { client-secret: a secret }
persistence: { storageClass: fast }
env: [{ name: HTTPS_PROXY, value: "http://proxy.example:3128" }]
serviceAccount: { create: true, annotations: { azure.workload.identity/client-id: "22222222-2222-2222-2222-222222222222" } }
podLabels: { azure.workload.identity/use: "true" }
networkPolicy: { enabled: true, from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } } }] }
nodeSelector: { kubernetes.io/arch: arm64 }
tolerations: [{ key: dedicated, operator: Exists }]
affinity: { podAntiAffinity: {} }
"#;

/// The newest Kubernetes that there are schemas of.
const NEWEST: &str = "1.37.0";

const DATABASE: &str = "replicas: 3\ndatabase: { existingSecret: database }\nexistingSecret: azure\n";

#[test]
#[ignore = "needs helm"]
fn the_chart_has_nothing_that_helm_warns_of() {
    let said = succeeded(helm("lint", &["--strict"], REQUIRED).output());
    assert!(said.contains("1 chart(s) linted, 0 chart(s) failed"), "{said}");
    assert!(!said.contains("[WARNING]"), "{said}");
}

#[test]
#[ignore = "needs helm and kubeconform"]
fn what_the_chart_makes_fits_the_schemas_of_kubernetes() {
    for (values, resources) in [("", 4), (ALL, 7), (DATABASE, 3)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let manifests = folder.path().join("manifests.yaml");
        // The oldest and the newest version that there are schemas of.
        for version in ["1.25.0", NEWEST] {
            let rendered = template(values, version);
            fs::write(&manifests, &rendered).expect("the folder can be written");
            let mut command = Command::new(artifacts::target().join("recipes/bin/kubeconform"));
            command
                .args(["-strict", "-summary", "-kubernetes-version", version])
                .args(["-schema-location", &schemas(version, folder.path())])
                .arg(&manifests);
            let said = succeeded(command.output());
            let expected = format!("{resources} resources found in 1 file - Valid: {resources}, ");
            assert!(said.contains(&expected), "{said}\n{rendered}");
        }
    }
}

#[test]
#[ignore = "needs helm"]
fn the_configuration_of_the_chart_is_accepted() {
    let rendered = template("", NEWEST);
    let (_, rest) = rendered
        .split_once("  headwater.toml: |\n")
        .expect("it holds a configuration");
    let lines = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let configuration: String = lines.map(|line| format!("{}\n", line.trim_start())).collect();
    let site = Site::new(&[]);
    site.write("headwater.toml", &configuration);
    site.run(&["state", "list"]).says("there is no state file");
}

#[test]
#[ignore = "needs helm"]
fn values_that_cannot_work_are_refused_with_what_to_do() {
    for (values, words) in [
        ("image: { repository: '' }", "set image.repository"),
        ("configuration: ''", "set configuration to your [[source]] tables"),
        (
            "configuration: \"[state]\\npath = 'x'\"",
            "configuration must not have [state]",
        ),
        ("replicas: 2", "replicas above 1 need database.existingSecret"),
        (
            "existingSecret: azure\nsecrets: { client-secret: x }",
            "existingSecret and secrets exclude each other",
        ),
        ("image: { digest: latest }", "digest"),
        ("repliccas: 1", "repliccas"),
    ] {
        let said = refused(helm_template(values, NEWEST).output());
        assert!(said.contains(words), "{values}: {said}");
    }
}

#[track_caller]
fn template(values: &str, version: &str) -> String {
    succeeded(helm_template(values, version).output())
}

/// `helm template` for a version of Kubernetes with the values that everybody gives, and these.
fn helm_template(values: &str, version: &str) -> Command {
    // A Helm that Go has installed does not know of which Kubernetes it is.
    let mut command = helm("template", &["--kube-version", version, "headwater"], REQUIRED);
    command.arg("--values").arg(written(values));
    command
}

fn helm(command: &str, arguments: &[&str], values: &str) -> Command {
    let mut helm = Command::new(artifacts::target().join("recipes/bin/helm"));
    helm.arg(command)
        .args(arguments)
        .arg(file("headwater-chart-", ".tgz"))
        .arg("--values")
        .arg(written(values));
    helm
}

/// A file with these values, of this call alone.
fn written(values: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = artifacts::target().join("release-tests/values");
    fs::create_dir_all(&folder).expect("the folder can be written");
    let file = folder.join(format!("{}.yaml", COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::write(&file, values).expect("the folder can be written");
    file
}

/// The kinds that the chart can make, as the schemas are named.
const KINDS: [&str; 7] = [
    "configmap-v1",
    "deployment-apps-v1",
    "networkpolicy-networking-v1",
    "persistentvolumeclaim-v1",
    "secret-v1",
    "service-v1",
    "serviceaccount-v1",
];

/// Where kubeconform finds the schemas of a version: those of the package of Python that judges the recipe, too. They name each
/// other by addresses of that package, which are made relative here.
fn schemas(version: &str, folder: &Path) -> String {
    let packages = artifacts::target().join("recipes/lib");
    let python = fs::read_dir(&packages)
        .expect("it is installed")
        .next()
        .expect("one version of Python")
        .expect("a readable folder");
    let own = format!("v{version}-local-strict");
    let shipped = python
        .path()
        .join("site-packages/kubernetes_validate/kubernetes-json-schema")
        .join(&own);
    fs::create_dir(folder.join(&own)).expect("the folder can be written");
    for name in KINDS.iter().chain(["_definitions"].iter()) {
        let file = format!("{name}.json");
        let text = fs::read_to_string(shipped.join(&file)).expect("the package has it");
        let text = text.replace("/api/_definitions.json", "_definitions.json");
        let mut schema: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        if let Some(members) = schema.as_object_mut() {
            members.remove("$id");
        }
        fs::write(folder.join(&own).join(file), schema.to_string()).expect("the folder can be written");
    }
    format!(
        "{}/{own}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        folder.display()
    )
}
