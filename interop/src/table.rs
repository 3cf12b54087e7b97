//! The peers, as data.

/// One code base.
#[derive(Debug)]
#[non_exhaustive]
pub struct Peer {
    /// What people call it.
    pub name: &'static str,
    /// Where it comes from: the version that is shown is this package's.
    pub package: Package,
    /// As a client.
    pub client: Option<Side>,
    /// As a server.
    pub server: Option<Side>,
}

/// Where a peer comes from; `setup.sh` installs them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Package {
    /// A package of Debian.
    Debian(&'static str),
    /// A package of PyPI, in a virtual environment.
    Python(&'static str),
    /// A package of npm.
    Node(&'static str),
    /// A crate, which a small program of ours uses.
    Crate(&'static str),
}

/// A peer in one role.
#[derive(Debug)]
#[non_exhaustive]
pub struct Side {
    /// What runs it.
    pub program: Program,
    /// Whom a client may log in as.
    pub user: User,
    /// The keys that it can use or let in, the one for most logins first. What it does with the others is tried too: they
    /// are refused, or never sent.
    pub keys: &'static [Key],
    /// Whether what it runs has an input.
    pub input: Ability,
    /// Whether it has subsystems of one's own.
    pub subsystem: Ability,
    /// Whether it asks for new keys itself when told to.
    pub rekeys: Ability,
    /// What is known not to work, and is tried all the same: the day it works, the test says so.
    pub limits: &'static [Limit],
}

/// Whether a peer can do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// It can.
    Yes,
    /// It cannot, and why.
    No(&'static str),
}

/// What runs a peer: a file below `peers/`, or a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is named like the interpreter")]
pub enum Program {
    Shell(&'static str),
    Python(&'static str),
    Node(&'static str),
    Ruby(&'static str),
    Php(&'static str),
    Erlang(&'static str),
    Java(&'static str),
}

/// Who logs in to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum User {
    /// Anybody, under this name.
    Peer,
    /// Who runs the tests: it looks into the machine's list of users.
    Own,
}

/// A type of user key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Key {
    Ed25519,
    Ecdsa,
    Rsa,
}

impl Key {
    /// All types that are tried.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::Ecdsa, Self::Rsa];

    /// The name of the key's file.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
        }
    }

    /// The type's name on the wire.
    #[must_use]
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Ecdsa => "ecdsa-sha2-nistp256",
            Self::Rsa => "ssh-rsa",
        }
    }
}

/// Something that a peer says it can do, and cannot.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limit {
    /// The row of the matrix.
    pub row: &'static str,
    /// Why, for the reader of the matrix.
    pub reason: &'static str,
}

const YES: Ability = Ability::Yes;
const ALL_KEYS: &[Key] = &Key::ALL;

const fn side(program: Program) -> Side {
    Side { program, user: User::Peer, keys: ALL_KEYS, input: YES, subsystem: YES, rekeys: YES, limits: &[] }
}

/// All peers.
pub static PEERS: &[Peer] = &[
    Peer {
        name: "OpenSSH",
        package: Package::Debian("openssh-client"),
        client: Some(side(Program::Shell("clients/openssh.sh"))),
        server: Some(Side { user: User::Own, ..side(Program::Shell("servers/openssh.sh")) }),
    },
    Peer {
        name: "OpenSSH 7.5",
        package: Package::Debian("openssh-client-ssh1"),
        client: Some(side(Program::Shell("clients/openssh7.sh"))),
        server: None,
    },
    Peer {
        name: "dropbear",
        package: Package::Debian("dropbear-bin"),
        client: Some(Side { rekeys: COMPILED_IN, ..side(Program::Shell("clients/dropbear.sh")) }),
        server: Some(Side {
            rekeys: COMPILED_IN,
            subsystem: Ability::No("it knows no subsystem but sftp"),
            ..side(Program::Shell("servers/dropbear.sh"))
        }),
    },
    Peer {
        name: "PuTTY",
        package: Package::Debian("putty-tools"),
        client: Some(side(Program::Shell("clients/plink.sh"))),
        server: None,
    },
    Peer {
        name: "tinyssh",
        package: Package::Debian("tinysshd"),
        client: None,
        server: Some(Side {
            keys: &[Key::Ed25519],
            rekeys: Ability::No("it has no setting for when it asks for new keys"),
            ..side(Program::Shell("servers/tinyssh.sh"))
        }),
    },
    Peer {
        name: "Paramiko",
        package: Package::Python("paramiko"),
        client: Some(side(Program::Python("clients/paramiko_client.py"))),
        server: Some(side(Program::Python("servers/paramiko_server.py"))),
    },
    Peer {
        name: "AsyncSSH",
        package: Package::Python("asyncssh"),
        client: Some(side(Program::Python("clients/asyncssh_client.py"))),
        server: Some(side(Program::Python("servers/asyncssh_server.py"))),
    },
    Peer {
        name: "Conch",
        package: Package::Python("twisted"),
        client: Some(Side { rekeys: NEVER, ..side(Program::Python("clients/conch_client.py")) }),
        server: Some(Side { rekeys: NEVER, ..side(Program::Python("servers/conch_server.py")) }),
    },
    Peer {
        name: "libssh (ssh-python)",
        package: Package::Python("ssh-python"),
        client: Some(Side {
            rekeys: Ability::No("the binding to Python cannot set it"),
            ..side(Program::Python("clients/libssh_client.py"))
        }),
        server: None,
    },
    Peer {
        name: "libssh (Debian)",
        package: Package::Debian("libssh-4"),
        client: None,
        server: Some(Side {
            rekeys: Ability::No("its server has no setting for it"),
            ..side(Program::Shell("servers/libssh.sh"))
        }),
    },
    Peer {
        name: "libssh2 (ssh2-python)",
        package: Package::Python("ssh2-python"),
        client: Some(Side { rekeys: NEVER, ..side(Program::Python("clients/libssh2_client.py")) }),
        server: None,
    },
    Peer {
        name: "libssh2 (Debian)",
        package: Package::Debian("libssh2-1"),
        client: Some(Side {
            rekeys: NEVER,
            subsystem: Ability::No("the binding to PHP starts none but sftp"),
            ..side(Program::Php("clients/libssh2.php"))
        }),
        server: None,
    },
    Peer {
        name: "ssh2 (npm)",
        package: Package::Node("ssh2"),
        client: Some(Side { rekeys: NEVER, ..side(Program::Node("clients/ssh2_client.js")) }),
        server: Some(Side { rekeys: NEVER, ..side(Program::Node("servers/ssh2_server.js")) }),
    },
    Peer {
        name: "dev-tunnels-ssh",
        package: Package::Node("@microsoft/dev-tunnels-ssh"),
        client: Some(Side {
            keys: &[Key::Ecdsa, Key::Rsa],
            limits: DEV_TUNNELS,
            ..side(Program::Node("clients/devtunnels_client.js"))
        }),
        server: None,
    },
    Peer {
        name: "Go x/crypto",
        package: Package::Debian("golang-golang-x-crypto-dev"),
        client: Some(Side { limits: GO, ..side(Program::Shell("clients/go.sh")) }),
        server: Some(Side { limits: GO, ..side(Program::Shell("servers/go.sh")) }),
    },
    Peer {
        name: "Erlang/OTP",
        package: Package::Debian("erlang-ssh"),
        client: Some(Side { rekeys: ONCE_A_MINUTE, ..side(Program::Erlang("clients/erlang_client.escript")) }),
        server: Some(Side { rekeys: ONCE_A_MINUTE, ..side(Program::Erlang("servers/erlang_server.escript")) }),
    },
    Peer {
        name: "JSch",
        package: Package::Debian("libjsch-java"),
        client: Some(Side { keys: &[Key::Rsa, Key::Ecdsa], rekeys: NEVER, ..side(Program::Java("JschPeer")) }),
        server: None,
    },
    Peer {
        name: "Ganymed",
        package: Package::Debian("libganymed-ssh2-java"),
        client: Some(Side { keys: &[Key::Rsa], rekeys: NEVER, ..side(Program::Java("GanymedPeer")) }),
        server: None,
    },
    Peer {
        name: "Trilead",
        package: Package::Debian("libtrilead-ssh2-java"),
        client: Some(Side { keys: &[Key::Rsa], rekeys: NEVER, ..side(Program::Java("TrileadPeer")) }),
        server: None,
    },
    Peer {
        name: "net-ssh",
        package: Package::Debian("ruby-net-ssh"),
        client: Some(side(Program::Ruby("clients/netssh.rb"))),
        server: None,
    },
    Peer {
        name: "phpseclib",
        package: Package::Debian("php-phpseclib"),
        client: Some(Side {
            keys: &[Key::Rsa],
            input: Ability::No("it sends no input to a command"),
            subsystem: Ability::No("it starts none but sftp"),
            rekeys: NEVER,
            limits: PHPSECLIB,
            ..side(Program::Php("clients/phpseclib.php"))
        }),
        server: None,
    },
    Peer {
        name: "russh",
        package: Package::Crate("russh"),
        client: Some(side(Program::Shell("clients/russh.sh"))),
        server: Some(side(Program::Shell("servers/russh.sh"))),
    },
];

/// OpenSSH's server reads such a key all the same. It disconnects from OpenSSH's as from ours when the server asks for new
/// keys: "Key exchange was not started".
const DEV_TUNNELS: &[Limit] = &[
    Limit {
        row: "rsa",
        reason: "it writes `rsa-sha2-512` into the blob of an RSA key, where RFC 8332 §3 has `ssh-rsa`",
    },
    Limit { row: "down, new keys by us", reason: "it takes a server's wish for new keys for an error, OpenSSH's too" },
    Limit { row: "up, new keys by us", reason: "it takes a server's wish for new keys for an error, OpenSSH's too" },
];
/// Against OpenSSH's server with a `RekeyLimit` it stops short of the end, without a word.
const PHPSECLIB: &[Limit] = &[Limit {
    row: "down, new keys by us",
    reason: "it cannot read on behind a server's wish for new keys; from OpenSSH's server it stops short too",
}];
/// Its `cbcCipher` knows nothing of `MacModes.etm`. The MACs are tried beside its ciphers in counter mode.
const GO: &[Limit] = &[Limit {
    row: "aes128-cbc",
    reason: "beside CBC it computes every MAC over what is not encrypted, `-etm` or not",
}];
const ONCE_A_MINUTE: Ability = Ability::No("it looks once a minute at how much it has sent");
const NEVER: Ability = Ability::No("it has no setting for when it asks for new keys");
const COMPILED_IN: Ability = Ability::No("when it asks for new keys was chosen when it was built");
