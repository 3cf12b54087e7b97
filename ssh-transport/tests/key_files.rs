//! Files that we write and OpenSSH reads.

use std::path::Path;
use std::process::ExitCode;

use peers::{Child, Failed, LIMIT, Peers, trial};
use ssh_proto::keys::{Curve, PrivateKey, PublicKey};
use ssh_transport::identity::{Identity, write_key_pair};
use ssh_transport::known_hosts::{HashNames, append};
use ssh_transport::rng::os_rng;

fn main() -> ExitCode {
    let live = |name, test: fn(&Peers) -> Result<(), Failed>| trial(name, &["ssh-keygen"], test);
    peers::run(vec![
        live("ssh_keygen_reads_our_key_pairs", ssh_keygen_reads_our_key_pairs),
        live("ssh_keygen_finds_the_hosts_that_we_append", ssh_keygen_finds_the_hosts_that_we_append),
        live("we_read_what_ssh_keygen_encrypts", we_read_what_ssh_keygen_encrypts),
    ])
}

fn keygen(peers: &Peers, arguments: &[&str], file: &Path) -> Result<String, Failed> {
    let output = Child::spawn(peers.command("ssh-keygen").args(arguments).arg("-f").arg(file))?.succeed(LIMIT)?;
    Ok(String::from_utf8(output)?)
}

fn ssh_keygen_reads_our_key_pairs(peers: &Peers) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    let rng = &mut os_rng()?;
    let mut keys = vec![PrivateKey::generate_ed25519(rng), PrivateKey::generate_rsa(2048, rng)?];
    keys.extend(Curve::ALL.map(|curve| PrivateKey::generate_ecdsa(curve, rng)));
    for (key, passphrase) in keys.iter().flat_map(|key| [(key, None), (key, Some("correct horse"))]) {
        let name = format!("{}-{}", key.public().key_type(), passphrase.is_some());
        let path = directory.path().join(&name);
        write_key_pair(&path, key, "me@here", passphrase)?;
        let public = keygen(peers, &["-y", "-P", passphrase.unwrap_or_default()], &path)?;
        assert_eq!(&PublicKey::from_openssh_line(&public)?, &(key.public().clone(), "me@here"), "{name}");
        let fingerprint = keygen(peers, &["-l"], &path.with_file_name(name + ".pub"))?;
        assert!(fingerprint.contains(&key.public().fingerprint().to_string()), "{fingerprint}");
    }
    Ok(())
}

fn ssh_keygen_finds_the_hosts_that_we_append(peers: &Peers) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    let path = directory.path().join("known_hosts");
    let key = PrivateKey::generate_ed25519(&mut os_rng()?);
    for (host, port, hash, name) in [
        ("plain.example.com", 22, HashNames::No, "plain.example.com"),
        ("plain.example.com", 2222, HashNames::No, "[plain.example.com]:2222"),
        ("Hashed.example.com", 22, HashNames::Yes, "hashed.example.com"),
        ("hashed.example.com", 2222, HashNames::Yes, "[hashed.example.com]:2222"),
        ("2001:db8::1", 830, HashNames::Yes, "[2001:db8::1]:830"),
    ] {
        append(&path, host, port, key.public(), hash)?;
        let found = keygen(peers, &["-F", name], &path)?;
        assert!(found.contains(&key.public().to_openssh_line("")), "{name}: {found}");
    }
    Ok(())
}

fn we_read_what_ssh_keygen_encrypts(peers: &Peers) -> Result<(), Failed> {
    let directory = peers::temp_dir()?;
    for (name, options) in [
        ("e", &["-t", "ed25519"][..]),
        ("r", &["-t", "rsa", "-b", "2048"]),
        ("c256", &["-t", "ecdsa", "-b", "256"]),
        ("c384", &["-t", "ecdsa", "-b", "384"]),
        ("c521", &["-t", "ecdsa", "-b", "521"]),
    ] {
        let path = directory.path().join(name);
        keygen(peers, &[&["-q", "-N", "correct horse", "-C", "me@here"], options].concat(), &path)?;
        let identity = Identity::from_file(&path, |_| Some(String::from("correct horse").into()))?;
        let line = std::fs::read_to_string(path.with_extension("pub"))?;
        assert_eq!(PublicKey::from_openssh_line(&line)?, (identity.public().clone(), identity.comment()));
    }
    Ok(())
}
