//! The client's configuration, `~/.ssh/config`, as `ssh_config(5)` describes it: what is to be different for which host.
//!
//! Read are `Host` and `Match` (`all`, `final`, `host`, `originalhost`, `user`, `localuser`, `tagged`, `exec`), `Include`,
//! the options that [`HostConfig`] has, and their tokens. Options that `ssh` knows and that mean nothing here are passed
//! over; what nobody knows is an error, unless `IgnoreUnknown` names it, as for `ssh`.
//!
//! The room: a line is taken apart in `line.rs`, a file with what it includes in `parse.rs`, its conditions in `section.rs`,
//! its options in `setting.rs`. What they come to for one host is `host_config.rs`.

mod algorithms;
mod error;
mod host_config;
mod line;
mod parse;
mod section;
mod setting;
mod tokens;

use std::path::Path;

pub use algorithms::Selections;
pub use error::{ConfigError, ConfigProblem};
pub use host_config::{HostConfig, IdentityAgent, Jump, Proxy};
pub use section::{BadMatch, Exec};
pub use setting::{BadSetting, StrictHostKeyChecking};
pub use tokens::BadToken;

use self::host_config::Found;
use self::parse::{Entry, Files};
use self::section::Subject;
use self::setting::Setting;
use self::tokens::Tokens;
use crate::files::{Access, FileError, FileProblem};

/// A configuration that was read.
#[derive(Clone, Debug, Default)]
pub struct SshConfig {
    /// One list a file.
    files: Vec<Vec<Entry>>,
}

/// Which host is asked about, by whom.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query<'a> {
    /// The host as the user wrote it.
    pub host: &'a str,
    /// The user there, where the caller names one.
    pub user: Option<&'a str>,
    /// The port there, where the caller names one.
    pub port: Option<u16>,
    /// `ssh`'s option `-P`: what `Match tagged` looks at.
    pub tag: Option<&'a str>,
    /// The user here.
    pub local_user: &'a str,
    /// The home directory of the user here.
    pub home: &'a Path,
    /// The name of this machine.
    pub local_host: &'a str,
    /// Whether the commands of `Match exec` run.
    pub exec: Exec,
}

impl<'a> Query<'a> {
    /// About `host`, by `local_user`. Commands of `Match exec` run.
    #[must_use]
    pub fn new(host: &'a str, local_user: &'a str, home: &'a Path) -> Self {
        let (user, port, tag, local_host) = (None, None, None, "localhost");
        Self { host, user, port, tag, local_user, home, local_host, exec: Exec::Shell }
    }
}

impl SshConfig {
    /// The configuration of the user and that of the machine: `.ssh/config` below `home`, then `/etc/ssh/ssh_config`.
    /// Either may be missing.
    ///
    /// # Errors
    /// When a file cannot be read, could be changed by other users, or has a line that makes no sense.
    pub fn load(home: &Path) -> Result<Self, ConfigError> {
        let user = Files::new(home, home.join(".ssh"), Access::NotWriteItself);
        let machine = Files::new(home, "/etc/ssh".into(), Access::Any);
        let files = [user.read(&home.join(".ssh/config"))?, machine.read(Path::new("/etc/ssh/ssh_config"))?];
        Ok(Self { files: files.into_iter().flatten().collect() })
    }

    /// The configuration in this file and no other, as `ssh -F` takes it.
    ///
    /// # Errors
    /// When there is no such file, or as for [`load`](Self::load).
    pub fn load_file(path: &Path, home: &Path) -> Result<Self, ConfigError> {
        match Files::new(home, home.join(".ssh"), Access::Any).read(path)? {
            Some(entries) => Ok(Self { files: vec![entries] }),
            None => {
                let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
                Err(ConfigError::File(FileError::new(path, FileProblem::Io(missing))))
            }
        }
    }

    /// The configuration that is `content`, read from `path` by somebody else. What it includes is read here.
    ///
    /// # Errors
    /// As for [`load_file`](Self::load_file).
    pub fn parse(path: &Path, content: &[u8], home: &Path) -> Result<Self, ConfigError> {
        let entries = Files::new(home, home.join(".ssh"), Access::Any).parse(path, content)?;
        Ok(Self { files: vec![entries] })
    }

    /// What the configuration says for a host. What the caller names counts first.
    ///
    /// # Errors
    /// When the host or the user has characters that mean something to a shell, a value has a token that means nothing, or
    /// `ProxyJump` names no hosts.
    pub fn lookup(&self, query: &Query<'_>) -> Result<HostConfig, ConfigError> {
        check_names(query)?;
        let mut found = Found::default();
        self.pass(query, &mut found, false)?;
        if self.files.iter().any(|entries| wants_last_pass(entries)) {
            self.pass(query, &mut found, true)?;
        }
        let view = View::new(query, &found)?;
        found.finish(&view.tokens(query), view.user.as_deref())
    }

    fn pass(&self, query: &Query<'_>, found: &mut Found, last_pass: bool) -> Result<(), ConfigError> {
        self.files.iter().try_for_each(|entries| evaluate(entries, query, found, last_pass))
    }
}

/// Names become parts of shell commands (`ProxyCommand`, `Match exec`), and may come from a stranger, a link say: what
/// OpenSSH refuses since CVE-2023-51385 is refused here. What stands in the configuration is its owner's.
fn check_names(query: &Query<'_>) -> Result<(), ConfigError> {
    const SHELL: &str = "'`\";&<>|(){}";
    let wrong = |what, text: &str| Err(ConfigError::Name { what, text: text.to_owned() });
    let is_host = |c: char| !c.is_whitespace() && !c.is_control() && !SHELL.contains(c) && c != '$' && c != '\\';
    if query.host.is_empty() || query.host.starts_with('-') || !query.host.chars().all(is_host) {
        return wrong("host", query.host);
    }
    let Some(user) = query.user else { return Ok(()) };
    let is_user = |c: char| !c.is_control() && !SHELL.contains(c);
    // A word of a user's name must not look like an option.
    let has_option = user.split(char::is_whitespace).any(|word| word.starts_with('-'));
    if has_option || user.ends_with('\\') || !user.chars().all(is_user) {
        return wrong("user", user);
    }
    Ok(())
}

fn wants_last_pass(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::Set(..) => false,
        Entry::Section(condition) => condition.wants_last_pass(),
        Entry::Include(entries) => wants_last_pass(entries),
    })
}

fn evaluate(entries: &[Entry], query: &Query<'_>, found: &mut Found, last_pass: bool) -> Result<(), ConfigError> {
    let mut active = true;
    for entry in entries {
        match entry {
            Entry::Set(place, setting) if active => found.take(place, setting)?,
            Entry::Include(entries) if active => evaluate(entries, query, found, last_pass)?,
            Entry::Set(..) | Entry::Include(_) => {}
            Entry::Section(condition) => {
                let view = View::new(query, found)?;
                let tag = view.tag.clone().unwrap_or_default();
                let subject = Subject { tokens: view.tokens(query), tag: &tag, last_pass, exec: query.exec };
                active = condition.holds(&subject);
            }
        }
    }
    Ok(())
}

/// The connection as far as the configuration has told: what conditions and tokens look at.
struct View {
    host: String,
    alias: String,
    user: Option<String>,
    port: u16,
    jump: String,
    tag: Option<String>,
    home: String,
}

impl View {
    fn new(query: &Query<'_>, found: &Found) -> Result<Self, ConfigError> {
        let text = |of: fn(&Setting) -> Option<&String>| found.one(of).cloned();
        let host = match found.placed(|setting| if let Setting::HostName(name) = setting { Some(name) } else { None }) {
            None => query.host.to_ascii_lowercase(),
            Some((place, name)) => expand_host_name(name, query.host)
                .map_err(|bad| ConfigError::Token { place: place.clone(), bad })?
                .to_ascii_lowercase(),
        };
        let alias = text(|setting| if let Setting::HostKeyAlias(name) = setting { Some(name) } else { None });
        let user = text(|setting| if let Setting::User(name) = setting { Some(name) } else { None });
        let port = found.one(|setting| if let Setting::Port(port) = setting { Some(*port) } else { None });
        let jump = text(|setting| if let Setting::ProxyJump(list) = setting { Some(list) } else { None });
        let tag = text(|setting| if let Setting::Tag(tag) = setting { Some(tag) } else { None });
        Ok(Self {
            alias: alias.unwrap_or_else(|| query.host.to_owned()),
            host,
            user: query.user.map(str::to_owned).or(user),
            port: query.port.or(port).unwrap_or(22),
            jump: jump.filter(|jump| jump != "none").unwrap_or_default(),
            tag: query.tag.map(str::to_owned).or(tag),
            home: query.home.to_string_lossy().into_owned(),
        })
    }

    fn tokens<'a>(&'a self, query: &Query<'a>) -> Tokens<'a> {
        Tokens {
            original: query.host,
            host: &self.host,
            alias: &self.alias,
            port: self.port,
            user: self.user.as_deref().unwrap_or(query.local_user),
            local_user: query.local_user,
            home: &self.home,
            local_host: query.local_host,
            jump: &self.jump,
        }
    }
}

/// `HostName` has two tokens: `%h`, what was asked for, and `%%`.
fn expand_host_name(name: &str, asked: &str) -> Result<String, BadToken> {
    let tokens = Tokens {
        original: asked,
        host: asked,
        alias: asked,
        port: 22,
        user: "",
        local_user: "",
        home: "",
        local_host: "",
        jump: "",
    };
    tokens.expand(name, "h")
}

#[cfg(test)]
mod tests;
