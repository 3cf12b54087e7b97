use std::io::Read;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use ssh_proto::keys::{PublicKey, Signature};
use ssh_proto::wire::Put;
use tempfile::TempDir;

use super::*;

/// An agent that gives every question on every connection the next of these answers, as they are, and then hangs up.
/// Without answers it is silent.
async fn agent(answers: &[&[u8]]) -> (TempDir, Agent) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent");
    let listener = UnixListener::bind(&path).unwrap();
    let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
    thread::spawn(move || {
        let mut answers = answers.into_iter().peekable();
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if answers.peek().is_none() {
                silent.push(stream);
                continue;
            }
            let mut length = [0; 4];
            if stream.read_exact(&mut length).is_ok() {
                let mut request = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut request).unwrap();
                std::io::Write::write_all(&mut stream, &answers.next().unwrap()).unwrap();
            }
        }
    });
    (directory, Agent::connect(path).await.unwrap())
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    framed.put_string(message);
    framed
}

fn key() -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text("keys/ed25519.pub")).unwrap().0
}

fn rsa() -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text("keys/rsa2048.pub")).unwrap().0
}

fn identities(keys: &[(&[u8], &str)]) -> Vec<u8> {
    let mut message = vec![12];
    message.put_u32(keys.len() as u32);
    for (blob, comment) in keys {
        message.put_string(blob);
        message.put_string(comment.as_bytes());
    }
    message
}

async fn list(answer: &[u8]) -> Result<Vec<AgentKey>, AgentError> {
    let (_directory, agent) = agent(&[&framed(answer)]).await;
    agent.identities().await
}

async fn sign(key: &PublicKey, algorithm: &str, answer: &[u8]) -> Result<Signature, AgentError> {
    let (_directory, agent) = agent(&[&framed(answer)]).await;
    agent.sign(key, algorithm, b"data").await
}

#[tokio::test]
async fn keys_are_listed_and_what_is_no_key_is_left_out() {
    let answer = identities(&[(key().blob(), "mine\x1b[2J"), (b"nonsense", ""), (rsa().blob(), "")]);
    let listed = list(&answer).await.unwrap();
    assert_eq!(listed.iter().map(|listed| &listed.key).collect::<Vec<_>>(), [&key(), &rsa()]);
    assert_eq!(listed[0].comment, "mine [2J");
    assert!(list(&identities(&[])).await.unwrap().is_empty());
}

#[tokio::test]
async fn cve_2025_47913_success_is_no_answer_to_a_question() {
    assert!(matches!(list(&[6]).await, Err(AgentError::Unexpected { number: 6 })));
    assert!(matches!(sign(&key(), "ssh-ed25519", &[6]).await, Err(AgentError::Unexpected { number: 6 })));
    // The answer to the other question is none either.
    assert!(matches!(sign(&key(), "ssh-ed25519", &identities(&[])).await, Err(AgentError::Unexpected { number: 12 })));
}

#[tokio::test]
async fn a_refusal_is_one() {
    assert!(matches!(list(&[5]).await, Err(AgentError::Refused)));
    assert!(matches!(sign(&key(), "ssh-ed25519", &[5]).await, Err(AgentError::Refused)));
}

#[tokio::test]
async fn damaged_answers_are_errors() {
    assert!(matches!(list(&[]).await, Err(AgentError::Malformed(_))));
    assert!(matches!(list(&[12, 0xff, 0xff, 0xff, 0xff]).await, Err(AgentError::Malformed(_))));
    let answer = identities(&[(key().blob(), "comment")]);
    for end in 1..answer.len() {
        assert!(matches!(message::read_identities(&answer[..end]), Err(AgentError::Malformed(_))), "cut at {end}");
    }
    assert!(matches!(message::read_identities(&[&answer[..], &[0]].concat()), Err(AgentError::Malformed(_))));
    assert!(matches!(sign(&key(), "ssh-ed25519", &[14, 0, 0, 0, 1, 0]).await, Err(AgentError::Malformed(_))));
}

#[tokio::test]
async fn a_long_answer_is_not_waited_for_and_a_long_question_not_asked() {
    let (_directory, agent) = agent(&[&[0xff; 8]]).await;
    assert!(matches!(agent.identities().await, Err(AgentError::TooLong { length: 0xffff_ffff })));
    let data = vec![0; Agent::MAX_MESSAGE];
    assert!(matches!(agent.sign(&key(), "ssh-ed25519", &data).await, Err(AgentError::TooLong { .. })));
}

#[tokio::test]
async fn an_agent_that_is_silent_or_gone_is_an_error() {
    let (directory, silent) = agent(&[]).await;
    let silent = silent.with_limits(Duration::from_millis(20), Duration::from_millis(20));
    assert!(matches!(silent.identities().await, Err(AgentError::Timeout(_))));
    assert!(matches!(silent.sign(&key(), "ssh-ed25519", b"").await, Err(AgentError::Timeout(_))));
    let missing = directory.path().join("missing");
    let error = Agent::connect(&missing).await.unwrap_err();
    assert!(matches!(&error, AgentError::Unreachable { path, .. } if *path == missing), "{error}");
    // Half an answer, twice: on the connection that was open and on a new one.
    let half = framed(&identities(&[]));
    let (_directory, broken) = agent(&[&half[..6], &half[..6]]).await;
    assert!(matches!(broken.identities().await, Err(AgentError::Broken(_))));
}

#[tokio::test]
async fn an_agent_that_hung_up_is_called_again() {
    let answer = framed(&identities(&[(key().blob(), "")]));
    let (_directory, agent) = agent(&[&answer, &answer, &answer]).await;
    for _ in 0..3 {
        assert_eq!(agent.identities().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn rfc8332_an_agent_that_signs_with_sha1_instead_is_an_error() {
    let mut signature = Vec::new();
    Signature::new("ssh-rsa", vec![1; 256]).to_wire(&mut signature);
    let mut answer = vec![14];
    answer.put_string(&signature);
    assert!(matches!(sign(&rsa(), "rsa-sha2-512", &answer).await, Err(AgentError::WrongAlgorithm { .. })));
    assert!(sign(&rsa(), "ssh-rsa", &answer).await.is_ok());
    for (key, algorithm) in [(key(), "rsa-sha2-512"), (rsa(), "ssh-ed25519"), (rsa(), "rsa-sha2-384")] {
        assert!(matches!(sign(&key, algorithm, &answer).await, Err(AgentError::NoSuchAlgorithm { .. })));
    }
}
