//! What a login tries, in which order, and who answers what the server asks.

use ssh_proto::client::{self, MethodName, Questions, Step};
use ssh_proto::error::{Error, Waiting};
use ssh_proto::keys::PublicKey;
use ssh_proto::time::Instant;
use zeroize::Zeroizing;

use super::error::ConnectError;
use super::login::{Login, ended};
use super::prompter::{Answers, Asked, AskedBy, Told};
use crate::identity::Identity;
use crate::known_hosts;

/// How far a login has come. A [partial success](client::Partial::Success) starts over, but for the keys that have signed.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The identity that is tried next.
    next: usize,
    /// Keys that have signed: the last one was right if the server says so now.
    signed: Option<PublicKey>,
    /// Keys that were right.
    passed: Vec<PublicKey>,
    /// The policy's password was tried as such, and as an answer.
    password: Tried,
    answer: Tried,
    keyboard: Asking,
    /// The password that was sent last, which a change of it needs.
    sent: Option<Zeroizing<Vec<u8>>>,
    /// How often somebody was asked for a password.
    asked_for_password: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tried {
    #[default]
    No,
    Yes,
}

/// How far `keyboard-interactive` has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// So many times the answers were wrong.
    Again(u32),
    /// The server asks, and was not answered yet.
    Unanswered(u32),
    /// It asks nothing that anybody here would answer.
    Over,
}

impl Default for Asking {
    fn default() -> Self {
        Self::Again(0)
    }
}

/// What is tried next.
enum Next<'a> {
    Key(&'a Identity, &'a str),
    /// The policy's password.
    Password(&'a Zeroizing<Vec<u8>>),
    /// The server is asked to ask.
    Questions(Asking),
    /// Somebody is asked for a password.
    AskForPassword,
    /// Which methods are there?
    Methods,
}

impl<'a> Login<'a> {
    /// The next thing to try.
    pub(super) async fn attempt(&mut self, login: client::Login) -> Result<Step, ConnectError> {
        self.note_success(&login);
        while let Some(next) = self.next(&login) {
            let now = self.pipe.clock.now();
            let out = &mut self.pipe.output.fresh;
            let asked = match next {
                Next::Key(identity, algorithm) => {
                    let certificate = if identity.certificate().is_some() { " (certificate)" } else { "" };
                    self.tried.push(format!("{}{certificate}", identity.key().fingerprint()));
                    login.query(algorithm, identity.public(), now, out)
                }
                Next::Password(password) => {
                    self.progress.password = Tried::Yes;
                    self.progress.sent = Some(password.clone());
                    login.password(password, now, out)
                }
                Next::Questions(asking) => {
                    self.progress.keyboard = asking;
                    login.keyboard_interactive("", now, out)
                }
                Next::AskForPassword => {
                    let password = self.ask_for_password(login.user(), login.poll_timeout()).await?;
                    let Some(password) = password else { continue };
                    let asked = login.password(&password, self.pipe.clock.now(), &mut self.pipe.output.fresh);
                    self.progress.sent = Some(password);
                    asked
                }
                Next::Methods => login.none(now, out),
            };
            return asked.map(Step::Ready).map_err(ended);
        }
        let methods = login.refused().map_or(&[][..], |refused| &refused.can_continue);
        let denied = ConnectError::Denied {
            user: login.user().to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
            tried: std::mem::take(&mut self.tried),
            failed: std::mem::take(&mut self.failed),
        };
        login.disconnect("no more authentication methods", &mut self.pipe.output.fresh);
        Err(denied)
    }

    /// By the first of the policy's methods that has anything left to try. What costs nobody anything is tried before the
    /// server says what it takes, and the policy's password before anybody is asked; `none` where there is nothing of the
    /// kind, because it tells what may be tried at all.
    fn next(&mut self, login: &client::Login) -> Option<Next<'a>> {
        let policy = self.policy;
        let listed = |method| login.refused().map(|refused| refused.can_continue.contains(method));
        let takes = |method| listed(method).unwrap_or(true);
        let password = policy.password.as_ref().filter(|_| {
            self.progress.password == Tried::No
                && takes(&MethodName::Password)
                && policy.methods.contains(&MethodName::Password)
        });
        let mut methods = policy.methods.iter();
        methods
            .find_map(|method| match method {
                MethodName::PublicKey if takes(method) => self.next_key(login),
                MethodName::Password if password.is_some() => password.map(Next::Password),
                MethodName::Password if listed(method) == Some(true) => self.may_ask().then_some(Next::AskForPassword),
                MethodName::KeyboardInteractive if listed(method) == Some(true) && password.is_none() => {
                    self.next_exchange().map(Next::Questions)
                }
                _ => None,
            })
            .or_else(|| (login.refused().is_none() && self.tried.is_empty()).then_some(Next::Methods))
    }

    /// The next identity that the server may take.
    fn next_key(&mut self, login: &client::Login) -> Option<Next<'a>> {
        let policy = self.policy;
        while let Some(identity) = policy.identities.get(self.progress.next) {
            self.progress.next += 1;
            if policy.is_too_small(identity.key()) || self.progress.passed.contains(identity.public()) {
                continue;
            }
            if let Some(algorithm) = login.choose_algorithm(&identity.algorithms()) {
                return Some(Next::Key(identity, algorithm));
            }
        }
        None
    }

    /// Whether somebody is there to be asked for a password, and may try once more.
    fn may_ask(&self) -> bool {
        self.policy.prompter.is_some() && self.progress.asked_for_password < self.policy.password_prompts
    }

    /// After a partial success everything may be tried again: another method, or another key.
    fn note_success(&mut self, login: &client::Login) {
        let signed = self.progress.signed.take();
        if login.has_just_passed() {
            let mut passed = std::mem::take(&mut self.progress.passed);
            passed.extend(signed);
            self.progress = Progress { passed, ..Progress::default() };
        }
    }

    /// Whether the server is asked to ask, and for which time: as long as the policy's password was no answer yet, or
    /// somebody may answer.
    fn next_exchange(&self) -> Option<Asking> {
        let Asking::Again(times) = self.progress.keyboard else { return None };
        let by_itself = self.policy.password.is_some() && self.progress.answer == Tried::No;
        let by_somebody = self.policy.prompter.is_some() && times < self.policy.password_prompts;
        (by_itself || by_somebody).then_some(Asking::Unanswered(times))
    }

    /// Answers what the server asks (RFC 4256 §3.3).
    pub(super) async fn answer(&mut self, prompt: client::Prompt) -> Result<Step, ConnectError> {
        let questions = prompt.questions();
        let answers = match questions.questions.as_slice() {
            [] => {
                if let Some(prompter) = &self.policy.prompter {
                    prompter.tell(Told::Instruction(questions));
                }
                Some(Vec::new())
            }
            [only]
                if only.echo == client::Echo::Hidden
                    && self.progress.answer == Tried::No
                    && self.policy.password.is_some() =>
            {
                self.progress.answer = Tried::Yes;
                self.policy.password.clone().map(|password| vec![password])
            }
            _ => self.ask(AskedBy::Server, prompt.user(), questions, prompt.poll_timeout()).await?,
        };
        let Some(answers) = answers else {
            self.progress.keyboard = Asking::Over;
            return Ok(Step::Login(prompt.abandon()));
        };
        if let (Asking::Unanswered(times), false) = (self.progress.keyboard, answers.is_empty()) {
            self.progress.keyboard = Asking::Again(times + 1);
        }
        let now = self.pipe.clock.now();
        Ok(Step::Ready(prompt.answer(&answers, now, &mut self.pipe.output.fresh).map_err(ended)?))
    }

    /// Asks for a new password, twice, and sends it (RFC 4252 §8).
    pub(super) async fn change_password(&mut self, change: client::NewPassword) -> Result<Step, ConnectError> {
        let mut questions = Questions::new().name("The server wants a new password").instruction(change.prompt());
        questions = questions.hidden("New password: ").hidden("The same again: ");
        for _ in 0..self.policy.password_prompts {
            let asked = self.ask(AskedBy::Client, change.user(), &questions, change.poll_timeout()).await?;
            let (Some([new, again]), Some(old)) = (asked.as_deref(), &self.progress.sent) else { break };
            if new == again && !new.is_empty() {
                let now = self.pipe.clock.now();
                let changed = change.change(old, new, now, &mut self.pipe.output.fresh).map_err(ended)?;
                return Ok(Step::Ready(changed));
            }
            questions = questions.instruction("The two were not the same, or empty.");
        }
        Ok(Step::Login(change.abandon()))
    }

    async fn ask_for_password(
        &mut self,
        user: &str,
        deadline: Option<Instant>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, ConnectError> {
        self.progress.asked_for_password += 1;
        let questions = Questions::new().hidden("Password: ");
        let answers = self.ask(AskedBy::Client, user, &questions, deadline).await?;
        let password = answers.and_then(|answers| answers.into_iter().next());
        if password.is_none() {
            self.progress.asked_for_password = self.policy.password_prompts;
        }
        Ok(password)
    }

    /// Asks whoever there is, for as long as the login may take. One answer for each question, or none at all.
    async fn ask(
        &mut self,
        by: AskedBy,
        user: &str,
        questions: &Questions,
        deadline: Option<Instant>,
    ) -> Result<Answers, ConnectError> {
        let Some(prompter) = self.policy.prompter.clone() else { return Ok(None) };
        let host = known_hosts::host_name(self.host, self.port);
        let answers = prompter.ask(Asked::new(by, user, &host, questions));
        let answers = self.pipe.wait_for(deadline, answers).await.ok_or(ended(Error::TimedOut(Waiting::Login)))?;
        Ok(answers.filter(|answers| answers.len() == questions.questions.len()))
    }

    /// Signs for the server that the key exchange was with, and for no other.
    pub(super) async fn sign(&mut self, sign: client::SignAuth) -> Result<Step, ConnectError> {
        let identity = self.policy.identities.iter().find(|identity| identity.public() == sign.key());
        let deadline = sign.poll_timeout();
        let Some(identity) = identity else { return Ok(Step::Login(sign.abandon())) };
        let identity = sign.host_proof().map_or_else(|| identity.clone(), |proof| identity.bind(&proof));
        let (algorithm, data) = (sign.algorithm().to_owned(), sign.to_sign().to_vec());
        match self.pipe.wait_for(deadline, identity.sign(&algorithm, &data)).await {
            None => Err(ended(Error::TimedOut(Waiting::Login))),
            Some(Ok(signature)) => {
                self.progress.signed = Some(sign.key().clone());
                let now = self.pipe.clock.now();
                Ok(Step::Ready(sign.complete(&signature, now, &mut self.pipe.output.fresh).map_err(ended)?))
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "an identity cannot sign");
                self.failed.push(error);
                Ok(Step::Login(sign.abandon()))
            }
        }
    }
}
