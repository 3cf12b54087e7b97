//! Logins by more than a key: questions, new passwords, several factors, keys that are for some hosts only; and what a login
//! is worth.

mod support;

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::{fs, io};

use peers::{Child, Failed, LIMIT, Peers, TempDir, trial};
use ssh_proto::client::TrivialPolicy;
use ssh_proto::error::{Error, PeerIncompatible};
use ssh_proto::server::MethodName;
use ssh_transport::agent::{Agent, AgentError};
use ssh_transport::client::{Answers, Asked, Asking, ConnectError, HostKeys, Policy, Prompter, Told};
use ssh_transport::identity::Identity;
use ssh_transport::server::{
    Attempt, Conversation, Credential, Decision, Feature, Handler, Permissions, Program, ProgramRequest, Questions,
    serve,
};
use ssh_transport::{Client, Ended, Server};
use support::handler::server_policy;
use support::sshd::Sshd;
use support::{USER, algorithms, block_on, client_policy, ensure, equal, identity, plain, public, vector_key};
use tokio::io::AsyncWriteExt;

fn main() -> std::process::ExitCode {
    peers::run(vec![
        plain("questions_reach_the_prompter_and_answers_the_handler", questions),
        plain("wrong_answers_are_asked_for_three_times", wrong_answers),
        plain("a_password_answers_its_single_question", a_password_answers),
        plain("nobody_there_is_nobody_asked", nobody_there),
        plain("methods_are_tried_in_the_policys_order", methods_in_order),
        plain("rsa_keys_that_are_too_small_count_for_nothing", small_rsa_keys),
        plain("a_new_password_is_asked_for_twice", a_new_password),
        plain("a_key_and_then_a_code", a_key_and_then_a_code),
        plain("two_keys_in_any_order", two_keys),
        plain("two_factors_are_worth_what_both_permit", what_two_factors_are_worth),
        plain("a_forced_command_runs_whatever_is_asked_for", a_forced_command),
        plain("banners_and_trivial_logins_are_told", told),
        trial("openssh_answers_questions", &["ssh"], openssh_answers),
        trial("openssh_shows_two_factors_bound_to_the_host", &["ssh"], openssh_two_factors),
        trial("openssh_changes_a_password", &["ssh"], openssh_changes_a_password),
        trial("openssh_gets_no_terminal_that_is_not_permitted", &["ssh"], openssh_no_terminal),
        trial("sshd_wants_two_keys", &["sshd"], sshd_wants_two_keys),
        trial("agents_sign_for_the_hosts_of_a_key", &["sshd", "ssh-agent", "ssh-add"], constrained_keys),
    ])
}

// ---- a server that asks ----------------------------------------------------------------------------------------------

/// Lets in who has one of two keys, who knows the code, and who has a password: `old` must be changed, to something with
/// more than five letters.
#[derive(Debug, Default)]
struct Examiner {
    /// What the key `ed25519` is worth.
    worth: Option<Permissions>,
    /// What the code is worth.
    code_worth: Option<Permissions>,
}

fn worth(permissions: Option<&Permissions>) -> Decision {
    permissions.map_or(Decision::Accept, |permissions| Decision::AcceptWith(Box::new(permissions.clone())))
}

impl Handler for Examiner {
    async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
        match attempt.credential {
            Credential::Offered(key) | Credential::Proven(key) if *key == public("ed25519") => {
                worth(self.worth.as_ref())
            }
            Credential::Offered(key) | Credential::Proven(key) if *key == public("rsa2048") => Decision::Accept,
            Credential::Password(b"correct horse") => Decision::Accept,
            Credential::Password(b"old") => Decision::NewPassword("It is too old.".into()),
            Credential::PasswordChange { old: b"old", new } if new.len() > 5 => Decision::Accept,
            Credential::PasswordChange { old: b"old", .. } => Decision::NewPassword("It is too short.".into()),
            Credential::None if attempt.user == "guest" => Decision::Accept,
            _ => Decision::Refuse,
        }
    }

    async fn converse(&self, attempt: &Attempt<'_>, conversation: &mut Conversation) -> Decision {
        // Whoever it is.
        let questions = Questions::new().name("Door").instruction("Knock\nfirst.").hidden("Code: ").shown("Name: ");
        let answers = conversation.ask(questions).await;
        if answers.first().is_none_or(|code| **code != b"123456") || answers.len() != 2 {
            return Decision::Refuse;
        }
        conversation.ask(Questions::new().instruction("Welcome.")).await;
        if attempt.user == USER { worth(self.code_worth.as_ref()) } else { Decision::Refuse }
    }

    fn program(&self, request: ProgramRequest) {
        tokio::spawn(async move {
            let mut about = match request.program() {
                Program::Exec(command) => format!("exec {}\n", String::from_utf8_lossy(command)),
                other => format!("{other:?}\n"),
            };
            for (name, value) in request.environment() {
                writeln!(about, "{name}={value}")?;
            }
            writeln!(about, "terminal {}", request.terminal().is_some())?;
            let mut channel = request.accept()?;
            channel.write_all(about.as_bytes()).await?;
            channel.send_exit_status(0)?;
            channel.close();
            Ok::<(), Failed>(())
        });
    }
}

/// A server's policy with every method.
fn every_method() -> ssh_transport::server::Policy {
    let mut policy = server_policy();
    policy.config.methods = vec![MethodName::PublicKey, MethodName::Password, MethodName::KeyboardInteractive];
    policy
}

fn chain(methods: &[MethodName]) -> ssh_transport::server::Policy {
    let mut policy = every_method();
    policy.config.authentication_methods = vec![methods.to_vec()];
    policy
}

/// Logs in over memory.
async fn log_in(
    server: ssh_transport::server::Policy,
    examiner: Examiner,
    client: &Policy,
) -> Result<Client, ConnectError> {
    let (near, far) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve(far, Arc::new(server), Arc::new(examiner)));
    Client::over(near, "door", 22, client).await
}

/// Answers by heart, and notes what it was asked and told.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<Vec<Vec<&'static str>>>,
    log: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: &[&[&'static str]]) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.iter().rev().map(|answers| answers.to_vec()).collect()),
            ..Self::default()
        })
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }
}

impl Prompter for Script {
    fn ask<'a>(&'a self, asked: Asked<'a>) -> Asking<'a> {
        let questions: Vec<_> = asked.questions.questions.iter().map(|question| question.text.as_str()).collect();
        let words = [&asked.questions.name, &asked.questions.instruction];
        self.log
            .lock()
            .expect("no panic")
            .push(format!("{:?} {}@{} {words:?} {questions:?}", asked.by, asked.user, asked.host));
        let answers: Answers = self
            .answers
            .lock()
            .expect("no panic")
            .pop()
            .map(|answers| answers.into_iter().map(|answer| answer.as_bytes().to_vec().into()).collect());
        Box::pin(std::future::ready(answers))
    }

    fn tell(&self, told: Told<'_>) {
        self.log.lock().expect("no panic").push(match told {
            Told::Banner(text) => format!("banner {text}"),
            Told::Instruction(questions) => format!("told {}", questions.instruction),
            Told::TrivialLogin => "trivial".into(),
            other => format!("{other:?}"),
        });
    }
}

/// A client without keys that asks `script`.
fn asks(user: &str, script: &Arc<Script>) -> Policy {
    let mut policy = client_policy(user, &public("ed25519"));
    policy.identities.clear();
    policy.prompter = Some(script.clone());
    policy
}

const CODE: &str = r#"Server alice@door ["Door", "Knock\nfirst."] ["Code: ", "Name: "]"#;

fn denied(result: Result<Client, ConnectError>) -> Result<(), Failed> {
    ensure(matches!(result, Err(ConnectError::Denied { .. })), || format!("{result:?}"))
}

fn questions() -> Result<(), Failed> {
    block_on(async {
        let script = Script::new(&[&["123456", ""]]);
        log_in(every_method(), Examiner::default(), &asks(USER, &script)).await?;
        equal(script.log(), vec![CODE.to_owned(), "told Welcome.".to_owned()])
    })
}

fn wrong_answers() -> Result<(), Failed> {
    block_on(async {
        let mut server = every_method();
        server.config.failure_delay = std::time::Duration::ZERO;
        server.config.methods = vec![MethodName::KeyboardInteractive];
        let script = Script::new(&[&["1", ""], &["2", ""], &["3", ""], &["123456", ""]]);
        denied(log_in(server, Examiner::default(), &asks(USER, &script)).await)?;
        equal(script.log(), vec![CODE.to_owned(); 3])?;
        // Who is not there is asked the same, and told no more.
        let mut server = every_method();
        server.config.methods = vec![MethodName::KeyboardInteractive];
        let script = Script::new(&[&["123456", ""]]);
        denied(log_in(server, Examiner::default(), &asks("nobody", &script)).await)?;
        equal(script.log()[..2].to_vec(), vec![CODE.replace(USER, "nobody"), "told Welcome.".to_owned()])
    })
}

/// Asks for a password as PAM does.
#[derive(Debug)]
struct LikePam;

impl Handler for LikePam {
    async fn authorize(&self, _attempt: &Attempt<'_>) -> Decision {
        Decision::Refuse
    }

    async fn converse(&self, _attempt: &Attempt<'_>, conversation: &mut Conversation) -> Decision {
        let answers = conversation.ask(Questions::new().hidden("Password: ")).await;
        if answers.first().is_some_and(|answer| **answer == b"correct horse") {
            Decision::Accept
        } else {
            Decision::Refuse
        }
    }

    fn program(&self, request: ProgramRequest) {
        request.reject();
    }
}

fn a_password_answers() -> Result<(), Failed> {
    block_on(async {
        for (password, good) in [(&b"correct horse"[..], true), (b"battery staple", false)] {
            let mut server = server_policy();
            server.config.methods = vec![MethodName::KeyboardInteractive];
            let (near, far) = tokio::io::duplex(1 << 16);
            tokio::spawn(serve(far, Arc::new(server), Arc::new(LikePam)));
            let mut policy = client_policy(USER, &public("ed25519"));
            policy.identities.clear();
            policy.password = Some(password.to_vec().into());
            let result = Client::over(near, "pam", 22, &policy).await;
            if good { drop(result?) } else { denied(result)? }
        }
        Ok(())
    })
}

fn nobody_there() -> Result<(), Failed> {
    block_on(async {
        let mut policy = client_policy(USER, &public("ed25519"));
        policy.identities.clear();
        denied(log_in(every_method(), Examiner::default(), &policy).await)?;
        // Nor is somebody asked again who has declined.
        let script = Script::new(&[]);
        denied(log_in(every_method(), Examiner::default(), &asks(USER, &script)).await)?;
        let password = r#"Client alice@door ["", ""] ["Password: "]"#;
        equal(script.log(), vec![CODE.to_owned(), password.to_owned()])
    })
}

fn methods_in_order() -> Result<(), Failed> {
    const PASSWORD: &str = r#"Client alice@door ["", ""] ["Password: "]"#;
    block_on(async {
        for (methods, asked) in [
            (vec![MethodName::Password, MethodName::KeyboardInteractive], vec![PASSWORD, CODE]),
            (vec![MethodName::KeyboardInteractive], vec![CODE]),
            (vec![MethodName::Password], vec![PASSWORD]),
            (vec![], vec![]),
        ] {
            let script = Script::new(&[]);
            let mut policy = asks(USER, &script);
            policy.methods = methods;
            denied(log_in(every_method(), Examiner::default(), &policy).await)?;
            equal(script.log(), asked.into_iter().map(str::to_owned).collect())?;
        }
        // A right key and a right password are of no use where their methods are off.
        let mut policy = client_policy(USER, &public("ed25519"));
        policy.password = Some(b"correct horse".to_vec().into());
        policy.methods = vec![MethodName::KeyboardInteractive];
        denied(log_in(every_method(), Examiner::default(), &policy).await)?;
        policy.methods = vec![MethodName::Password];
        log_in(every_method(), Examiner::default(), &policy).await?;
        // Who may try once is asked once.
        let mut server = every_method();
        server.config.failure_delay = std::time::Duration::ZERO;
        let script = Script::new(&[&["wrong"], &["1", ""]]);
        let mut policy = asks(USER, &script);
        policy.password_prompts = 1;
        denied(log_in(server, Examiner::default(), &policy).await)?;
        equal(script.log(), vec![CODE.to_owned(), PASSWORD.to_owned()])?;
        // Who may not is not asked.
        let script = Script::new(&[&["123456", ""]]);
        let mut policy = asks(USER, &script);
        policy.password_prompts = 0;
        denied(log_in(every_method(), Examiner::default(), &policy).await)?;
        equal(script.log(), Vec::new())
    })
}

/// `RequiredRSASize`, of either side's keys.
fn small_rsa_keys() -> Result<(), Failed> {
    block_on(async {
        let mut policy = client_policy(USER, &public("rsa2048"));
        policy.identities = vec![identity("rsa2048")];
        let server = || ssh_transport::server::Policy::new(vec![identity("rsa2048")], algorithms());
        log_in(server(), Examiner::default(), &policy).await?;
        policy.required_rsa_bits = 2049;
        let error = log_in(server(), Examiner::default(), &policy).await.err();
        ensure(matches!(error, Some(ConnectError::KeyTooSmall { required: 2049, .. })), || format!("{error:?}"))?;
        policy.host_keys = HostKeys::Pinned(public("ed25519"));
        denied(log_in(every_method(), Examiner::default(), &policy).await)
    })
}

fn a_new_password() -> Result<(), Failed> {
    block_on(async {
        let mut server = every_method();
        server.config.methods = vec![MethodName::Password];
        let script = Script::new(&[&["old"], &["a", "b"], &["short", "short"], &["long enough", "long enough"]]);
        log_in(server, Examiner::default(), &asks(USER, &script)).await?;
        let log = script.log();
        equal(log.len(), 4)?;
        for (said, log) in ["", "It is too old.", "It is too short."].into_iter().zip([&log[0], &log[1], &log[3]]) {
            ensure(log.starts_with("Client ") && log.contains(said), || format!("{log:?}"))?;
        }
        ensure(log[2].contains("not the same"), || log[2].clone())
    })
}

fn a_key_and_then_a_code() -> Result<(), Failed> {
    let chain = || chain(&[MethodName::PublicKey, MethodName::KeyboardInteractive]);
    block_on(async {
        let script = Script::new(&[&["123456", "x"]]);
        let mut policy = asks(USER, &script);
        policy.identities = vec![identity("rsa4096"), identity("ed25519")];
        log_in(chain(), Examiner::default(), &policy).await?;
        equal(script.log(), vec![CODE.to_owned(), "told Welcome.".to_owned()])?;
        // The code alone is not asked for.
        let script = Script::new(&[&["123456", "x"]]);
        denied(log_in(chain(), Examiner::default(), &asks(USER, &script)).await)?;
        equal(script.log(), Vec::new())
    })
}

fn two_keys() -> Result<(), Failed> {
    let chain = || chain(&[MethodName::PublicKey, MethodName::PublicKey]);
    block_on(async {
        for names in [["ed25519", "rsa2048"], ["rsa2048", "ed25519"]] {
            let mut policy = client_policy(USER, &public("ed25519"));
            policy.identities = names.map(identity).to_vec();
            log_in(chain(), Examiner::default(), &policy).await?;
        }
        let policy = client_policy(USER, &public("ed25519"));
        denied(log_in(chain(), Examiner::default(), &policy).await)
    })
}

async fn said(client: &Client, command: &str) -> Result<String, Failed> {
    Ok(String::from_utf8(client.output(command).await?.stdout)?)
}

fn what_two_factors_are_worth() -> Result<(), Failed> {
    block_on(async {
        let limited = Permissions::all().with_variable("FROM", "key").forbid(Feature::Terminal);
        let script = Script::new(&[&["123456", "x"]]);
        let mut policy = asks(USER, &script);
        policy.identities = vec![identity("ed25519")];
        let chain = || chain(&[MethodName::PublicKey, MethodName::KeyboardInteractive]);
        let examiner = Examiner { worth: Some(limited), code_worth: None };
        let client = log_in(chain(), examiner, &policy).await?;
        equal(said(&client, "ls").await?, "exec ls\nFROM=key\nterminal false\n".to_owned())?;
        // Two commands cannot both be forced: the second factor is refused.
        let script = Script::new(&[&["123456", "x"]]);
        let mut policy = asks(USER, &script);
        policy.identities = vec![identity("ed25519")];
        let forced = |command: &str| Some(Permissions::all().force_command(command));
        let examiner = Examiner { worth: forced("one"), code_worth: forced("two") };
        denied(log_in(chain(), examiner, &policy).await)
    })
}

fn a_forced_command() -> Result<(), Failed> {
    block_on(async {
        let worth = Permissions::none().force_command("backup --all").with_variable("HOST", "db");
        let client = client_policy(USER, &public("ed25519"));
        let client = log_in(server_policy(), Examiner { worth: Some(worth), code_worth: None }, &client).await?;
        let expected = "exec backup --all\nHOST=db\nSSH_ORIGINAL_COMMAND=rm -rf /\nterminal false\n";
        equal(said(&client, "rm -rf /").await?, expected.to_owned())?;
        for (mut channel, original) in
            [(client.shell().await?, ""), (client.subsystem("sftp").await?, "SSH_ORIGINAL_COMMAND=sftp\n")]
        {
            let mut text = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut channel, &mut text).await?;
            equal(text, format!("exec backup --all\nHOST=db\n{original}terminal false\n"))?;
        }
        Ok(())
    })
}

fn told() -> Result<(), Failed> {
    block_on(async {
        let server = || {
            let mut server = every_method();
            server.config.methods = vec![MethodName::None];
            server.config.banner = Some("Mind the \u{1b}[31mgap.\r\n".into());
            server
        };
        let script = Script::new(&[]);
        let client = log_in(server(), Examiner::default(), &asks("guest", &script)).await?;
        // What came with the login is told in its course.
        said(&client, "x").await?;
        equal(script.log(), vec!["banner Mind the [31mgap.\n".to_owned(), "trivial".to_owned()])?;
        let mut policy = asks("guest", &script);
        policy.config.trivial = TrivialPolicy::Refuse;
        let refused = log_in(server(), Examiner::default(), &policy).await;
        let expected = Error::PeerIncompatible(PeerIncompatible::TrivialLogin);
        ensure(matches!(&refused, Err(ConnectError::Ended(Ended::Protocol(error))) if *error == expected), || {
            format!("{refused:?}")
        })
    })
}

// ---- OpenSSH's client ------------------------------------------------------------------------------------------------

/// A server of ours, and OpenSSH's client, which asks a script.
struct Door<'a> {
    peers: &'a Peers,
    port: u16,
    directory: TempDir,
}

impl<'a> Door<'a> {
    async fn open(peers: &'a Peers, policy: ssh_transport::server::Policy, examiner: Examiner) -> Result<Self, Failed> {
        let server = Server::bind("127.0.0.1:0", policy, examiner).await?;
        let port = server.local_addr()?.port();
        tokio::spawn(server.run(std::future::pending()));
        Ok(Self { peers, port, directory: peers::temp_dir()? })
    }

    /// `answers` are patterns of prompts, as the shell writes them, and what is answered.
    fn ssh(&self, answers: &[(&str, &str)], options: &[&str]) -> Result<Command, Failed> {
        let asked = self.directory.path().join("asked");
        let mut script = format!("#!/bin/sh\necho \"$1\" >> {}\ncase \"$1\" in\n", asked.display());
        for (pattern, answer) in answers {
            writeln!(script, "{pattern}) echo '{answer}';;")?;
        }
        script.push_str("*) exit 1;;\nesac\n");
        let askpass = executable(self.directory.path(), &script)?;
        let mut command = self.peers.command("ssh");
        command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=DEBUG3"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        command.args(["-p", &self.port.to_string(), "-l", USER]).args(options).args(["127.0.0.1", "hello"]);
        command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
        Ok(command)
    }

    fn key(&self, name: &str) -> Result<String, Failed> {
        Ok(vector_key(self.directory.path(), name)?.display().to_string())
    }

    fn asked(&self) -> io::Result<String> {
        fs::read_to_string(self.directory.path().join("asked"))
    }
}

fn executable(directory: &Path, content: &str) -> Result<PathBuf, Failed> {
    let path = directory.join("askpass");
    fs::write(&path, content)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    Ok(path)
}

const HELLO: &[u8] = b"exec hello\nterminal false\n";

fn openssh_answers(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let door = Door::open(peers, every_method(), Examiner::default()).await?;
        let mut ssh = door.ssh(&[("*Code:*", "123456"), ("*Name:*", "Alice")], &["-i", "/dev/null"])?;
        equal(Child::spawn(&mut ssh)?.succeed(LIMIT)?, HELLO.to_vec())?;
        let asked = door.asked()?;
        ensure(asked.contains("Code: ") && asked.contains("Name: "), || asked.clone())
    })
}

fn openssh_two_factors(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let policy = chain(&[MethodName::PublicKey, MethodName::KeyboardInteractive]);
        let door = Door::open(peers, policy, Examiner::default()).await?;
        let key = door.key("ed25519")?;
        let mut ssh = door.ssh(&[("*Code:*", "123456"), ("*Name:*", "Alice")], &["-i", &key])?;
        let mut child = Child::spawn(&mut ssh)?;
        equal(child.succeed(LIMIT)?, HELLO.to_vec())?;
        let said = child.stderr();
        for words in
            ["using publickey-hostbound-v00@openssh.com", "Authenticated using \"publickey\" with partial success"]
        {
            ensure(said.contains(words), || format!("{words:?} is not in {said}"))?;
        }
        Ok(())
    })
}

fn openssh_changes_a_password(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let mut policy = every_method();
        policy.config.methods = vec![MethodName::Password];
        let door = Door::open(peers, policy, Examiner::default()).await?;
        let answers = [("*old*", "old"), ("*new*", "long enough"), ("*etype*", "long enough"), ("*password*", "old")];
        let mut ssh = door.ssh(&answers, &["-i", "/dev/null"])?;
        let mut child = Child::spawn(&mut ssh)?;
        equal(child.succeed(LIMIT)?, HELLO.to_vec())?;
        let said = child.stderr();
        ensure(said.contains("It is too old."), || said.clone())
    })
}

fn openssh_no_terminal(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let worth = Permissions::all().forbid(Feature::Terminal);
        let door = Door::open(peers, server_policy(), Examiner { worth: Some(worth), code_worth: None }).await?;
        let key = door.key("ed25519")?;
        let mut child = Child::spawn(&mut door.ssh(&[], &["-tt", "-i", &key])?)?;
        child.wait(LIMIT)?;
        let said = child.stderr();
        ensure(said.contains("PTY allocation request failed"), || said.clone())
    })
}

// ---- OpenSSH's server and agent --------------------------------------------------------------------------------------

fn sshd_wants_two_keys(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "AuthenticationMethods publickey,publickey")?;
    block_on(async {
        let mut policy = sshd.policy();
        policy.identities = vec![identity("rsa3072"), identity("ed25519")];
        let client = sshd.connect(&policy).await?;
        equal(client.output("echo in").await?.stdout, b"in\n".to_vec())?;
        let said = sshd.child.stderr();
        ensure(said.contains("Partial publickey for"), || said.clone())
    })
}

fn constrained_keys(peers: &Peers) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "LogLevel DEBUG2")?;
    let directory = peers::temp_dir()?;
    // The agent compares host keys alone, whatever their hosts are called.
    let known = directory.path().join("known_hosts");
    let hosts = [("here", public("ed25519")), ("elsewhere", public("rsa4096"))];
    let lines = hosts.map(|(name, key)| format!("{name} {}\n", key.to_openssh_line("")));
    fs::write(&known, lines.concat())?;
    for (host, good) in [("here", true), ("elsewhere", false)] {
        let socket = directory.path().join(format!("agent-{host}"));
        let agent = Child::spawn(peers.command("ssh-agent").args(["-D", "-a"]).arg(&socket))?;
        if !peers::wait_until(LIMIT, || UnixStream::connect(&socket).is_ok()) {
            return Err(agent.failed("does not listen"));
        }
        let key = vector_key(directory.path(), "ed25519")?;
        let mut add = peers.command("ssh-add");
        add.arg("-q").arg("-H").arg(&known).args(["-h", host]).arg(&key).env("SSH_AUTH_SOCK", &socket);
        Child::spawn(&mut add)?.succeed(LIMIT)?;
        block_on(async {
            let keys = Agent::connect(&socket).await?;
            // Whoever says nothing about the host gets no signature.
            let unbound = keys.sign(&public("ed25519"), "ssh-ed25519", b"data").await;
            ensure(matches!(unbound, Err(AgentError::Refused)), || format!("{unbound:?}"))?;
            let mut policy = sshd.policy();
            policy.identities = Identity::from_agent(&keys).await?;
            equal(policy.identities.len(), 1)?;
            if good {
                let client = sshd.connect(&policy).await?;
                equal(client.output("echo in").await?.stdout, b"in\n".to_vec())?;
                let proof = client.host_proof().ok_or("no proof")?;
                // Over the server it may go nowhere from here.
                let mut forwarded = keys.dial_for_forwarding(proof).await?;
                forwarded.write_all(&[0, 0, 0, 1, 11]).await?;
                let mut answer = [0; 9];
                tokio::io::AsyncReadExt::read_exact(&mut forwarded, &mut answer).await?;
                return equal(answer, [0, 0, 0, 5, 12, 0, 0, 0, 0]);
            }
            let refused = Client::connect("127.0.0.1", sshd.port, &policy).await;
            ensure(matches!(&refused, Err(ConnectError::Denied { failed, .. }) if failed.len() == 1), || {
                agent.failed(&format!("{refused:?}")).message().unwrap_or_default().to_owned()
            })
        })?;
    }
    Ok(())
}
