//! The command line: what it takes, one file a command, and how it ends.

mod acl;
mod backend;
mod call;
mod cluster;
mod completions;
mod config;
mod demo;
mod exit;
mod explain;
mod failure;
mod json;
mod keygen;
mod log;
mod multicall;
mod names;
mod nodes;
mod output;
mod ping;
mod provider;
mod reach;
mod request;
mod secret;
mod send;
mod serve;
mod settings;
mod shell;
mod stream;
mod table;
mod terminal;
mod top;

use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use self::exit::Exit;
use self::failure::Failure;
use self::output::Output;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let color = ColorWhen::asked_for();
    color.apply();
    let command = Cli::command().color(color.for_clap());
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(said) if said.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            let text = said.to_string();
            let message = text.lines().next().unwrap_or_default();
            return Output::Json.fail(&Failure::usage(message.trim_start_matches("error: "))).into();
        }
        Err(said) => {
            // Help and version come this way too. There is nowhere to report that the terminal is gone.
            let _ = said.print();
            return if said.use_stderr() { Exit::Usage } else { Exit::Success }.into();
        }
    };
    let output = Output::new(cli.global.json);
    let ended = match cli.command {
        Command::Demo(command) => command.run(&output, cli.global.verbose),
        Command::Serve(command) => command.run(&output, cli.global.verbose),
        Command::Call(command) => command.run(&output, cli.global.verbose),
        Command::Send(command) => command.run(&output, cli.global.verbose),
        Command::Shell(command) => command.run(output, cli.global.verbose),
        Command::Ping(command) => command.run(output, cli.global.verbose),
        Command::Top(command) => command.run(output, cli.global.verbose),
        Command::Nodes(command) => command.run(&output, cli.global.verbose),
        Command::Acl(command) => command.run(&output),
        Command::Keygen(command) => command.run(&output, cli.global.verbose),
        Command::Completions(command) => command.run(&output),
    };
    match ended {
        Ok(()) => Exit::Success.into(),
        Err(failure) => output.fail(&failure).into(),
    }
}

/// Erlang remote procedure calls over SSH.
#[derive(Debug, Parser)]
#[command(
    name = "sshrpc",
    version,
    styles = STYLES,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = AFTER_HELP,
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Call(call::Call),
    Send(send::Send),
    Shell(shell::Shell),
    Ping(ping::Ping),
    Nodes(nodes::List),
    Top(top::Top),
    Acl(acl::Acl),
    Keygen(keygen::Keygen),
    Completions(completions::Completions),
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Print JSON: one object on one line, errors too; commands that go on print a line for each event
    #[arg(long, global = true)]
    json: bool,

    /// Tell more on standard error; -vv and -vvv still more
    ///
    /// SSHRPC_LOG, when it is set, says precisely what to log instead: `sshrpc=debug,ssh_transport=info`.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Colours: auto, which respects NO_COLOR, always or never
    // What counts was looked for before the parser ran, so that its own messages follow it.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t, hide_possible_values = true)]
    color: ColorWhen,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ColorWhen {
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorWhen {
    /// What the arguments say, before anybody has parsed them.
    fn asked_for() -> Self {
        let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into()).collect();
        let mut values = arguments.iter().enumerate().filter_map(|(position, argument)| match argument.as_str() {
            "--color" => arguments.get(position + 1).map(String::as_str),
            argument => argument.strip_prefix("--color="),
        });
        values.next_back().and_then(|value| Self::from_str(value, false).ok()).unwrap_or_default()
    }

    fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }

    const fn for_clap(self) -> clap::ColorChoice {
        match self {
            Self::Auto => clap::ColorChoice::Auto,
            Self::Always => clap::ColorChoice::Always,
            Self::Never => clap::ColorChoice::Never,
        }
    }
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Examples:
  sshrpc demo                                           watch calls travel, and time them
  sshrpc keygen                                         make a key to log in with
  sshrpc serve                                          answer calls on 127.0.0.1:2222
  sshrpc call 127.0.0.1:2222 lists reverse '[[1,2,3]]'  call a function there
  sshrpc shell 127.0.0.1:2222                           call from a prompt, in Erlang's syntax
  ssh -p 2222 127.0.0.1 'text lists:seq(1,5).'          the same port, with plain ssh

`sshrpc COMMAND --help` says more.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_make_sense_to_the_parser() {
        Cli::command().debug_assert();
    }
}
