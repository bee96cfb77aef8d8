//! What an event costs from the wire to the synced file, or to a receiver that has accepted it: processor time (user and
//! system) and wall time of the whole program, from its start to its end, for each format. Beside it the loop that one would
//! write oneself. One JSON object a line.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "support/canned.rs"]
mod canned;
#[path = "support/pages.rs"]
#[expect(dead_code, reason = "other benchmarks use the rest")]
mod pages;
#[path = "support/processor.rs"]
#[expect(dead_code, reason = "other measurements use the rest")]
mod processor;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use bytes::Bytes;
use canned::{Canned, Page, RECEIVER};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use processor::Process;
use serde_json::{Value, json};
use site::{Site, Source};

/// Of a thousand records each. Fewer than the source follows in one query: this upstream answers one that is begun again with
/// nothing.
const PAGES: usize = 100;
/// The variable by which this program knows that it is the loop that one would write oneself: the upstream's address.
const PLAIN: &str = "HEADWATER_BENCH_PLAIN";

fn main() -> anyhow::Result<()> {
    if let Ok(endpoint) = std::env::var(PLAIN) {
        return plain(&endpoint);
    }
    let pages: [(&str, Page); 2] = [("varied", pages::varied), ("role-assignments", role_assignments)];
    for (name, page) in pages {
        for format in ["ecs", "elastic", "ocsf", "raw"] {
            headwater(name, page, format, "file")?;
        }
        headwater(name, page, "ecs", "http")?;
        let upstream = Canned::serve(PAGES, page)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.env(PLAIN, upstream.endpoint());
        let folder = tempfile::tempdir()?;
        command.current_dir(folder.path());
        report(name, "envelope", "plain-loop", command)?;
    }
    Ok(())
}

/// The page of the benchmark `normalize`, with identities that no other page has.
fn role_assignments(page: usize) -> Vec<u8> {
    let body = String::from_utf8(pages::role_assignments()).expect("it is made of text");
    body.replace("-00000000e7e7", &format!("-{page:08x}e7e7"))
        .into_bytes()
}

fn headwater(page_name: &str, page: Page, format: &str, sink: &str) -> anyhow::Result<()> {
    let upstream = Canned::serve(PAGES, page)?;
    let mut source = Source::azure("bench", &upstream.endpoint())
        .set("subscription_id", "\"11111111-2222-4333-8444-555555555555\"")
        .set("format", &format!("\"{format}\""))
        .set("start", "\"2d\"")
        .set("window", "\"2d\"");
    if sink == "http" {
        source.sink = format!("type = \"http\"\nurl = \"{}{RECEIVER}\"", upstream.endpoint());
    }
    let site = Site::new(&[source]);
    // Compiles the plugin, so that the cache has it.
    site.run(&["validate"]).exits_with(0);
    let mut command = site::headwater(&site.path(""));
    command
        .args(["run", "--once", "--config"])
        .arg(site.path("headwater.toml"));
    report(page_name, format, sink, command)?;
    if sink == "file" {
        let lines = site.read("bench.ndjson").lines().count();
        anyhow::ensure!(lines == PAGES * pages::RECORDS, "{lines} events came out");
    }
    Ok(())
}

/// Runs a program to its end, and prints what it took.
fn report(page: &str, format: &str, way: &str, mut command: Command) -> anyhow::Result<()> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (began, before) = (Instant::now(), children_time());
    let status = command.status()?;
    anyhow::ensure!(status.success(), "{way} failed with {status}");
    let (wall, cpu) = (began.elapsed().as_secs_f64(), children_time() - before);
    let each = |seconds: f64| seconds * 1e6 / (PAGES * pages::RECORDS) as f64;
    println!(
        r#"{{"bench":"whole-way","page":"{page}","format":"{format}","to":"{way}","cpu_us_per_event":{:.1},"wall_us_per_event":{:.1}}}"#,
        each(cpu),
        each(wall),
    );
    Ok(())
}

/// Processor time of all processes that were started here and have ended, in seconds.
fn children_time() -> f64 {
    Process::look("self").expect("it runs").ended_children
}

/// What one would write oneself: each page as a tree, a few members of each record into an envelope, a line, a synced file.
fn plain(endpoint: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let mut file = std::io::BufWriter::new(std::fs::File::create("plain.ndjson")?);
        let mut next = Some(format!(
            "{endpoint}/subscriptions/s/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01"
        ));
        while let Some(url) = next {
            let body = client.get(url.parse()?).await?.into_body().collect().await?;
            let page: Value = serde_json::from_slice(&body.to_bytes())?;
            for record in page["value"].as_array().into_iter().flatten() {
                let envelope = json!({
                    "@timestamp": record["eventTimestamp"],
                    "event": { "id": record["eventDataId"], "action": record["operationName"]["value"] },
                    "user": { "name": record["caller"] },
                    "azure": record,
                });
                serde_json::to_writer(&mut file, &envelope)?;
                file.write_all(b"\n")?;
            }
            next = page["nextLink"].as_str().map(str::to_owned);
        }
        file.into_inner()?.sync_all()?;
        Ok(())
    })
}
