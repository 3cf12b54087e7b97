//! What a user has to show, and has shown: one list of methods, each of which must be passed in its order, is enough.

use alloc::vec;
use alloc::vec::Vec;

use super::messages::MethodName;
use crate::keys::PublicKey;

/// Where a user stands.
#[derive(Debug)]
pub(super) struct Factors {
    chains: Vec<Vec<MethodName>>,
    /// How much of each chain is done.
    done: Vec<usize>,
    /// What may be tried now.
    offered: Vec<MethodName>,
    /// What this user has shown, in order.
    passed: Vec<MethodName>,
    /// Keys that have signed for this user.
    keys: Vec<PublicKey>,
}

/// What there is left to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    More,
}

impl Factors {
    /// One of `chains` from its start to its end; where there are none, one of `methods`. A chain of nothing lets nobody
    /// in: whatever is shown first would be its end.
    pub(super) fn new(methods: &[MethodName], chains: &[Vec<MethodName>]) -> Self {
        let chains: Vec<_> = match chains {
            [] => methods.iter().map(|method| vec![method.clone()]).collect(),
            chains => chains.iter().filter(|chain| !chain.is_empty()).cloned().collect(),
        };
        let mut factors =
            Self { done: vec![0; chains.len()], chains, offered: Vec::new(), passed: Vec::new(), keys: Vec::new() };
        factors.offered = factors.heads();
        factors
    }

    /// Another user: "the authentication server MUST flush any accumulated authentication states" (RFC 4252 §5).
    pub(super) fn flush(&mut self) {
        self.done.fill(0);
        self.passed.clear();
        self.keys.clear();
        self.offered = self.heads();
    }

    /// Whether `method` may be tried now.
    pub(super) fn offers(&self, method: &MethodName) -> bool {
        self.offered.contains(method)
    }

    /// What may be tried now, as the user is told: "It is RECOMMENDED [...] the "none" method MUST NOT be listed as
    /// supported by the server" (RFC 4252 §5.2).
    pub(super) fn listed(&self) -> impl Iterator<Item = &MethodName> {
        self.offered.iter().filter(|method| **method != MethodName::None)
    }

    pub(super) fn passed(&self) -> &[MethodName] {
        &self.passed
    }

    /// Whether `key` has signed for this user already: one key is one factor, however often it signs.
    pub(super) fn has_used(&self, key: &PublicKey) -> bool {
        self.keys.contains(key)
    }

    /// The user has shown `method`, and `key` if it is one.
    pub(super) fn pass(&mut self, method: MethodName, key: Option<&PublicKey>) -> Left {
        for (chain, done) in self.chains.iter().zip(&mut self.done) {
            if chain.get(*done) == Some(&method) {
                *done = done.saturating_add(1);
            }
        }
        self.passed.push(method);
        self.keys.extend(key.cloned());
        self.offered = self.heads();
        let complete = self.chains.iter().zip(&self.done).any(|(chain, done)| *done >= chain.len());
        if complete { Left::Nothing } else { Left::More }
    }

    /// Whatever the chains say, one of these is next.
    pub(super) fn ask_for(&mut self, methods: Vec<MethodName>) {
        self.offered = methods;
    }

    /// The next method of each chain, each once.
    fn heads(&self) -> Vec<MethodName> {
        let mut heads = Vec::new();
        for head in self.chains.iter().zip(&self.done).filter_map(|(chain, done)| chain.get(*done)) {
            if !heads.contains(head) {
                heads.push(head.clone());
            }
        }
        heads
    }
}

#[cfg(test)]
mod tests {
    use super::MethodName::{KeyboardInteractive, None as Nothing, Password, PublicKey};
    use super::*;

    fn listed(factors: &Factors) -> Vec<&str> {
        factors.listed().map(MethodName::as_str).collect()
    }

    #[test]
    fn one_of_several_methods_is_enough() {
        let mut factors = Factors::new(&[PublicKey, Password, Nothing], &[]);
        assert_eq!(listed(&factors), ["publickey", "password"], "RFC 4252 s5.2");
        assert!(factors.offers(&Nothing) && !factors.offers(&KeyboardInteractive));
        assert_eq!(factors.pass(Password, None), Left::Nothing);
    }

    #[test]
    fn rfc4252_s5_1_each_list_is_passed_in_its_order() {
        let chains = [vec![PublicKey, Password], vec![PublicKey, KeyboardInteractive], vec![Password, PublicKey]];
        let mut factors = Factors::new(&[], &chains);
        assert_eq!(listed(&factors), ["publickey", "password"]);
        assert_eq!(factors.pass(PublicKey, None), Left::More);
        assert_eq!(listed(&factors), ["password", "keyboard-interactive"]);
        assert_eq!(factors.pass(KeyboardInteractive, None), Left::Nothing);
        factors.flush();
        assert_eq!((listed(&factors), factors.passed()), (vec!["publickey", "password"], &[][..]));
        assert_eq!(factors.pass(Password, None), Left::More);
        assert_eq!(factors.pass(PublicKey, None), Left::Nothing);
    }

    #[test]
    fn a_list_of_nothing_lets_nobody_in() {
        let mut factors = Factors::new(&[], &[vec![], vec![PublicKey, Password]]);
        assert_eq!(factors.pass(PublicKey, None), Left::More);
        assert_eq!(factors.pass(Password, None), Left::Nothing);
        let mut factors = Factors::new(&[Password], &[vec![]]);
        assert!(listed(&factors).is_empty());
        assert_eq!(factors.pass(Password, None), Left::More);
    }

    #[test]
    fn a_method_that_is_asked_for_besides_completes_nothing_by_itself() {
        let mut factors = Factors::new(&[], &[vec![PublicKey, Password]]);
        assert_eq!(factors.pass(PublicKey, None), Left::More);
        factors.ask_for(vec![KeyboardInteractive]);
        assert_eq!(listed(&factors), ["keyboard-interactive"]);
        assert_eq!(factors.pass(KeyboardInteractive, None), Left::More);
        assert_eq!(listed(&factors), ["password"]);
        assert_eq!(factors.pass(Password, None), Left::Nothing);
    }
}
