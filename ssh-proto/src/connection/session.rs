//! Sessions, [RFC 4254 §6](https://www.rfc-editor.org/rfc/rfc4254#section-6): what can be asked of a channel.

use alloc::vec::Vec;

use super::requests::For;
use crate::wire::{InvalidMessage, Put, Reader};

/// A channel request, either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelRequest<'a> {
    /// `pty-req` (§6.2).
    Pty(PtyRequest<'a>),
    /// `x11-req` (§6.3): open an `x11` channel for each connection to the display.
    X11(X11Request<'a>),
    /// `auth-agent-req@openssh.com`: open an `auth-agent@openssh.com` channel for each connection to the agent.
    AgentForwarding,
    /// `env` (§6.4).
    Env {
        /// The variable's name.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// `shell` (§6.5): the user's default shell.
    Shell,
    /// `exec` (§6.5): a command.
    Exec {
        /// As the client wrote it.
        command: &'a [u8],
    },
    /// `subsystem` (§6.5): a program by its abstract name.
    Subsystem {
        /// The name, `sshrpc@k2r.org` say.
        name: &'a str,
    },
    /// `window-change` (§6.7).
    WindowChange(WindowSize),
    /// `xon-xoff` (§6.8).
    XonXoff {
        /// Whether the client may do flow control by control-S and control-Q.
        client_can_do: bool,
    },
    /// `signal` (§6.9).
    Signal {
        /// Without SIG: `TERM`; or `INFO@openssh.com`.
        name: &'a str,
    },
    /// `break` (RFC 4335).
    Break {
        /// In milliseconds; 0 leaves it to the other side.
        length: u32,
    },
    /// `eow@openssh.com` (PROTOCOL §2.1): the peer reads no more data; it may still send some.
    EndOfWrite,
    /// `exit-status` (§6.10).
    ExitStatus(u32),
    /// `exit-signal` (§6.10).
    ExitSignal(Signal<'a>),
    /// Any other request; the caller may know it.
    Other {
        /// The request type.
        name: &'a str,
        /// The type-specific data.
        data: &'a [u8],
    },
}

/// `pty-req` (RFC 4254 §6.2).
///
/// ```text
/// string TERM environment variable value · uint32 terminal width, characters · uint32 terminal height, rows
/// uint32 terminal width, pixels · uint32 terminal height, pixels · string encoded terminal modes
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct PtyRequest<'a> {
    /// `vt100`, say.
    pub term: &'a [u8],
    /// How large the terminal is.
    pub size: WindowSize,
    /// Opcodes and arguments (RFC 4254 §8), as they came.
    pub modes: &'a [u8],
}

/// A terminal's size. "Zero dimension parameters MUST be ignored."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct WindowSize {
    /// Characters.
    pub columns: u32,
    /// Characters.
    pub rows: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// `x11-req` (RFC 4254 §6.3.1).
///
/// ```text
/// boolean single connection · string x11 authentication protocol · string x11 authentication cookie
/// uint32 x11 screen number
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct X11Request<'a> {
    /// "If 'single connection' is TRUE, only a single connection should be forwarded."
    pub single_connection: bool,
    /// `MIT-MAGIC-COOKIE-1`, say.
    pub protocol: &'a str,
    /// In hexadecimal digits. "It is RECOMMENDED that the 'x11 authentication cookie' that is sent be a fake, random
    /// cookie": it is a secret all the same.
    pub cookie: &'a str,
    /// The screen.
    pub screen: u32,
}

impl core::fmt::Debug for X11Request<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("X11Request")
            .field("single_connection", &self.single_connection)
            .field("protocol", &self.protocol)
            .field("cookie", &"[redacted]")
            .field("screen", &self.screen)
            .finish()
    }
}

/// `exit-signal` (RFC 4254 §6.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are those of the message")]
pub struct Signal<'a> {
    /// Without SIG: `KILL`.
    pub name: &'a str,
    /// Whether a core file was written.
    pub core_dumped: bool,
    /// For people.
    pub message: &'a [u8],
}

impl<'a> ChannelRequest<'a> {
    /// Reads the type-specific data of a request.
    pub(super) fn decode(request_type: &'a str, data: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(data);
        let request = match request_type {
            "pty-req" => Self::Pty(PtyRequest {
                term: reader.string("TERM environment variable value")?,
                size: WindowSize::read(&mut reader)?,
                modes: reader.string("encoded terminal modes")?,
            }),
            "x11-req" => Self::X11(X11Request {
                single_connection: reader.boolean("single connection")?,
                protocol: reader.utf8("x11 authentication protocol")?,
                cookie: reader.utf8("x11 authentication cookie")?,
                screen: reader.u32("x11 screen number")?,
            }),
            AGENT_FORWARDING => Self::AgentForwarding,
            "env" => Self::Env { name: reader.string("variable name")?, value: reader.string("variable value")? },
            "shell" => Self::Shell,
            "exec" => Self::Exec { command: reader.string("command")? },
            "subsystem" => Self::Subsystem { name: reader.utf8("subsystem name")? },
            "window-change" => Self::WindowChange(WindowSize::read(&mut reader)?),
            "xon-xoff" => Self::XonXoff { client_can_do: reader.boolean("client can do")? },
            "break" => Self::Break { length: reader.u32("break-length")? },
            END_OF_WRITE => Self::EndOfWrite,
            "signal" => Self::Signal { name: reader.utf8("signal name")? },
            "exit-status" => Self::ExitStatus(reader.u32("exit_status")?),
            "exit-signal" => {
                let name = reader.utf8("signal name")?;
                let core_dumped = reader.boolean("core dumped")?;
                let message = reader.string("error message")?;
                reader.string("language tag")?;
                Self::ExitSignal(Signal { name, core_dumped, message })
            }
            name => return Ok(Self::Other { name, data }),
        };
        reader.finish("the channel request")?;
        Ok(request)
    }

    pub(super) const fn request_type(&self) -> &'a str {
        match self {
            Self::Pty(_) => "pty-req",
            Self::X11(_) => "x11-req",
            Self::AgentForwarding => AGENT_FORWARDING,
            Self::XonXoff { .. } => "xon-xoff",
            Self::Break { .. } => "break",
            Self::EndOfWrite => END_OF_WRITE,
            Self::Env { .. } => "env",
            Self::Shell => "shell",
            Self::Exec { .. } => "exec",
            Self::Subsystem { .. } => "subsystem",
            Self::WindowChange(_) => "window-change",
            Self::Signal { .. } => "signal",
            Self::ExitStatus(_) => "exit-status",
            Self::ExitSignal(_) => "exit-signal",
            Self::Other { name, .. } => name,
        }
    }

    /// Writes the type-specific data.
    pub(super) fn encode_data(&self, out: &mut Vec<u8>) {
        match self {
            Self::Pty(pty) => {
                out.put_string(pty.term);
                pty.size.write(out);
                out.put_string(pty.modes);
            }
            Self::Env { name, value } => {
                out.put_string(name);
                out.put_string(value);
            }
            Self::X11(x11) => {
                out.put_bool(x11.single_connection);
                out.put_string(x11.protocol.as_bytes());
                out.put_string(x11.cookie.as_bytes());
                out.put_u32(x11.screen);
            }
            Self::XonXoff { client_can_do } => out.put_bool(*client_can_do),
            Self::Shell | Self::AgentForwarding | Self::EndOfWrite => {}
            Self::Exec { command } => out.put_string(command),
            Self::Subsystem { name } | Self::Signal { name } => out.put_string(name.as_bytes()),
            Self::WindowChange(size) => size.write(out),
            Self::ExitStatus(number) | Self::Break { length: number } => out.put_u32(*number),
            Self::ExitSignal(signal) => {
                out.put_string(signal.name.as_bytes());
                out.put_bool(signal.core_dumped);
                out.put_string(signal.message);
                out.put_string(b"");
            }
            Self::Other { data, .. } => out.put_bytes(data),
        }
    }

    /// A client runs nothing for a server: "The client SHOULD ignore these messages" (RFC 4254 §6.5; §6.2 likewise).
    pub(super) const fn is_for(&self) -> For {
        match self {
            Self::Pty(_)
            | Self::X11(_)
            | Self::AgentForwarding
            | Self::Env { .. }
            | Self::Shell
            | Self::Exec { .. }
            | Self::Subsystem { .. }
            | Self::WindowChange(_) => For::Servers,
            Self::XonXoff { .. }
            | Self::Signal { .. }
            | Self::Break { .. }
            | Self::EndOfWrite
            | Self::ExitStatus(_)
            | Self::ExitSignal(_)
            | Self::Other { .. } => For::Either,
        }
    }

    /// "Only one of these requests can succeed per channel" (RFC 4254 §6.5).
    pub(super) const fn starts_program(&self) -> bool {
        matches!(self, Self::Shell | Self::Exec { .. } | Self::Subsystem { .. })
    }
}

const AGENT_FORWARDING: &str = "auth-agent-req@openssh.com";
const END_OF_WRITE: &str = "eow@openssh.com";

impl WindowSize {
    fn read(reader: &mut Reader<'_>) -> Result<Self, InvalidMessage> {
        Ok(Self {
            columns: reader.u32("terminal width, characters")?,
            rows: reader.u32("terminal height, rows")?,
            width: reader.u32("terminal width, pixels")?,
            height: reader.u32("terminal height, pixels")?,
        })
    }

    fn write(self, out: &mut Vec<u8>) {
        for value in [self.columns, self.rows, self.width, self.height] {
            out.put_u32(value);
        }
    }
}

#[cfg(test)]
mod tests;
