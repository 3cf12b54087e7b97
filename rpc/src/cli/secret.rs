//! Keys in files, and their passphrases.

use std::io::IsTerminal;
use std::path::Path;

use ssh_transport::identity::{Identity, IdentityError};
use zeroize::Zeroizing;

use super::config::shown;
use super::failure::Failure;
use super::terminal::Ask;

/// Programs that nobody watches give passphrases this way.
pub(crate) const VARIABLE: &str = "SSHRPC_PASSPHRASE";

/// Reads a private key. Where it is encrypted, the passphrase comes from the environment, or from whoever may be asked.
pub(crate) fn read_identity(path: &Path, whom: Ask) -> Result<Identity, Failure> {
    let from_environment = from_environment();
    let can_ask = from_environment.is_none() && whom == Ask::Somebody && std::io::stderr().is_terminal();
    let mut tries = if can_ask { 3 } else { 1 };
    loop {
        tries -= 1;
        let read = Identity::from_file(path, |path| match &from_environment {
            None if can_ask => ask(&format!("Passphrase of {}: ", shown(path))),
            passphrase => passphrase.clone(),
        });
        match read {
            Err(error) if error.needs_passphrase() && tries > 0 => {}
            Err(error) => return Err(explain(&error)),
            Ok(identity) => return Ok(identity),
        }
    }
}

/// The same, and before it the certificate that lies beside the file, if one does.
pub(crate) fn read_identities(path: &Path, whom: Ask) -> Result<Vec<Identity>, Failure> {
    let identity = read_identity(path, whom)?;
    let certified = identity.certified().map_err(|error| explain(&error))?;
    Ok(certified.into_iter().chain([identity]).collect())
}

fn explain(error: &IdentityError) -> Failure {
    let failure = Failure::local(error);
    if error.needs_passphrase() {
        return failure.hint(format!("set {VARIABLE}, or run this in a terminal, where it is asked for"));
    }
    failure
}

/// The passphrase for a new key: from the environment, or asked for twice.
pub(crate) fn new_passphrase() -> Result<Zeroizing<String>, Failure> {
    if let Some(passphrase) = from_environment() {
        return Ok(passphrase);
    }
    let nobody = || Failure::usage("there is no terminal to ask for a passphrase").hint(format!("set {VARIABLE}"));
    let first = ask("New passphrase: ").ok_or_else(nobody)?;
    let again = ask("The same again: ").ok_or_else(nobody)?;
    if first != again {
        return Err(Failure::usage("the two passphrases differ"));
    }
    Ok(first)
}

fn from_environment() -> Option<Zeroizing<String>> {
    std::env::var(VARIABLE).ok().map(Zeroizing::new)
}

fn ask(prompt: &str) -> Option<Zeroizing<String>> {
    rpassword::prompt_password(prompt).ok().map(Zeroizing::new)
}
