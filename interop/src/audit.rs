//! What `ssh-audit` says about `sshrpc serve`.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use peers::{Child, Failed, LIMIT, Trial};
use serde_json::Value;

use crate::install;
use crate::table::Package;

/// Everybody's key exchange gets this one that is not made for an enemy with a quantum computer; the first that we offer
/// is, and the others are for those who have none.
const ALLOWED: (&str, &str) = ("kex", "does not provide protection against post-quantum attacks");

/// `sshrpc serve` as it is without options draws no fail and no warning of `ssh-audit`.
#[must_use]
pub fn audit() -> Trial {
    let missing = Package::Python("ssh-audit").version().err();
    let missing = missing.or_else(|| sshrpc().is_none().then(|| "the program sshrpc is not built".to_owned()));
    peers::trial_unless("ssh-audit::serve", missing, serve)
}

/// Beside this program, or beside the directory of tests that it is in.
fn sshrpc() -> Option<PathBuf> {
    let here = env::current_exe().ok()?;
    here.ancestors().skip(1).take(2).map(|directory| directory.join("sshrpc")).find(|path| path.is_file())
}

fn serve() -> Result<(), Failed> {
    let home = peers::temp_dir()?;
    let mut command = Command::new(sshrpc().ok_or("sshrpc is gone")?);
    command.args(["serve", "--json", "--listen", "127.0.0.1:0"]);
    let mut node = Child::spawn(command.env("HOME", home.path()).env_remove("XDG_CONFIG_HOME"))?;
    node.wait_for("}\n", LIMIT)?;
    let said: Value = serde_json::from_slice(&node.stdout())?;
    let address = said["listening"].as_str().ok_or("an address")?;
    let port = address.rsplit_once(':').ok_or("a port")?.1;

    let mut audit = Command::new(install::home().join("venv/bin/ssh-audit"));
    // How fast it lets strangers connect is not what this is about.
    let mut audit = Child::spawn(audit.args(["--json", "--skip-rate-test", "--port", port, "127.0.0.1"]))?;
    audit.wait(LIMIT)?;
    let report: Value = serde_json::from_slice(&audit.stdout()).map_err(|error| audit.failed(&error.to_string()))?;
    let complaints = complaints(&report)?;
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// Every fail and every warning but the one that is allowed.
fn complaints(report: &Value) -> Result<Vec<String>, Failed> {
    let mut complaints = Vec::new();
    for kind in ["kex", "key", "enc", "mac"] {
        let algorithms = report[kind].as_array().filter(|algorithms| !algorithms.is_empty());
        for algorithm in algorithms.ok_or_else(|| format!("nothing was said about {kind}: {report}"))? {
            for severity in ["fail", "warn"] {
                for note in algorithm["notes"][severity].as_array().into_iter().flatten() {
                    if note.as_str() != Some(ALLOWED.1) || kind != ALLOWED.0 || severity != "warn" {
                        complaints.push(format!("{kind} {}: {severity}: {note}", algorithm["algorithm"]));
                    }
                }
            }
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_warning_is_allowed_and_no_other() {
        let quantum = "does not provide protection against post-quantum attacks";
        let rest = |report: Value| {
            let mut report = report;
            for kind in ["kex", "key", "enc", "mac"] {
                if report[kind].is_null() {
                    report[kind] = json!([{ "algorithm": "good", "notes": { "info": ["old"] } }]);
                }
            }
            complaints(&report).unwrap()
        };
        assert_eq!(rest(json!({})), [""; 0]);
        assert_eq!(rest(json!({ "kex": [{ "algorithm": "a", "notes": { "warn": [quantum] } }] })), [""; 0]);
        assert_eq!(rest(json!({ "key": [{ "algorithm": "a", "notes": { "warn": [quantum] } }] })).len(), 1);
        assert_eq!(rest(json!({ "kex": [{ "algorithm": "a", "notes": { "fail": [quantum] } }] })).len(), 1);
        assert_eq!(rest(json!({ "mac": [{ "algorithm": "a", "notes": { "warn": ["x", "y"] } }] })).len(), 2);
        assert!(complaints(&json!({ "kex": [] })).is_err());
    }
}
