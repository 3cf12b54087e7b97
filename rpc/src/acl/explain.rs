//! How a decision came about, for people.

use super::{Decision, Mismatch};

/// How a [`Policy`](super::Policy) decides about something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The rules before the one that decides.
    pub passed: Vec<Step>,
    /// What is decided.
    pub decision: Decision,
    /// By what.
    pub by: String,
    /// The line at which the rule that decides begins; none where the default does.
    pub line: Option<usize>,
    /// What is allowed beyond that, as sentences.
    pub limits: Vec<String>,
}

/// A rule that does not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Which.
    pub rule: String,
    /// The line at which it begins.
    pub line: Option<usize>,
    /// Why not.
    pub why: Mismatch,
}
