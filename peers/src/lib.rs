//! Other people's SSH programs in tests: found, started, watched, and ended by their own id.
//!
//! A live test is a [`trial`] that names the programs it needs. Without them it shows up as ignored, with the reason;
//! with `SSHRPC_PEERS=require` in the environment, as on the machines that must have them, it fails. A test file with
//! trials has `harness = false` in its manifest and ends in [`run`]:
//!
//! ```no_run
//! use peers::{Child, Failed, LIMIT, Peers};
//!
//! fn says_its_version(peers: &Peers) -> Result<(), Failed> {
//!     let mut ssh = Child::spawn(peers.command("ssh").arg("-V"))?;
//!     ssh.wait_for("OpenSSH", LIMIT)?;
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     peers::run(vec![peers::trial("says_its_version", &["ssh"], says_its_version)])
//! }
//! ```

mod child;
mod find;

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

pub use child::{Child, wait_until};
pub use find::Peers;
pub use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
pub use tempfile::TempDir;

/// Long enough for anything on a busy machine, and short enough to wait for.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A test that needs the programs `peers`. When one is missing the test is marked as ignored, and its kind says which:
/// `test [ssh-agent is not installed] lists_keys ... ignored`. When `SSHRPC_PEERS` is `require`, or the test is run
/// although it is ignored (`--include-ignored`), a missing program is a failure.
pub fn trial<F>(name: &str, peers: &[&str], test: F) -> Trial
where
    F: FnOnce(&Peers) -> Result<(), Failed> + Send + 'static,
{
    trial_in(name, peers, find::policy(), test)
}

/// A test that needs something else than programs on the `PATH`, of which the caller knows that it is `missing`: the
/// words that [`trial`] would say.
pub fn trial_unless<F>(name: &str, missing: Option<String>, test: F) -> Trial
where
    F: FnOnce() -> Result<(), Failed> + Send + 'static,
{
    let found = missing.map_or(Ok(()), Err);
    trial_if(name, found, find::policy(), |()| test())
}

fn trial_in<F>(name: &str, peers: &[&str], policy: find::Policy, test: F) -> Trial
where
    F: FnOnce(&Peers) -> Result<(), Failed> + Send + 'static,
{
    let found = Peers::all(peers).map_err(|missing| format!("{missing} is not installed"));
    trial_if(name, found, policy, move |found| test(&found))
}

fn trial_if<T, F>(name: &str, found: Result<T, String>, policy: find::Policy, test: F) -> Trial
where
    T: Send + 'static,
    F: FnOnce(T) -> Result<(), Failed> + Send + 'static,
{
    let missing = match (found, &policy) {
        (_, find::Policy::Unknown(value)) => {
            let error = format!("SSHRPC_PEERS is {value:?}: set it to `require`, or not at all");
            return Trial::test(name, move || Err(error.into()));
        }
        (Ok(found), _) => return Trial::test(name, move || test(found)),
        (Err(missing), _) => missing,
    };
    let ignored = matches!(policy, find::Policy::Optional);
    let error = missing.clone();
    let trial = Trial::test(name, move || Err(error.into())).with_ignored_flag(ignored);
    if ignored { trial.with_kind(missing) } else { trial }
}

/// A trial that cannot run whatever is installed besides, because the peers that there are do not have `what`: it shows
/// up as ignored, with the reason, and fails when it is run all the same.
#[must_use]
pub fn unsupported(name: &str, what: &str) -> Trial {
    let error = what.to_owned();
    Trial::test(name, move || Err(error.into())).with_ignored_flag(true).with_kind(what)
}

/// Runs the trials as the arguments of the process say (`cargo test -- FILTER`), and says how it went.
#[must_use]
pub fn run(trials: Vec<Trial>) -> ExitCode {
    conclude(trials).exit_code()
}

/// As [`run`], for a program that does something with the result.
pub fn conclude(trials: Vec<Trial>) -> Conclusion {
    libtest_mimic::run(&Arguments::from_args(), trials)
}

/// A TCP port on which nobody listens, for programs that cannot choose one themselves. Somebody else may take it before
/// they do: what can listen on port 0 should.
///
/// # Errors
/// When the machine has no port left.
pub fn free_port() -> std::io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}

/// A new directory for one test, gone when dropped. Its path is short enough for the name of a Unix socket.
///
/// # Errors
/// When there is no place for temporary files.
pub fn temp_dir() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("peer").rand_bytes(8).tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use find::Policy;

    const NOBODY: &str = "a-program-that-nobody-has";

    fn outcome(trial: Trial, arguments: &[&str]) -> Conclusion {
        let arguments = Arguments::from_iter(["test", "--logfile", "/dev/null"].iter().chain(arguments));
        libtest_mimic::run(&arguments, vec![trial])
    }

    #[test]
    fn a_missing_peer_is_ignored_aloud() {
        let trial = || trial_in("t", &["sh", NOBODY], Policy::Optional, |_| Ok(()));
        assert_eq!(trial().kind(), format!("{NOBODY} is not installed"));
        assert_eq!(outcome(trial(), &[]).num_ignored, 1);
        assert_eq!(outcome(trial(), &["--include-ignored"]).num_failed, 1);
    }

    #[test]
    fn a_missing_peer_is_a_failure_where_it_is_required() {
        assert_eq!(outcome(trial_in("t", &[NOBODY], Policy::Require, |_| Ok(())), &[]).num_failed, 1);
        assert_eq!(outcome(trial_in("t", &["sh"], Policy::Require, |_| Ok(())), &[]).num_passed, 1);
    }

    #[test]
    fn a_misspelt_policy_is_a_failure() {
        let policy = Policy::Unknown("required".into());
        assert_eq!(outcome(trial_in("t", &["sh"], policy, |_| Ok(())), &[]).num_failed, 1);
    }

    #[test]
    fn a_free_port_can_be_listened_on() {
        TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap())).unwrap();
    }
}
