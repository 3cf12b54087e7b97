use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ssh_proto::wire::InvalidMessage;

/// A line of a file. Prints as `file:line`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line; the first is 1.
    pub line: usize,
}

impl Place {
    pub(crate) const fn new(file: Arc<Path>, line: usize) -> Self {
        Self { file, line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A line that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub problem: LineProblem,
}

impl Warning {
    pub(crate) const fn new(place: Place, problem: LineProblem) -> Self {
        Self { place, problem }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// What is wrong with a line. Unless the text says otherwise, the line does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineProblem {
    /// Not UTF-8.
    NotText,
    /// Its key is missing or damaged.
    Key(InvalidMessage),
    /// `known_hosts`: a marker that is not `@revoked` or `@cert-authority`.
    Marker(String),
    /// `known_hosts`: a hashed name that is not `|1|salt|hash`.
    HashedName,
    /// `authorized_keys`: a quotation mark or a blank where none belongs.
    OptionSyntax,
    /// `authorized_keys`: an option that is not enforced, so that the key would be worth more than its owner says.
    Option(String),
    /// `authorized_keys`: an option that wants a value and has none, the other way round, or stands there twice.
    OptionValue(&'static str),
    /// `authorized_keys`: in `from`, something that is no address, network or pattern of addresses.
    Source(String),
    /// `authorized_keys`: in `from`, the name of a host. The rest of the line counts.
    SourceName(String),
    /// `authorized_keys`: in `environment`, something that is not `NAME=value`.
    Variable(String),
    /// `authorized_keys`: in this option, something that is no host and port.
    Destination(&'static str, String),
    /// `authorized_keys`: `principals` without `cert-authority`. The rest of the line counts.
    Principals,
    /// `authorized_keys`: `tunnel`. The rest of the line counts.
    Tunnel,
    /// `authorized_keys`: a time that is not one.
    ExpiryTime(String),
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("the line is ignored: it is not UTF-8 text"),
            Self::Key(error) => write!(f, "the line is ignored: {error}"),
            Self::Marker(marker) => {
                write!(f, "the line is ignored: {marker:?} is neither @revoked nor @cert-authority")
            }
            Self::HashedName => f.write_str("the line is ignored: the hashed host name is damaged"),
            Self::OptionSyntax => {
                f.write_str("the key is refused: its options are not name or name=\"value\", separated by commas")
            }
            Self::Option(name) => {
                write!(f, "the key is refused: the option {name:?} cannot be enforced; remove the option or the key")
            }
            Self::OptionValue(name) => {
                write!(f, "the key is refused: the option {name} stands there twice, or without the value it needs")
            }
            Self::Source(text) => write!(f, "the key is refused: from has {text:?}, which is no address or network"),
            Self::SourceName(name) => {
                write!(f, "from has {name:?}, which matches nothing: names are not looked up, write addresses")
            }
            Self::Variable(text) => {
                write!(f, "the key is refused: environment has {text:?}, which is not NAME=value")
            }
            Self::Destination(option, text) => {
                write!(f, "the key is refused: {option} has {text:?}, which is no host and port such as \"[::1]:80\"")
            }
            Self::Principals => f.write_str("principals has no effect: it is for lines with cert-authority"),
            Self::Tunnel => f.write_str("tunnel has no effect: there are no tunnels here"),
            Self::ExpiryTime(time) => {
                write!(
                    f,
                    "the key is refused: expiry-time {time:?} is not YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, or one of them with a Z"
                )
            }
        }
    }
}

/// The lines of `content` that are not empty and no comments, each with its number.
pub(crate) fn lines(content: &[u8]) -> impl Iterator<Item = (usize, Result<&str, LineProblem>)> {
    (1..).zip(content.split(|&byte| byte == b'\n')).filter_map(|(number, line)| {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return None;
        }
        Some((number, str::from_utf8(line).map_err(|_| LineProblem::NotText)))
    })
}
