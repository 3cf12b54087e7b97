//! `sshrpc keygen`, and keys in files.

use std::os::unix::fs::PermissionsExt;

use peers::{Failed, Peers, Trial};

use crate::support::{Done, Home, Node, ensure};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("keygen_makes_a_key_and_never_overwrites_one", &[], keygen),
        peers::trial("keygen_makes_what_ssh_keygen_reads", &["ssh-keygen"], ssh_keygen_reads),
        peers::trial("keygen_knows_the_sizes_of_each_type", &[], wrong_sizes),
        peers::trial("a_key_of_sshrpcs_own_folder_is_tried_by_itself", &[], own_key),
        peers::trial("an_encrypted_key_takes_its_passphrase_from_the_environment", &[], encrypted),
    ]
}

fn keygen(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let made = home.run(&["keygen", "--json", "--comment", "me@here"])?;
    let key = made.json()?;
    let (path, public) = (home.path(".config/sshrpc/id_ed25519"), home.path(".config/sshrpc/id_ed25519.pub"));
    ensure(key["file"] == path.to_string_lossy().as_ref() && key["type"] == "ssh-ed25519", "a key", &made)?;
    let line = std::fs::read_to_string(&public)?;
    ensure(key["authorized_keys_line"] == line.trim_end() && line.ends_with(" me@here\n"), "its line", &made)?;
    let mode = std::fs::metadata(&path)?.permissions().mode() & 0o777;
    ensure(mode == 0o600, "a private file", &made)?;

    let before = std::fs::read(&path)?;
    let line = "~/.config/sshrpc/id_ed25519 exists already, and keys are never overwritten";
    home.run(&["keygen"])?.expect_error(8, line, &["--file"])?;
    ensure(std::fs::read(&path)? == before, "the same key", &made)?;
    // The public half of a lost key is not overwritten either.
    std::fs::remove_file(&path)?;
    let again = home.run(&["keygen"])?;
    ensure(again.code == Some(8) && !path.exists(), "no key", &again)
}

fn ssh_keygen_reads(peers: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    for (kind, bits) in [("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")] {
        let file = home.path(&format!("{kind}{bits}")).to_string_lossy().into_owned();
        let made = home.run(&["keygen", "--json", "--type", kind, "--bits", bits, "--file", &file])?.json()?;
        let seen = Done::of(peers.command("ssh-keygen").args(["-l", "-f", &file]), b"")?;
        let fingerprint = made["fingerprint"].as_str().ok_or("a fingerprint")?;
        ensure(seen.stdout().starts_with(&format!("{bits} {fingerprint} ")), fingerprint, &seen)?;
    }
    Ok(())
}

fn wrong_sizes(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    for (kind, bits, says) in [
        ("rsa", "1024", "an RSA key has between 2048 and 8192 bits"),
        ("rsa", "9000", "an RSA key has between 2048 and 8192 bits"),
        ("ecdsa", "2048", "an ECDSA key has 256, 384 or 521 bits"),
    ] {
        home.run(&["keygen", "--type", kind, "--bits", bits, "--file", "key"])?.expect_error(2, says, &[])?;
        ensure(!home.path("key").exists(), "no file", &home.run(&["keygen", "--help"])?)?;
    }
    Ok(())
}

fn own_key(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let own = node.home.path(".config/sshrpc");
    std::fs::create_dir_all(&own)?;
    std::fs::rename(&node.identity, own.join("id_ed25519"))?;
    node.call(&[&node.target(), "lists", "sum", "[[1,2]]"])?.expect(0, "3\n", "")
}

fn encrypted(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let run = |arguments: &[&str], passphrase: &str| {
        Done::of(home.sshrpc(arguments).env("SSHRPC_PASSPHRASE", passphrase), b"")
    };
    let made = run(&["keygen", "--passphrase", "--file", "key"], "correct horse")?;
    ensure(made.code == Some(0), "a key", &made)?;
    // Nobody listens: what is looked at is how far the command comes.
    let call = ["call", "--identity", "key", "127.0.0.1:1", "erlang", "now"];
    run(&call, "correct horse")?.expect_error(5, "nobody listens on 127.0.0.1:1", &[])?;
    for done in [run(&call, "wrong")?, home.run(&call)?] {
        ensure(done.code == Some(8) && done.stderr.contains("hint: set SSHRPC_PASSPHRASE"), "a hint", &done)?;
    }
    Ok(())
}
