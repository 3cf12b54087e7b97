//! Why there is no connection with a node.

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::epmd::EpmdError;
use super::handshake::HandshakeError;

/// Why a node is not connected.
#[derive(Debug)]
#[non_exhaustive]
pub struct DistError {
    /// The node.
    pub node: String,
    /// What went wrong.
    pub problem: DistProblem,
}

/// What went wrong with a node.
#[derive(Debug)]
#[non_exhaustive]
pub enum DistProblem {
    /// The port mapper does not say where it listens.
    Epmd(EpmdError),
    /// Nobody listens where it should.
    Connect(SocketAddr, io::Error),
    /// It did not agree to be connected.
    Handshake(HandshakeError),
    /// It took too long to agree.
    Slow(Duration),
    /// The connection ended before it was of use.
    Ended(String),
    /// The address is not one of this machine, and cookies protect nothing on a network.
    NotLoopback(SocketAddr),
    /// Our own name is no name of a node: `NAME@HOST`.
    Unnamed(String),
    /// This node has a connection with it, or its name.
    Taken,
}

impl fmt::Display for DistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to the node {}: ", self.node)?;
        match &self.problem {
            DistProblem::Epmd(error) => error.fmt(f),
            DistProblem::Connect(address, error) => write!(f, "nobody listens at {address}: {error}"),
            DistProblem::Handshake(error) => error.fmt(f),
            DistProblem::Slow(patience) => write!(f, "it did not agree within {} s", patience.as_secs()),
            DistProblem::Ended(why) => f.write_str(why),
            DistProblem::NotLoopback(address) => write!(f, "{} is not of this machine", address.ip()),
            DistProblem::Unnamed(name) => {
                write!(f, "our own name, `{}`, is no name of a node: NAME@HOST", name.escape_debug())
            }
            DistProblem::Taken => f.write_str("this node has its name, or a connection with it"),
        }
    }
}

impl std::error::Error for DistError {}

impl From<EpmdError> for DistProblem {
    fn from(error: EpmdError) -> Self {
        Self::Epmd(error)
    }
}

impl From<HandshakeError> for DistProblem {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

/// Why there is no connection any more.
#[derive(Debug)]
pub(super) enum Ended {
    /// It has closed the connection.
    Closed,
    /// Nothing came for this time.
    Silent(Duration),
    /// Reading or writing failed.
    Io(io::Error),
    /// It said what is no control message.
    Malformed,
    /// It does not take what is sent to it as fast as it comes.
    Overflown,
    /// A term is longer than the format can say.
    TooLong,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it closed the connection"),
            Self::Silent(silence) => write!(f, "it said nothing for {} ms", silence.as_millis()),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Malformed => f.write_str("it sent what is no control message"),
            Self::Overflown => f.write_str("it takes signals more slowly than they come"),
            Self::TooLong => f.write_str("a term is longer than 32 bits can say"),
        }
    }
}
