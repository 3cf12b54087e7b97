//! One option, read: its keyword says what its arguments must be.

use std::time::Duration;

/// An option and its value. Options that are known to `ssh` and mean nothing here are [`Ignored`](Self::Ignored).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    HostName(String),
    User(String),
    Port(u16),
    Tag(String),
    HostKeyAlias(String),
    IdentityFile(String),
    CertificateFile(String),
    IdentitiesOnly(bool),
    IdentityAgent(String),
    ProxyJump(String),
    ProxyCommand(String),
    ProxyUseFdpass(bool),
    UserKnownHostsFile(Vec<String>),
    GlobalKnownHostsFile(Vec<String>),
    RevokedHostKeys(String),
    StrictHostKeyChecking(StrictHostKeyChecking),
    HashKnownHosts(bool),
    UpdateHostKeys(bool),
    KexAlgorithms(String),
    HostKeyAlgorithms(String),
    PubkeyAcceptedAlgorithms(String),
    CaSignatureAlgorithms(String),
    RequiredRsaSize(u32),
    Ciphers(String),
    Macs(String),
    Compression(bool),
    PubkeyAuthentication(bool),
    PasswordAuthentication(bool),
    KbdInteractiveAuthentication(bool),
    PreferredAuthentications(String),
    NumberOfPasswordPrompts(u32),
    BatchMode(bool),
    ConnectTimeout(Option<Duration>),
    ServerAliveInterval(Duration),
    ServerAliveCountMax(u32),
    Ignored,
}

/// What becomes of a host whose key nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the four answers of ssh_config(5)")]
pub enum StrictHostKeyChecking {
    /// It is refused.
    Yes,
    /// Somebody is asked; where nobody can be, it is refused.
    Ask,
    /// It is accepted and written down; a key that has changed is refused.
    AcceptNew,
    /// As `ssh` has it, even a changed key is accepted. It is not, here: this reads as [`AcceptNew`](Self::AcceptNew).
    No,
}

/// What is wrong with an option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadSetting {
    /// Nobody knows the keyword.
    Keyword,
    /// It wants a value.
    Missing,
    /// It has more values than it takes.
    TooMany,
    /// The value is none of what there is.
    Value {
        /// What stands there.
        found: String,
        /// What may.
        wanted: &'static str,
    },
}

impl Setting {
    /// Reads the option `keyword`, in lower case. `rest` is what follows it, `arguments` the same, split.
    pub(super) fn parse(keyword: &str, rest: &str, arguments: &[String]) -> Result<Self, BadSetting> {
        let one = || match arguments {
            [] => Err(BadSetting::Missing),
            [value] if value.is_empty() => Err(BadSetting::Missing),
            [value] => Ok(value.clone()),
            _ => Err(BadSetting::TooMany),
        };
        let some = || if arguments.is_empty() { Err(BadSetting::Missing) } else { Ok(arguments.to_vec()) };
        let flag = || one().and_then(|value| boolean(&value));
        let number = || one().and_then(|value| number(&value));
        // Commands go to a shell as they stand.
        let command = || if rest.is_empty() { Err(BadSetting::Missing) } else { Ok(rest.to_owned()) };
        Ok(match keyword {
            "hostname" => Self::HostName(one()?),
            "user" => Self::User(one()?),
            "port" => Self::Port(port(&one()?)?),
            "tag" => Self::Tag(one()?),
            "hostkeyalias" => Self::HostKeyAlias(one()?),
            "identityfile" => Self::IdentityFile(one()?),
            "certificatefile" => Self::CertificateFile(one()?),
            "identitiesonly" => Self::IdentitiesOnly(flag()?),
            "identityagent" => Self::IdentityAgent(one()?),
            "proxyjump" => Self::ProxyJump(one()?),
            "proxycommand" => Self::ProxyCommand(command()?),
            "proxyusefdpass" => Self::ProxyUseFdpass(flag()?),
            "userknownhostsfile" => Self::UserKnownHostsFile(some()?),
            "globalknownhostsfile" => Self::GlobalKnownHostsFile(some()?),
            "revokedhostkeys" => Self::RevokedHostKeys(one()?),
            "stricthostkeychecking" => Self::StrictHostKeyChecking(checking(&one()?)?),
            "hashknownhosts" => Self::HashKnownHosts(flag()?),
            "updatehostkeys" => Self::UpdateHostKeys(one()? != "ask" && flag()?),
            "kexalgorithms" => Self::KexAlgorithms(one()?),
            "hostkeyalgorithms" => Self::HostKeyAlgorithms(one()?),
            "pubkeyacceptedalgorithms" | "pubkeyacceptedkeytypes" => Self::PubkeyAcceptedAlgorithms(one()?),
            "casignaturealgorithms" => Self::CaSignatureAlgorithms(one()?),
            "requiredrsasize" => Self::RequiredRsaSize(number()?),
            "ciphers" => Self::Ciphers(one()?),
            "macs" => Self::Macs(one()?),
            "compression" => Self::Compression(flag()?),
            "pubkeyauthentication" => {
                Self::PubkeyAuthentication(matches!(&*one()?, "unbound" | "host-bound") || flag()?)
            }
            "passwordauthentication" => Self::PasswordAuthentication(flag()?),
            "kbdinteractiveauthentication" | "challengeresponseauthentication" | "skeyauthentication" => {
                Self::KbdInteractiveAuthentication(flag()?)
            }
            "preferredauthentications" => Self::PreferredAuthentications(one()?),
            "numberofpasswordprompts" => Self::NumberOfPasswordPrompts(number()?),
            "batchmode" => Self::BatchMode(flag()?),
            "connecttimeout" if one()? == "none" => Self::ConnectTimeout(None),
            "connecttimeout" => Self::ConnectTimeout(Some(time(&one()?)?)),
            "serveraliveinterval" => Self::ServerAliveInterval(time(&one()?)?),
            "serveralivecountmax" => Self::ServerAliveCountMax(number()?),
            keyword if IGNORED.contains(&keyword) => Self::Ignored,
            _ => return Err(BadSetting::Keyword),
        })
    }
}

const fn bad(found: String, wanted: &'static str) -> BadSetting {
    BadSetting::Value { found, wanted }
}

fn boolean(text: &str) -> Result<bool, BadSetting> {
    match &*text.to_ascii_lowercase() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(bad(text.to_owned(), "yes or no")),
    }
}

fn number(text: &str) -> Result<u32, BadSetting> {
    text.parse().map_err(|_| bad(text.to_owned(), "a number"))
}

pub(super) fn port(text: &str) -> Result<u16, BadSetting> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad(text.to_owned(), "a port, 1 to 65535"))
}

fn checking(text: &str) -> Result<StrictHostKeyChecking, BadSetting> {
    Ok(match &*text.to_ascii_lowercase() {
        "yes" | "true" => StrictHostKeyChecking::Yes,
        "ask" => StrictHostKeyChecking::Ask,
        "accept-new" => StrictHostKeyChecking::AcceptNew,
        "no" | "false" | "off" => StrictHostKeyChecking::No,
        _ => return Err(bad(text.to_owned(), "yes, accept-new, ask or no")),
    })
}

/// `sshd_config(5)`, TIME FORMATS: `90`, `1m30s`, `2h`.
fn time(text: &str) -> Result<Duration, BadSetting> {
    let wrong = || bad(text.to_owned(), "a time: 90, 1m30s, 2h");
    let (mut total, mut digits) = (0_u64, String::new());
    let seconds = |digits: &str, factor: u64| digits.parse::<u64>().ok()?.checked_mul(factor);
    for character in text.chars() {
        let factor = match character.to_ascii_lowercase() {
            '0'..='9' => {
                digits.push(character);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        total = seconds(&digits, factor).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
        digits.clear();
    }
    if !digits.is_empty() {
        total = seconds(&digits, 1).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(total)) }
}

/// What `ssh` knows and this client has no use for: terminals, forwards, multiplexing, canonical names, methods that it
/// does not have. `host`, `match` and `include` are not options.
const IGNORED: [&str; 77] = [
    "addkeystoagent",
    "addressfamily",
    "bindaddress",
    "bindinterface",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizehostname",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "channeltimeout",
    "checkhostip",
    "cipher",
    "clearallforwardings",
    "compressionlevel",
    "connectionattempts",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "enableescapecommandline",
    "enablesshkeysign",
    "escapechar",
    "exitonforwardfailure",
    "fallbacktorsh",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "gssapiauthentication",
    "gssapiclientidentity",
    "gssapidelegatecredentials",
    "gssapikeyexchange",
    "gssapirenewalforcesrekey",
    "gssapiserveridentity",
    "gssapitrustdns",
    "hostbasedacceptedalgorithms",
    "hostbasedauthentication",
    "hostbasedkeytypes",
    "ignoreunknown",
    "ipqos",
    "kbdinteractivedevices",
    "keepalive",
    "knownhostscommand",
    "localcommand",
    "localforward",
    "loglevel",
    "logverbose",
    "nohostauthenticationforlocalhost",
    "obscurekeystroketiming",
    "permitlocalcommand",
    "permitremoteopen",
    "pkcs11provider",
    "protocol",
    "rekeylimit",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "securitykeyprovider",
    "sendenv",
    "sessiontype",
    "setenv",
    "smartcarddevice",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tcpkeepalive",
    "tunnel",
    "tunneldevice",
    "usekeychain",
    "verifyhostkeydns",
    "visualhostkey",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(keyword: &str, value: &str) -> Result<Setting, BadSetting> {
        let arguments = super::super::line::arguments(value).unwrap();
        Setting::parse(keyword, value, &arguments)
    }

    #[test]
    fn values_are_checked_when_they_are_read() {
        assert_eq!(parse("port", "2222"), Ok(Setting::Port(2222)));
        for value in ["0", "65536", "ssh", "-1"] {
            assert!(matches!(parse("port", value), Err(BadSetting::Value { .. })), "{value}");
        }
        assert_eq!(parse("port", ""), Err(BadSetting::Missing));
        assert_eq!(parse("port", "22 23"), Err(BadSetting::TooMany));
        assert_eq!(parse("batchmode", "Yes"), Ok(Setting::BatchMode(true)));
        assert!(parse("batchmode", "maybe").is_err());
        assert_eq!(parse("controlmaster", "auto"), Ok(Setting::Ignored));
        assert_eq!(parse("prot", "22"), Err(BadSetting::Keyword));
    }

    #[test]
    fn a_command_is_the_rest_of_the_line_as_it_stands() {
        let command = "nc -x \"my proxy\" %h %p # really";
        assert_eq!(parse("proxycommand", command), Ok(Setting::ProxyCommand(command.to_owned())));
    }

    #[test]
    fn times_have_units() {
        let seconds = |text| time(text).map(|time| time.as_secs());
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("1m30s"), Ok(90));
        assert_eq!(seconds("1h30"), Ok(3630));
        for text in ["", "s", "1x", "-1", "99999999999999999999", "99999999999999999w"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_names_that_are_ignored_are_in_order_and_once() {
        assert!(IGNORED.windows(2).all(|pair| pair[0] < pair[1]), "{IGNORED:?}");
    }
}
