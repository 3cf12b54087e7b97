//! What a server carries for its clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use ssh_proto::OpenFailureReason;

use super::listen::{Place, listen_socket, listen_tcp};
use super::remote::connect;
use super::target::Target;
use crate::offer::{ChannelKind, ChannelOffer};
use crate::server::{Connection, ConnectionRequest, Wish};

/// What a server carries for its clients: nothing, unless it says so, and to none more than its login
/// [permits](crate::server::Permissions). A [`Handler`](crate::server::Handler) that has one
/// hands on to it what it is asked:
///
/// ```
/// use ssh_transport::ChannelOffer;
/// use ssh_transport::forward::{Allow, Forwarding};
/// use ssh_transport::server::{Attempt, Connection, ConnectionRequest, Decision, Handler, ProgramRequest};
///
/// struct Gateway {
///     forwarding: Forwarding,
/// }
///
/// impl Handler for Gateway {
///     async fn authorize(&self, _attempt: &Attempt<'_>) -> Decision {
///         Decision::Refuse
///     }
///
///     fn program(&self, request: ProgramRequest) {
///         request.reject();
///     }
///
///     fn channel(&self, offer: ChannelOffer, connection: &Connection) {
///         self.forwarding.channel(offer, connection);
///     }
///
///     fn request(&self, request: ConnectionRequest) {
///         self.forwarding.request(request);
///     }
/// }
///
/// let mut forwarding = Forwarding::default();
/// forwarding.tcp = Allow::Local;
/// let gateway = Gateway { forwarding };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarding {
    /// TCP (OpenSSH's `AllowTcpForwarding`): no.
    pub tcp: Allow,
    /// Unix sockets (`AllowStreamLocalForwarding`): no. They reach whatever the server's own user can reach.
    pub sockets: Allow,
    /// Who can connect to what listens for a client: this machine only.
    pub gateway_ports: GatewayPorts,
    /// The most listeners of one connection: 16.
    pub max_listeners: usize,
    /// How long a connection may take to be made: 30 seconds.
    pub connect_timeout: Duration,
}

/// Which direction is carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "OpenSSH's four words")]
pub enum Allow {
    /// None.
    #[default]
    No,
    /// The server connects for the client (`ssh -L`, `-D`, `-W`, `-J`).
    Local,
    /// The server listens for the client (`ssh -R`).
    Remote,
    /// Both.
    Yes,
}

/// OpenSSH's `GatewayPorts`: which addresses a client may have the server listen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "OpenSSH's three words, of which yes is no good idea")]
pub enum GatewayPorts {
    /// Loopback, whatever the client asks for.
    #[default]
    No,
    /// What the client asks for.
    ClientSpecified,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            tcp: Allow::No,
            sockets: Allow::No,
            gateway_ports: GatewayPorts::No,
            max_listeners: 16,
            connect_timeout: Duration::from_secs(30),
        }
    }
}

impl Allow {
    const fn local(self) -> bool {
        matches!(self, Self::Local | Self::Yes)
    }

    const fn remote(self) -> bool {
        matches!(self, Self::Remote | Self::Yes)
    }
}

impl Forwarding {
    /// A client wants to be connected.
    pub fn channel(&self, offer: ChannelOffer, connection: &Connection) {
        let permissions = &connection.peer().permissions;
        let (target, allowed) = match offer.kind() {
            ChannelKind::DirectTcpip(tcp) => {
                let Ok(port) = u16::try_from(tcp.port) else {
                    return offer.refuse(OpenFailureReason::CONNECT_FAILED, "there is no such port");
                };
                (Target::tcp(&tcp.host, port), self.tcp.local() && permissions.permits_open(&tcp.host, port))
            }
            ChannelKind::DirectStreamLocal(path) => {
                (Target::socket(path), self.sockets.local() && permissions.permits_sockets())
            }
            ChannelKind::Other { .. } => {
                return offer.refuse(OpenFailureReason::UNKNOWN_CHANNEL_TYPE, "unknown channel type");
            }
            _ => return offer.refuse(OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "not offered"),
        };
        let user = connection.peer().user.clone();
        if !allowed {
            tracing::info!(user, ?target, "refused to connect");
            return offer.refuse(OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "forwarding is not permitted");
        }
        tracing::info!(user, ?target, "connects for a client");
        let timeout = self.connect_timeout;
        tokio::spawn(async move { connect(offer, &target, timeout).await });
    }

    /// A client wants the server to listen, or no longer to.
    pub fn request(&self, request: ConnectionRequest) {
        let peer = request.connection().peer().clone();
        let (user, permissions) = (peer.user.clone(), &peer.permissions);
        match request.wish().clone() {
            Wish::TcpipForward { address, port } => {
                let Some(port) = u16::try_from(port)
                    .ok()
                    .filter(|port| self.tcp.remote() && permissions.permits_listen(&address, *port))
                else {
                    return tracing::info!(user, address, port, "refused to listen");
                };
                let Some(slot) = request.connection().listeners().reserve(self.max_listeners) else {
                    return tracing::warn!(user, address, port, "refused to listen: too many listeners");
                };
                let addresses = self.addresses(&address);
                tokio::spawn(async move {
                    match listen_tcp(request.connection(), slot, &address, &addresses.resolve().await, port) {
                        Ok(bound) => {
                            tracing::info!(user, address, port = bound, "listens for a client");
                            if port == 0 { request.accept_port(bound) } else { request.accept() }
                        }
                        Err(error) => tracing::info!(user, address, port, %error, "cannot listen"),
                    }
                });
            }
            Wish::CancelTcpipForward { address, port } => {
                let Ok(port) = u16::try_from(port) else { return };
                if request.connection().listeners().remove(&Place::Tcp(address, port)) {
                    request.accept();
                }
            }
            Wish::StreamLocalForward(path) => {
                if !(self.sockets.remote() && permissions.permits_sockets()) {
                    return tracing::info!(user, path = %path.display(), "refused to listen");
                }
                let Some(slot) = request.connection().listeners().reserve(self.max_listeners) else {
                    return tracing::warn!(user, path = %path.display(), "refused to listen: too many listeners");
                };
                match listen_socket(request.connection(), slot, &path) {
                    Ok(()) => {
                        tracing::info!(user, path = %path.display(), "listens for a client");
                        request.accept();
                    }
                    Err(error) => tracing::info!(user, path = %path.display(), %error, "cannot listen"),
                }
            }
            Wish::CancelStreamLocalForward(path) => {
                if request.connection().listeners().remove(&Place::Socket(Path::new(&path).to_owned())) {
                    request.accept();
                }
            }
            Wish::Other { .. } => {}
        }
    }

    /// What a client means by an address to listen on: "" is all, "localhost" is loopback (RFC 4254 §7.1).
    fn addresses(&self, address: &str) -> Addresses {
        const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        const ALL: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        match (self.gateway_ports, address) {
            (GatewayPorts::ClientSpecified, "" | "*") => Addresses::These(ALL.to_vec()),
            (_, "localhost") | (GatewayPorts::No, "" | "*") => Addresses::These(LOOPBACK.to_vec()),
            (gateway_ports, address) => match address.parse::<IpAddr>() {
                Ok(ip) if ip.is_loopback() || gateway_ports == GatewayPorts::ClientSpecified => {
                    Addresses::These(vec![ip])
                }
                Err(_name) if gateway_ports == GatewayPorts::ClientSpecified => Addresses::Of(address.to_owned()),
                _ => Addresses::These(LOOPBACK.to_vec()),
            },
        }
    }
}

/// Addresses to listen on.
#[derive(Debug, PartialEq, Eq)]
enum Addresses {
    These(Vec<IpAddr>),
    /// Those of a name.
    Of(String),
}

impl Addresses {
    async fn resolve(self) -> Vec<IpAddr> {
        match self {
            Self::These(addresses) => addresses,
            Self::Of(name) => match tokio::net::lookup_host((name, 0)).await {
                Ok(found) => found.map(|address| address.ip()).collect(),
                Err(_unknown) => Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4254_s7_1_addresses_to_listen_on_are_loopback_unless_the_server_says_otherwise() {
        let mut forwarding = Forwarding::default();
        let ips = |text: &[&str]| Addresses::These(text.iter().map(|ip| ip.parse().unwrap()).collect());
        let loopback = || ips(&["127.0.0.1", "::1"]);
        for address in ["", "*", "0.0.0.0", "::", "localhost", "192.0.2.1", "host.example"] {
            assert_eq!(forwarding.addresses(address), loopback(), "{address}");
        }
        assert_eq!(forwarding.addresses("127.0.0.1"), ips(&["127.0.0.1"]));
        assert_eq!(forwarding.addresses("::1"), ips(&["::1"]));
        forwarding.gateway_ports = GatewayPorts::ClientSpecified;
        assert_eq!(forwarding.addresses(""), ips(&["0.0.0.0", "::"]));
        assert_eq!(forwarding.addresses("localhost"), loopback());
        assert_eq!(forwarding.addresses("192.0.2.1"), ips(&["192.0.2.1"]));
        assert_eq!(forwarding.addresses("host.example"), Addresses::Of("host.example".to_owned()));
    }
}
