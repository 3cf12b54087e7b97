//! `sshrpc completions`

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::failure::Failure;
use super::output::Output;

/// Print the completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(sshrpc completions bash)                                   this bash
  sshrpc completions zsh > ~/.zfunc/_sshrpc                           every zsh, with ~/.zfunc in fpath
  sshrpc completions fish > ~/.config/fish/completions/sshrpc.fish    every fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, _output: &Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "sshrpc", &mut script);
        let script = String::from_utf8_lossy(&script);
        Output::Text.print(|| script.trim_end().to_owned(), || serde_json::Value::Null)
    }
}
