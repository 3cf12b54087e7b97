//! `sshrpc acl`

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sshrpc::PublicKey;
use sshrpc::acl::{Decision, Explanation, Kind, Object, Subject};
use sshrpc::backend::{Caller, Origin};
use sshrpc::config::Config;
use sshrpc::term::{Term, parse_call};

use super::config::{Folder, shown};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{FAINT, GOOD, Output, WARN, styled};
use super::settings;

/// Look into the rules of who may call what
#[derive(Debug, clap::Args)]
pub(crate) struct Acl {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Test(Test),
}

/// Say whether something is allowed, and by which rule
///
/// The rules are those of sshrpc.toml as it is now, whether a node runs or not. Nothing is called, and nothing is counted
/// for rates. The exit code is 0 where it is allowed, and 4 where it is not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sshrpc acl test --user alice --from 10.0.0.1 lists:seq/2
  sshrpc acl test --key ~/.ssh/id_ed25519.pub os cmd 1
  sshrpc acl test --as SHA256:... --as 10.0.0.1 lists seq '[1,5]'
  sshrpc acl test --principal ops --operation send counter")]
struct Test {
    /// The rules [default: sshrpc's own sshrpc.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Who calls, by whatever is known: a fingerprint, a file of a public key, an address, a user name
    #[arg(long = "as", value_name = "WHO")]
    who: Vec<String>,

    /// The key: a fingerprint, or a file of a public key
    #[arg(long, value_name = "SHA256:..|FILE")]
    key: Option<String>,

    /// The name of the login
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// A principal of the certificate
    #[arg(long = "principal", value_name = "NAME")]
    principals: Vec<String>,

    /// The key of the authority that signed the certificate: a fingerprint, or a file
    #[arg(long, value_name = "SHA256:..|FILE")]
    authority: Option<String>,

    /// The address that the connection comes from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,

    /// What is to be done: call, cast, send, monitor, link, exit
    #[arg(long, value_name = "WHICH", default_value = "call", value_parser = kind)]
    operation: Kind,

    /// `lists:seq/2`, `lists seq 2`, `lists seq [1,5]`, `lists:seq(1,5)`; or a process: its name, or `pid`
    #[arg(value_name = "WHAT", required = true, num_args = 1..=3)]
    what: Vec<String>,
}

fn kind(name: &str) -> Result<Kind, &'static str> {
    Kind::named(name).ok_or("there are call, cast, send, monitor, link and exit")
}

impl Acl {
    pub(crate) fn run(self, output: &Output) -> Result<(), Failure> {
        let Command::Test(test) = self.command;
        test.run(output)
    }
}

impl Test {
    fn run(self, output: &Output) -> Result<(), Failure> {
        let folder = Folder::find().ok();
        let (path, config) = match settings::load(self.config.as_deref(), folder.as_ref())? {
            Some((path, config)) => (Some(path), config),
            None => (None, Config::default()),
        };
        let caller = self.caller()?;
        let what = What::parse(self.operation, &self.what)?;
        let origin = what.origin();
        let subject = Subject::new(self.operation, what.object());
        let report = Report {
            explanation: config.policy.explain(&caller, subject, origin),
            subject: subject.to_string(),
            path,
            origin,
        };
        output.print(|| report.text(), || report.json())?;
        match report.explanation.decision {
            Decision::Allow => Ok(()),
            _ => Err(Failure::new(Exit::Denied, "").silent()),
        }
    }

    fn caller(&self) -> Result<Caller, Failure> {
        let mut caller = Caller::new(self.user.as_deref().unwrap_or_default());
        for who in &self.who {
            caller = match who.parse::<IpAddr>() {
                Ok(address) => caller.with_source(SocketAddr::new(address, 0)),
                Err(_) if who.starts_with("SHA256:") || Path::new(who).is_file() => caller.with_key(fingerprint(who)?),
                Err(_) => {
                    caller.user.clone_from(who);
                    caller
                }
            };
        }
        if let Some(key) = &self.key {
            caller = caller.with_key(fingerprint(key)?);
        }
        caller.principals.clone_from(&self.principals);
        caller.authority = self.authority.as_deref().map(fingerprint).transpose()?;
        if let Some(address) = self.from {
            caller = caller.with_source(SocketAddr::new(address, 0));
        }
        Ok(caller)
    }
}

/// A fingerprint, or that of the key in a file.
fn fingerprint(text: &str) -> Result<String, Failure> {
    if text.starts_with("SHA256:") {
        return Ok(text.to_owned());
    }
    let line = std::fs::read_to_string(text).map_err(|error| {
        Failure::local(format!("cannot read {text}: {error}"))
            .hint("a key is named by its fingerprint, `SHA256:..`, or by the file of its public half")
    })?;
    let (key, _) = PublicKey::from_openssh_line(line.trim())
        .map_err(|error| Failure::local(format!("{text} has no public key: {error}")))?;
    Ok(key.fingerprint().to_string())
}

/// A function or a process, by whatever words.
#[derive(Debug)]
enum What {
    Function { module: String, function: String, arity: usize },
    Name(String),
    Pid,
}

impl What {
    fn parse(kind: Kind, words: &[String]) -> Result<Self, Failure> {
        match (kind, words) {
            (Kind::Send | Kind::Monitor | Kind::Link | Kind::Exit, [name]) if name == "pid" => Ok(Self::Pid),
            (Kind::Link | Kind::Exit, _) => Err(Failure::usage("links and exit signals are to pids: `pid`")),
            (Kind::Send | Kind::Monitor, [name]) => Ok(Self::Name(name.clone())),
            (Kind::Call | Kind::Cast, [text]) => Self::in_one(text),
            (Kind::Call | Kind::Cast, [module, function]) => Ok(Self::function(module, function, 0)),
            (Kind::Call | Kind::Cast, [module, function, rest]) => Ok(Self::function(module, function, count(rest)?)),
            _ => Err(Failure::usage("a message goes to one process: its name, or `pid`")),
        }
    }

    /// `lists:seq/2`, or a call.
    fn in_one(text: &str) -> Result<Self, Failure> {
        let named = text.split_once(':').and_then(|(module, rest)| {
            let (function, arity) = rest.rsplit_once('/')?;
            Some(Self::function(module, function, arity.parse::<u8>().ok()?.into()))
        });
        if let Some(named) = named {
            return Ok(named);
        }
        let call = parse_call(text).map_err(|error| {
            Failure::usage(format!("{text} is no function: {error}")).hint("a function is written `lists:seq/2`")
        })?;
        Ok(Self::function(call.module.as_str(), call.function.as_str(), call.args.len()))
    }

    fn function(module: &str, function: &str, arity: usize) -> Self {
        let plain = |name: &str| name.trim_matches('\'').to_owned();
        Self::Function { module: plain(module), function: plain(function), arity }
    }

    fn object(&self) -> Object<'_> {
        match self {
            Self::Function { module, function, arity } => Object::Function { module, function, arity: *arity },
            Self::Name(name) => Object::Name(name),
            Self::Pid => Object::Pid,
        }
    }

    /// What `sshrpc serve` has itself.
    fn origin(&self) -> Origin {
        match self {
            Self::Function { module, function, arity } if sshrpc::node::is_built_in(module, function, *arity) => {
                Origin::BuiltIn
            }
            _ => Origin::Foreign,
        }
    }
}

/// A number of arguments, or a list of them.
fn count(text: &str) -> Result<usize, Failure> {
    if let Ok(arity) = text.parse::<u8>() {
        return Ok(arity.into());
    }
    let list = text.parse::<Term>().ok();
    let count = list.as_ref().and_then(Term::as_list).map(|list| list.count());
    count.ok_or_else(|| Failure::usage(format!("{text} is neither a number of arguments nor a list of them")))
}

struct Report {
    explanation: Explanation,
    subject: String,
    path: Option<PathBuf>,
    origin: Origin,
}

impl Report {
    fn text(&self) -> String {
        let Explanation { passed, decision, by, limits, .. } = &self.explanation;
        let verdict = match decision {
            Decision::Allow => styled(GOOD, "allowed"),
            _ => styled(WARN, "denied"),
        };
        let mut lines = vec![format!("{verdict}: {}, by {by}", self.subject)];
        lines.extend(limits.iter().map(|limit| format!("  {limit}")));
        lines.extend(passed.iter().map(|step| format!("  not by {}: {}", step.rule, step.why)));
        lines.push(styled(
            FAINT,
            match (&self.path, self.origin) {
                (Some(path), Origin::BuiltIn) => format!("  by {}; it is built in", shown(path)),
                (Some(path), _) => format!("  by {}; it is not built in", shown(path)),
                (None, Origin::BuiltIn) => "  there is no sshrpc.toml; it is built in".to_owned(),
                (None, _) => "  there is no sshrpc.toml; it is not built in".to_owned(),
            },
        ));
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let Explanation { passed, decision, by, line, limits, .. } = &self.explanation;
        let step =
            |step: &sshrpc::acl::Step| json!({ "rule": step.rule, "line": step.line, "why": step.why.to_string() });
        json!({
            "allowed": *decision == Decision::Allow,
            "subject": self.subject,
            "by": by,
            "line": line,
            "limits": limits,
            "passed": passed.iter().map(step).collect::<Vec<_>>(),
            "file": self.path,
            "builtin": self.origin == Origin::BuiltIn,
        })
    }
}
