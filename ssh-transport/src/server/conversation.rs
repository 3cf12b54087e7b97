//! Questions and answers of a login under way.

use ssh_proto::server::Questions;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// What a handler asks a user in [`Handler::converse`](super::Handler::converse).
#[derive(Debug)]
pub struct Conversation {
    submethods: String,
    asks: mpsc::Sender<Ask>,
}

/// Questions, and where the answers go.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) questions: Questions,
    pub(super) answers: oneshot::Sender<Vec<Zeroizing<Vec<u8>>>>,
}

impl Conversation {
    pub(super) fn new(submethods: &str) -> (Self, mpsc::Receiver<Ask>) {
        let (asks, asked) = mpsc::channel(1);
        (Self { submethods: submethods.to_owned(), asks }, asked)
    }

    /// What the client would like to be asked by, comma-separated: a hint, mostly empty.
    #[must_use]
    pub fn submethods(&self) -> &str {
        &self.submethods
    }

    /// Asks, and waits for the answers: as many as there are questions, in UTF-8 if the client is well-behaved, of at most
    /// 1,024 bytes each. Does not come back when the client gives up or tries something else: the whole conversation is
    /// dropped then.
    pub async fn ask(&mut self, questions: Questions) -> Vec<Zeroizing<Vec<u8>>> {
        let (answers, answered) = oneshot::channel();
        if self.asks.send(Ask { questions, answers }).await.is_ok()
            && let Ok(answers) = answered.await
        {
            return answers;
        }
        std::future::pending().await
    }
}
