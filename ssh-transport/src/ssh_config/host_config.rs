//! What the configuration says for one host.

use std::path::PathBuf;
use std::time::Duration;

use ssh_proto::client::MethodName;

use super::algorithms::Selections;
use super::setting::{BadSetting, Setting, StrictHostKeyChecking, port};
use super::tokens::Tokens;
use super::{ConfigError, ConfigProblem};
use crate::files::Place;

/// What the configuration says for one host. What it does not say is `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostConfig {
    /// Where to connect to: `HostName`, or else what was asked for.
    pub host_name: String,
    /// The port there; 22 unless somebody said otherwise.
    pub port: u16,
    /// The user there, if the configuration or the caller names one.
    pub user: Option<String>,
    /// The name under which known_hosts has the host (`HostKeyAlias`).
    pub host_key_alias: Option<String>,
    /// How to get there.
    pub proxy: Proxy,
    /// Keys to try. `None`: the usual ones.
    pub identity_files: Option<Vec<PathBuf>>,
    /// Certificates to try.
    pub certificate_files: Vec<PathBuf>,
    /// Only these keys, though the agent may have more.
    pub identities_only: bool,
    /// The agent.
    pub identity_agent: IdentityAgent,
    /// The user's own known_hosts. `None`: the usual ones.
    pub user_known_hosts: Option<Vec<PathBuf>>,
    /// The machine's known_hosts. `None`: the usual one.
    pub global_known_hosts: Option<Vec<PathBuf>>,
    /// Keys of hosts that are worth nothing any more.
    pub revoked_host_keys: Option<PathBuf>,
    /// What becomes of a host whose key nobody knows.
    pub strict_host_key_checking: Option<StrictHostKeyChecking>,
    /// Whether names of hosts are written down hashed.
    pub hash_known_hosts: bool,
    /// Whether keys that a host announces are written down; `ask` reads as no.
    pub update_host_keys: Option<bool>,
    /// What is offered.
    pub algorithms: Selections,
    /// RSA keys with fewer bits count for nothing (`RequiredRSASize`).
    pub required_rsa_bits: Option<u32>,
    /// Whether to compress.
    pub compression: Option<bool>,
    /// Whether keys are tried.
    pub pubkey_authentication: bool,
    /// Whether a password is tried.
    pub password_authentication: bool,
    /// Whether questions of the server are answered.
    pub kbd_interactive_authentication: bool,
    /// The methods to try, in this order.
    pub preferred_authentications: Option<Vec<String>>,
    /// How often a person is asked for a password.
    pub number_of_password_prompts: Option<u32>,
    /// Nobody is asked anything.
    pub batch_mode: bool,
    /// How long to wait for a connection.
    pub connect_timeout: Option<Duration>,
    /// How long a silent connection is left alone.
    pub server_alive_interval: Option<Duration>,
    /// How many questions whether it lives may stay without an answer.
    pub server_alive_count_max: Option<u32>,
}

impl HostConfig {
    /// The methods that may be tried, in this order: those of `PreferredAuthentications`, by default `publickey`,
    /// `keyboard-interactive` and `password`, without those that are switched off. Names that mean nothing here are left out.
    #[must_use]
    pub fn methods(&self) -> Vec<MethodName> {
        let known = [
            (MethodName::PublicKey, self.pubkey_authentication),
            (MethodName::KeyboardInteractive, self.kbd_interactive_authentication),
            (MethodName::Password, self.password_authentication),
        ];
        let mut allowed: Vec<MethodName> = known.into_iter().filter(|(_, on)| *on).map(|(method, _)| method).collect();
        if let Some(preferred) = &self.preferred_authentications {
            let place = |method: &MethodName| preferred.iter().position(|name| name == method.as_str());
            allowed.retain(|method| place(method).is_some());
            allowed.sort_by_key(place);
        }
        allowed
    }
}

/// How to get to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// Over TCP.
    Direct,
    /// Over the input and output of this shell command (`ProxyCommand`).
    Command(String),
    /// Through these hosts, the first one first (`ProxyJump`).
    Jump(Vec<Jump>),
}

/// A host on the way: `[user@]host[:port]` or `ssh://[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jump {
    /// The user there, if one is named.
    pub user: Option<String>,
    /// What the configuration calls it; an IPv6 address without its brackets.
    pub host: String,
    /// The port there, if one is named.
    pub port: Option<u16>,
}

/// Which agent holds keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityAgent {
    /// That of the session, `SSH_AUTH_SOCK`.
    Session,
    /// None.
    None,
    /// The one behind this socket.
    Socket(PathBuf),
}

/// What was found so far: "the first obtained value will be used".
#[derive(Debug, Default)]
pub(super) struct Found {
    settings: Vec<(Place, Setting)>,
}

impl Found {
    /// As many files of keys, and as many of certificates, as `ssh` takes.
    const MAXIMUM_FILES: usize = 100;

    /// Takes a setting, unless there is one of its kind already; files of keys add up.
    pub(super) fn take(&mut self, place: &Place, setting: &Setting) -> Result<(), ConfigError> {
        let same_kind = |have: &Setting| std::mem::discriminant(have) == std::mem::discriminant(setting);
        let known = self.settings.iter().any(|(_, have)| match (setting, have) {
            (Setting::IdentityFile(_) | Setting::CertificateFile(_), have) => have == setting,
            // The two exclude one another, but for a jump that is none.
            (Setting::ProxyJump(_), Setting::ProxyCommand(_)) => true,
            (Setting::ProxyCommand(_), Setting::ProxyJump(list)) => !list.eq_ignore_ascii_case("none"),
            (_, have) => same_kind(have),
        });
        if known || *setting == Setting::Ignored {
            return Ok(());
        }
        if self.settings.iter().filter(|(_, have)| same_kind(have)).count() == Self::MAXIMUM_FILES {
            let keyword = if let Setting::IdentityFile(_) = setting { "IdentityFile" } else { "CertificateFile" };
            let problem = ConfigProblem::TooMany;
            return Err(ConfigError::Line { place: place.clone(), keyword: keyword.to_owned(), problem });
        }
        self.settings.push((place.clone(), setting.clone()));
        Ok(())
    }

    /// The value of a setting that there is once.
    pub(super) fn one<'a, T>(&'a self, of: impl Fn(&'a Setting) -> Option<T>) -> Option<T> {
        self.settings.iter().find_map(|(_, setting)| of(setting))
    }

    /// The same, with where it stands.
    pub(super) fn placed<'a, T>(&'a self, of: impl Fn(&'a Setting) -> Option<T>) -> Option<(&'a Place, T)> {
        self.settings.iter().find_map(|(place, setting)| Some((place, of(setting)?)))
    }

    fn all<'a, T>(&'a self, of: impl Fn(&'a Setting) -> Option<T>) -> Vec<(&'a Place, T)> {
        self.settings.iter().filter_map(|(place, setting)| Some((place, of(setting)?))).collect()
    }

    /// The whole, with everything expanded.
    pub(super) fn finish(&self, tokens: &Tokens<'_>, user: Option<&str>) -> Result<HostConfig, ConfigError> {
        let path = |place: &Place, text: &str| {
            tokens.path(text).map_err(|bad| ConfigError::Token { place: place.clone(), bad })
        };
        // Files of which `none` means that there is none.
        let files = |found: Vec<(&Place, &String)>| -> Result<Vec<PathBuf>, ConfigError> {
            let named = found.into_iter().filter(|(_, text)| !text.eq_ignore_ascii_case("none"));
            named.map(|(place, text)| path(place, text)).collect()
        };
        let several = |found: Option<(&Place, &Vec<String>)>| {
            found.map(|(place, texts)| files(texts.iter().map(|text| (place, text)).collect())).transpose()
        };
        macro_rules! of {
            ($kind:ident) => {
                |setting: &Setting| if let Setting::$kind(value) = setting { Some(value.clone()) } else { None }
            };
        }
        macro_rules! text_of {
            ($kind:ident) => {
                |setting| if let Setting::$kind(value) = setting { Some(value) } else { None }
            };
        }
        let identity_files = self.all(text_of!(IdentityFile));
        let agent = self.placed(text_of!(IdentityAgent));
        let text = |value: Option<String>| value.unwrap_or_default();
        Ok(HostConfig {
            host_name: tokens.host.to_owned(),
            port: tokens.port,
            user: user.map(str::to_owned),
            host_key_alias: self.one(of!(HostKeyAlias)),
            proxy: self.proxy(tokens)?,
            identity_files: if identity_files.is_empty() { None } else { Some(files(identity_files)?) },
            certificate_files: files(self.all(text_of!(CertificateFile)))?,
            identities_only: self.one(of!(IdentitiesOnly)).unwrap_or(false),
            identity_agent: match agent {
                None => IdentityAgent::Session,
                Some((_, text)) if text.eq_ignore_ascii_case("none") => IdentityAgent::None,
                Some((_, text)) if text == "SSH_AUTH_SOCK" => IdentityAgent::Session,
                // $NAME: the variable that names the socket.
                Some((place, text)) => match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                    Some(name) => IdentityAgent::Socket(path(place, &format!("${{{name}}}"))?),
                    None => IdentityAgent::Socket(path(place, text)?),
                },
            },
            user_known_hosts: several(self.placed(text_of!(UserKnownHostsFile)))?,
            global_known_hosts: several(self.placed(text_of!(GlobalKnownHostsFile)))?,
            revoked_host_keys: files(self.all(text_of!(RevokedHostKeys)))?.into_iter().next(),
            strict_host_key_checking: self.one(of!(StrictHostKeyChecking)),
            hash_known_hosts: self.one(of!(HashKnownHosts)).unwrap_or(false),
            update_host_keys: self.one(of!(UpdateHostKeys)),
            algorithms: Selections {
                kex: text(self.one(of!(KexAlgorithms))),
                host_keys: text(self.one(of!(HostKeyAlgorithms))),
                user_keys: text(self.one(of!(PubkeyAcceptedAlgorithms))),
                authorities: text(self.one(of!(CaSignatureAlgorithms))),
                ciphers: text(self.one(of!(Ciphers))),
                macs: text(self.one(of!(Macs))),
            },
            required_rsa_bits: self.one(of!(RequiredRsaSize)),
            compression: self.one(of!(Compression)),
            pubkey_authentication: self.one(of!(PubkeyAuthentication)).unwrap_or(true),
            password_authentication: self.one(of!(PasswordAuthentication)).unwrap_or(true),
            kbd_interactive_authentication: self.one(of!(KbdInteractiveAuthentication)).unwrap_or(true),
            preferred_authentications: self
                .one(text_of!(PreferredAuthentications))
                .map(|list| list.split(',').map(|name| name.trim().to_owned()).collect()),
            number_of_password_prompts: self.one(of!(NumberOfPasswordPrompts)),
            batch_mode: self.one(of!(BatchMode)).unwrap_or(false),
            connect_timeout: self.one(of!(ConnectTimeout)).flatten(),
            server_alive_interval: self.one(of!(ServerAliveInterval)).filter(|interval| !interval.is_zero()),
            server_alive_count_max: self.one(of!(ServerAliveCountMax)),
        })
    }

    fn proxy(&self, tokens: &Tokens<'_>) -> Result<Proxy, ConfigError> {
        for (place, setting) in &self.settings {
            match setting {
                Setting::ProxyCommand(text) | Setting::ProxyJump(text) if text.eq_ignore_ascii_case("none") => {}
                Setting::ProxyCommand(command) => {
                    self.refuse_descriptors()?;
                    let command = tokens.expand(command, PROXY_TOKENS);
                    let command = command.map_err(|bad| ConfigError::Token { place: place.clone(), bad })?;
                    return Ok(Proxy::Command(command));
                }
                Setting::ProxyJump(list) => {
                    let list = tokens.expand(list, PROXY_TOKENS);
                    let list = list.map_err(|bad| ConfigError::Token { place: place.clone(), bad })?;
                    let jumps: Result<Vec<Jump>, BadSetting> = list.split(',').map(Jump::parse).collect();
                    let wrong = |bad| ConfigError::Line {
                        place: place.clone(),
                        keyword: "ProxyJump".to_owned(),
                        problem: ConfigProblem::Setting(bad),
                    };
                    return jumps.map(Proxy::Jump).map_err(wrong);
                }
                _ => {}
            }
        }
        Ok(Proxy::Direct)
    }

    /// A command that passes a file descriptor says nothing on its output: the connection would wait for ever.
    fn refuse_descriptors(&self) -> Result<(), ConfigError> {
        let of = |setting| if let &Setting::ProxyUseFdpass(true) = setting { Some(()) } else { None };
        let Some((place, ())) = self.placed(of) else { return Ok(()) };
        let bad = BadSetting::Value { found: "yes".to_owned(), wanted: "no: descriptors cannot be taken here" };
        let (keyword, problem) = ("ProxyUseFdpass".to_owned(), ConfigProblem::Setting(bad));
        Err(ConfigError::Line { place: place.clone(), keyword, problem })
    }
}

/// "ProxyCommand and ProxyJump accept the tokens %%, %h, %n, %p, and %r."
const PROXY_TOKENS: &str = "hnpr";

impl Jump {
    /// A host that the configuration may have something to say about.
    #[must_use]
    pub fn new(user: Option<String>, host: &str, port: Option<u16>) -> Self {
        Self { user, host: host.to_owned(), port }
    }

    fn parse(text: &str) -> Result<Self, BadSetting> {
        let wrong = || BadSetting::Value { found: text.to_owned(), wanted: "[user@]host[:port], separated by commas" };
        let text = text.trim();
        let text = text.strip_prefix("ssh://").unwrap_or(text);
        let (user, rest) = text.rsplit_once('@').map_or((None, text), |(user, rest)| (Some(user.to_owned()), rest));
        let (host, behind) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, behind)) => (host, Some(behind.strip_prefix(':').ok_or_else(wrong)?)),
            // More than one colon without brackets: an IPv6 address.
            None if rest.matches(':').count() > 1 => (rest, None),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.starts_with('-') || user.as_ref().is_some_and(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self { user, host: host.to_owned(), port: behind.map(port).transpose()? })
    }
}
