//! What a login is worth: everything, or what its key's line, its certificate or the program's own policy leaves of it.

use std::collections::BTreeSet;
use std::fmt;

/// What who is logged in may do. A server asks it before it gives a terminal or carries anything; a forced command it
/// runs by itself.
///
/// ```
/// use ssh_transport::server::{Feature, Permissions};
///
/// let backup = Permissions::none().permit(Feature::PortForwarding).open_only_to("db.example", Some(5432));
/// assert!(backup.permits_open("db.example", 5432));
/// assert!(!backup.permits_open("db.example", 22) && !backup.permits(Feature::Terminal));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    forbidden: BTreeSet<Feature>,
    /// Each list must have the destination.
    open: Vec<Vec<Destination>>,
    /// Each list must have the place.
    listen: Vec<Vec<Destination>>,
    command: Option<String>,
    environment: Vec<(String, String)>,
}

/// What can be taken from a login as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Feature {
    /// A terminal: `pty`.
    Terminal,
    /// TCP and Unix sockets, both ways: `port-forwarding`.
    PortForwarding,
    /// The client's agent: `agent-forwarding`.
    AgentForwarding,
    /// The client's display: `X11-forwarding`.
    X11Forwarding,
    /// The user's `~/.ssh/rc`: `user-rc`. For programs that run such a file; nothing here does.
    UserRc,
}

impl Feature {
    /// All that there are, with the names that authorized_keys has for them, in lower case.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Terminal, "pty"),
        (Self::PortForwarding, "port-forwarding"),
        (Self::AgentForwarding, "agent-forwarding"),
        (Self::X11Forwarding, "x11-forwarding"),
        (Self::UserRc, "user-rc"),
    ];

    /// By its name in authorized_keys, in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, of)| *of == name).map(|(feature, _)| feature)
    }
}

/// A host, as a client writes it, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Destination {
    /// `None` is any host.
    host: Option<String>,
    /// `None` is any port.
    port: Option<u16>,
}

impl Destination {
    fn is(&self, host: &str, port: u16) -> bool {
        self.host.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(host))
            && self.port.is_none_or(|wanted| wanted == port)
    }
}

impl Permissions {
    /// Everything that the server has.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Programs alone: what `restrict` leaves.
    #[must_use]
    pub fn none() -> Self {
        Self { forbidden: Feature::ALL.map(|(feature, _)| feature).into(), ..Self::default() }
    }

    /// The same without `feature`.
    #[must_use]
    pub fn forbid(mut self, feature: Feature) -> Self {
        self.forbidden.insert(feature);
        self
    }

    /// The same with `feature`.
    #[must_use]
    pub fn permit(mut self, feature: Feature) -> Self {
        self.forbidden.remove(&feature);
        self
    }

    /// The same with connections through the server (`-L`) to this host and port only (`None`: any port), and to those
    /// that earlier calls named. No names are looked up: the host is compared as the client writes it.
    #[must_use]
    pub fn open_only_to(mut self, host: &str, port: Option<u16>) -> Self {
        add(&mut self.open, Some(host), port);
        self
    }

    /// The same with listening on the server (`-R`) on this host (`None`: any) and port (`None`: any) only, and on those
    /// that earlier calls named.
    #[must_use]
    pub fn listen_only_on(mut self, host: Option<&str>, port: Option<u16>) -> Self {
        add(&mut self.listen, host, port);
        self
    }

    /// The same with `command` run instead of whatever the client asks for.
    #[must_use]
    pub fn force_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// The same with a variable for the programs.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Whether `feature` may be had. Of forwarding, [`permits_open`](Self::permits_open),
    /// [`permits_listen`](Self::permits_listen) and [`permits_sockets`](Self::permits_sockets) say more.
    #[must_use]
    pub fn permits(&self, feature: Feature) -> bool {
        !self.forbidden.contains(&feature)
    }

    /// Whether the client may connect through the server to `host`, as it wrote it, and `port` (`direct-tcpip`).
    #[must_use]
    pub fn permits_open(&self, host: &str, port: u16) -> bool {
        self.permits(Feature::PortForwarding) && all_have(&self.open, host, port)
    }

    /// Whether the client may listen on the server on `host`, as it wrote it, and `port` (`tcpip-forward`). Port 0, which
    /// is any free one, is permitted where every port is.
    #[must_use]
    pub fn permits_listen(&self, host: &str, port: u16) -> bool {
        self.permits(Feature::PortForwarding) && all_have(&self.listen, host, port)
    }

    /// Whether the client may use Unix sockets of the server (`direct-streamlocal@openssh.com`,
    /// `streamlocal-forward@openssh.com`). Who may reach some hosts only may reach no sockets: there is no way to name
    /// one.
    #[must_use]
    pub fn permits_sockets(&self) -> bool {
        self.permits(Feature::PortForwarding) && self.open.is_empty() && self.listen.is_empty()
    }

    /// What runs instead of what the client asks for.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// Variables for the programs.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// What both permit: of a certificate and the line that trusts its authority, or of two factors of one login.
    ///
    /// # Errors
    /// When they force two different commands: neither may be left out.
    pub fn and(mut self, other: Self) -> Result<Self, CommandConflict> {
        self.command = match (self.command, other.command) {
            (Some(one), Some(two)) if one != two => return Err(CommandConflict),
            (one, two) => one.or(two),
        };
        self.forbidden.extend(other.forbidden);
        self.open.extend(other.open);
        self.listen.extend(other.listen);
        self.environment.extend(other.environment);
        Ok(self)
    }
}

fn add(lists: &mut Vec<Vec<Destination>>, host: Option<&str>, port: Option<u16>) {
    let destination = Destination { host: host.map(str::to_owned), port };
    match lists.first_mut() {
        Some(list) => list.push(destination),
        None => lists.push(vec![destination]),
    }
}

fn all_have(lists: &[Vec<Destination>], host: &str, port: u16) -> bool {
    lists.iter().all(|list| list.iter().any(|destination| destination.is(host, port)))
}

/// Two sources force two different commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct CommandConflict;

impl fmt::Display for CommandConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two different forced commands apply to one login")
    }
}

impl std::error::Error for CommandConflict {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_permits_everything_and_none_programs_alone() {
        let (all, none) = (Permissions::all(), Permissions::none());
        for (feature, _) in Feature::ALL {
            assert!(all.permits(feature) && !none.permits(feature), "{feature:?}");
            assert!(!all.clone().forbid(feature).permits(feature) && none.clone().permit(feature).permits(feature));
        }
        assert!(all.permits_open("db", 1) && all.permits_listen("", 0) && all.permits_sockets());
        assert!(!none.permits_open("db", 1) && !none.permits_listen("", 0) && !none.permits_sockets());
    }

    #[test]
    fn destinations_are_hosts_as_they_are_written_and_ports() {
        let some = Permissions::all().open_only_to("db.example", Some(5432)).open_only_to("::1", None);
        for (host, port, expected) in
            [("DB.example", 5432, true), ("db.example", 22, false), ("::1", 22, true), ("127.0.0.1", 22, false)]
        {
            assert_eq!(some.permits_open(host, port), expected, "{host} {port}");
        }
        assert!(some.permits_listen("anywhere", 1) && !some.permits_sockets());
        let some = Permissions::all().listen_only_on(None, Some(8080)).listen_only_on(Some("localhost"), None);
        for (host, port, expected) in
            [("", 8080, true), ("0.0.0.0", 8080, true), ("", 0, false), ("localhost", 0, true), ("::1", 22, false)]
        {
            assert_eq!(some.permits_listen(host, port), expected, "{host} {port}");
        }
        assert!(some.permits_open("anywhere", 1) && !some.permits_sockets());
    }

    #[test]
    fn what_two_sources_permit_is_what_both_do() {
        let one = Permissions::all().forbid(Feature::Terminal).open_only_to("a", None).force_command("x");
        let two = Permissions::all().forbid(Feature::UserRc).open_only_to("a", Some(1)).open_only_to("b", None);
        let both = one.clone().and(two.with_variable("A", "1")).unwrap();
        assert!(!both.permits(Feature::Terminal) && !both.permits(Feature::UserRc));
        assert!(both.permits_open("a", 1) && !both.permits_open("a", 2) && !both.permits_open("b", 1));
        assert_eq!((both.command(), both.environment()), (Some("x"), &[("A".to_owned(), "1".to_owned())][..]));
        assert_eq!(one.clone().and(Permissions::none().force_command("x")).unwrap().command(), Some("x"));
        assert_eq!(one.and(Permissions::all().force_command("y")), Err(CommandConflict));
    }
}
