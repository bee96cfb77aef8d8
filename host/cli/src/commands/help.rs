//! Help for people: the commands by what they are for, on lines that fit a terminal.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, before there are workers"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, FromArgMatches};

use super::{Arguments, MISUSED};
use crate::wrap::{fold, wrap};

/// Every command, in the order in which people meet them.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Begin", &["init", "check", "validate"]),
    ("Read", &["run", "status"]),
    ("What is stored", &["state", "dead-letter"]),
    ("Plugins", &["describe", "conformance"]),
    ("Shell", &["completions", "manual", "help"]),
];
/// Where plugins are looked for by somebody who does not name one: here, and where packages put them.
const PLUGIN_PLACES: [&str; 3] = [".", "/usr/lib/headwater", "/usr/local/lib/headwater"];
/// What `help` does; clap adds that command.
const HELP: &str = "Show the help of a command";

/// Reads the command line of this process, or prints what it asks for or what is wrong with it, and gives the exit code.
pub(super) fn parse() -> Result<Arguments, ExitCode> {
    let read = grouped(Arguments::command())
        .try_get_matches()
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    read.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp => {
            // A reader that has seen enough is no failure.
            let _ = super::print(&fold(&error.to_string()));
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{}", fold(&error.to_string()));
            if std::env::args_os().len() == 1 {
                eprint!("\n{}", wrap(&next_step(), 0));
            }
            ExitCode::from(MISUSED)
        }
        // Prints it, and ends with 0 for the version and 2 for mistakes.
        _ => error.exit(),
    })
}

/// What somebody does next who has given the program's name alone.
fn next_step() -> String {
    if Path::new("headwater.toml").exists() {
        return "Next: `headwater check` tests the headwater.toml of this directory, `headwater run` reads with it.".to_owned();
    }
    let plugin = PLUGIN_PLACES
        .iter()
        .find_map(|place| first_plugin(Path::new(place)));
    let plugin = plugin.map_or_else(
        || "PLUGIN, with the .wasm file of a source for PLUGIN".to_owned(),
        |file| file.display().to_string(),
    );
    format!("Next: headwater init {plugin}")
}

/// The plugin that comes first in a directory.
fn first_plugin(directory: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(directory).ok()?.flatten();
    let name = files.map(|file| file.file_name());
    let name = name.filter(|name| Path::new(name).extension() == Some("wasm".as_ref()));
    // Those of this directory without it.
    let place = if directory == Path::new(".") {
        Path::new("")
    } else {
        directory
    };
    Some(place.join(name.min()?))
}

/// The program with its commands in groups.
fn grouped(command: Command) -> Command {
    let about = |name: &str| match command.find_subcommand(name).and_then(Command::get_about) {
        Some(about) => about.to_string(),
        None => HELP.to_owned(),
    };
    let names = GROUPS.iter().flat_map(|(_, names)| names.iter());
    let width = names.map(|name| name.len()).max().unwrap_or(0);
    let mut groups = String::new();
    for (group, names) in GROUPS {
        // Writing to text cannot fail.
        let _ = writeln!(groups, " {group}");
        for name in names {
            let _ = writeln!(groups, "  {name:width$}  {}", about(name));
        }
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\nCommands:\n{groups}\nOptions:\n{{options}}{{after-help}}\n"
    );
    command.help_template(template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::WIDTH;

    #[test]
    fn every_command_is_in_one_group() {
        let command = Arguments::command();
        let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        known.push("help");
        known.sort_unstable();
        let mut listed: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, known);
    }

    #[test]
    fn the_help_of_every_command_fits_a_terminal() {
        let mut command = grouped(Arguments::command());
        command.build();
        let mut waiting = vec![command];
        while let Some(mut command) = waiting.pop() {
            for help in [command.render_help(), command.render_long_help()] {
                let folded = fold(&help.to_string());
                let long: Vec<&str> = folded
                    .lines()
                    .filter(|line| line.chars().count() > WIDTH)
                    .collect();
                assert!(long.is_empty(), "{}: {long:#?}", command.get_name());
            }
            waiting.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn the_first_help_says_how_to_begin() {
        let help = fold(&grouped(Arguments::command()).render_help().to_string());
        insta::assert_snapshot!(help);
    }
}
