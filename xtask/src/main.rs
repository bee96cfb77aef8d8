//! `cargo xtask …`: everything a developer or a newcomer does with this repository.

mod bench;
mod build;
mod cargo;
mod circles;
mod collectors;
mod component;
mod contract;
mod demo;
mod dist;
mod docs;
mod fuzz;
mod strip;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, demo, test and measure Headwater.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the components and the host in release.
    Build {
        /// The components only.
        #[arg(long)]
        components: bool,
        /// Also what other collectors load: libheadwater, the plugin for Fluent Bit and, where Go is installed, an OpenTelemetry
        /// Collector with the receiver.
        #[arg(long, conflicts_with = "components")]
        collectors: bool,
    },
    /// Run the real host with the real component against the bundled fake Azure, and show what comes out.
    Demo,
    /// Check formatting and lints and run every test.
    Test,
    /// Make what a release consists of, in `dist/`.
    Dist(dist::Options),
    /// Make a site of the documentation, with a search.
    Docs,
    /// Write the page of the documentation that is made from the contract.
    Contract,
    /// Check that no files use each other in a circle.
    Circles,
    /// Run every fuzz target.
    Fuzz {
        /// How long each of them runs.
        seconds: u64,
    },
    /// Measure, and print one JSON object per line.
    Bench {
        /// Also what VRL and Python take for the same work; needs Python 3, and compiles VRL the first time.
        #[arg(long)]
        peers: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Build {
            components,
            collectors,
        } => build::build(components, collectors),
        Task::Demo => demo::demo(),
        Task::Test => test::test(),
        Task::Dist(options) => dist::dist(&options),
        Task::Docs => docs::docs(),
        Task::Contract => contract::contract(),
        Task::Circles => circles::check(),
        Task::Fuzz { seconds } => fuzz::fuzz(seconds),
        Task::Bench { peers } => bench::bench(peers),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
