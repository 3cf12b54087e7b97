//! `sshrpc keygen`

use std::path::PathBuf;

use serde_json::json;
use ssh_proto::keys::Curve;
use ssh_transport::identity::write_key_pair;
use sshrpc::{PrivateKey, os_rng};

use super::config::{Folder, shown};
use super::failure::Failure;
use super::output::{FAINT, Output, STRONG, styled};
use super::{log, secret};

/// Make a key to log in with
///
/// The key is written in the format of OpenSSH, beside its public half. No file is ever overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sshrpc keygen                                 an ed25519 key in sshrpc's own folder, which `call` tries by itself
  sshrpc keygen --type rsa --bits 4096          an RSA key
  sshrpc keygen --type ecdsa --bits 384         an ECDSA key on nistp384
  sshrpc keygen --passphrase --file ~/.ssh/id_ed25519 --comment alice@work")]
pub(crate) struct Keygen {
    /// The type of key
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t)]
    kind: Kind,

    /// The length of an RSA key, 2048 to 8192 [default: 3072], or the curve of an ECDSA key: 256, 384 or 521 [default: 256]
    #[arg(long, short, value_name = "N")]
    bits: Option<u16>,

    /// Where to write it; the public half goes to FILE.pub [default: ~/.config/sshrpc/id_TYPE]
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,

    /// What its owner calls it [default: USER@HOST]
    #[arg(long, short, value_name = "TEXT")]
    comment: Option<String>,

    /// Encrypt it: SSHRPC_PASSPHRASE has the passphrase, or it is asked for
    #[arg(long)]
    passphrase: bool,
}

/// A type of key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    #[default]
    Ed25519,
    Rsa,
    Ecdsa,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
            Self::Ecdsa => "ecdsa",
        }
    }
}

impl Keygen {
    pub(crate) fn run(self, output: &Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let size = self.size()?;
        let path = match &self.file {
            Some(path) => path.clone(),
            None => Folder::find()?.user_key(self.kind.name()),
        };
        if path.exists() {
            // Said before a passphrase is asked for.
            return Err(exists(&path));
        }
        let passphrase = if self.passphrase { Some(secret::new_passphrase()?) } else { None };
        let comment = self.comment.clone().unwrap_or_else(default_comment);
        let key = generate(size)?;
        write_key_pair(&path, &key, &comment, passphrase.as_ref().map(|secret| secret.as_str()))
            .map_err(Failure::local)?;
        let (public, fingerprint) = (key.public(), key.public().fingerprint());
        let line = public.to_openssh_line(&comment);
        let beside = PathBuf::from(format!("{}.pub", path.display()));
        let text = || self.explain(size, &path, &beside, &fingerprint.to_string(), &line);
        let json = || {
            json!({
                "file": path,
                "public_file": beside,
                "type": public.key_type(),
                "bits": public.bits(),
                "fingerprint": fingerprint.to_string(),
                "authorized_keys_line": line,
            })
        };
        output.print(text, json)
    }

    /// What is asked for, before anything is done. There is one length of Ed25519 keys, as for `ssh-keygen`.
    fn size(&self) -> Result<Size, Failure> {
        match (self.kind, self.bits) {
            (Kind::Ed25519, _) => Ok(Size::Ed25519),
            (Kind::Rsa, None) => Ok(Size::Rsa(3072)),
            (Kind::Rsa, Some(bits @ 2048..=8192)) => Ok(Size::Rsa(bits.into())),
            (Kind::Rsa, Some(_)) => Err(Failure::usage("an RSA key has between 2048 and 8192 bits")),
            (Kind::Ecdsa, bits) => Curve::ALL
                .into_iter()
                .find(|curve| curve.bits() == usize::from(bits.unwrap_or(256)))
                .map(Size::Ecdsa)
                .ok_or_else(|| Failure::usage("an ECDSA key has 256, 384 or 521 bits")),
        }
    }

    fn explain(
        &self,
        size: Size,
        path: &std::path::Path,
        beside: &std::path::Path,
        fingerprint: &str,
        line: &str,
    ) -> String {
        let kind = match size {
            Size::Ed25519 => "ed25519".to_owned(),
            Size::Rsa(bits) => format!("RSA {bits}"),
            Size::Ecdsa(curve) => format!("ECDSA {}", curve.bits()),
        };
        let own = Folder::find().ok();
        let authorized = own.as_ref().map(|folder| shown(&folder.authorized_keys()));
        let found = own.is_some_and(|folder| folder.user_key(self.kind.name()) == path);
        let using = if found { String::new() } else { format!(" --identity {}", shown(path)) };
        format!(
            "A new {kind} key, readable for you alone:\n  \
             {}\n  {fingerprint}\n\n\
             Its public half, one line for the authorized_keys of a node:\n  {}\n\n\
             Let it in to your own node, and call:\n  {}\n  {}",
            styled(STRONG, shown(path)),
            styled(FAINT, line),
            styled(
                STRONG,
                format!("cat {} >> {}", shown(beside), authorized.unwrap_or_else(|| "authorized_keys".into()))
            ),
            styled(STRONG, format!("sshrpc call{using} 127.0.0.1:2222 lists reverse '[[1,2,3]]'")),
        )
    }
}

/// A type of key with its size.
#[derive(Clone, Copy, Debug)]
enum Size {
    Ed25519,
    Rsa(usize),
    Ecdsa(Curve),
}

fn generate(size: Size) -> Result<PrivateKey, Failure> {
    let mut rng = os_rng().map_err(Failure::local)?;
    match size {
        Size::Ed25519 => Ok(PrivateKey::generate_ed25519(&mut rng)),
        Size::Rsa(bits) => PrivateKey::generate_rsa(bits, &mut rng).map_err(Failure::local),
        Size::Ecdsa(curve) => Ok(PrivateKey::generate_ecdsa(curve, &mut rng)),
    }
}

fn exists(path: &std::path::Path) -> Failure {
    Failure::local(format!("{} exists already, and keys are never overwritten", shown(path)))
        .hint("use that one, or choose another name with `--file`")
}

fn default_comment() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    format!("{}@{}", user.as_deref().unwrap_or("me"), host.as_deref().unwrap_or("sshrpc"))
}
