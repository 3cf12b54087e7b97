//! Which connection a request goes over.

use sha2::{Digest, Sha256};

use super::request::Route;
use crate::term::Atom;

/// How requests that may go anywhere are shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// To the connection with the fewest requests under way.
    #[default]
    LeastPending,
    /// To one connection after the other.
    RoundRobin,
}

/// A connection that is up.
pub(super) struct Candidate<'a> {
    pub(super) name: &'a Atom,
    pub(super) pending: usize,
}

impl Balance {
    /// The place of the one that is taken; `None` when there is none.
    pub(super) fn pick<'a>(
        self,
        route: &Route,
        turn: usize,
        candidates: impl Iterator<Item = &'a Candidate<'a>>,
    ) -> Option<usize> {
        let mut candidates: Vec<(usize, &Candidate<'_>)> = candidates.enumerate().collect();
        // Of those that are equal, each has its turn.
        let begin = turn.checked_rem(candidates.len())?;
        candidates.rotate_left(begin);
        if let Route::Key(key) = route {
            let owner = candidates.iter().max_by_key(|(_, candidate)| score(key, candidate.name))?.1.name;
            candidates.retain(|(_, candidate)| candidate.name == owner);
        }
        match (self, route) {
            (Self::RoundRobin, Route::Any | Route::Node(_)) => candidates.first(),
            _ => candidates.iter().min_by_key(|(_, candidate)| candidate.pending),
        }
        .map(|(at, _)| *at)
    }
}

/// Rendezvous hashing: a key belongs to the node with the highest score. What one node scores does not depend on who else is
/// there; the same everywhere, and in every version.
fn score(key: &[u8], node: &Atom) -> ([u8; 32], Atom) {
    let name = node.as_str().as_bytes();
    let hash = Sha256::new().chain_update((name.len() as u64).to_be_bytes()).chain_update(name).chain_update(key);
    // The name decides where all else is equal.
    (hash.finalize().into(), node.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn atoms(names: &[&str]) -> Vec<Atom> {
        names.iter().map(|name| Atom::new(name).expect("a short name")).collect()
    }

    fn candidates(names: &[Atom]) -> Vec<Candidate<'_>> {
        names.iter().map(|name| Candidate { name, pending: 0 }).collect()
    }

    fn owner(names: &[Atom], key: u32, turn: usize) -> Atom {
        let route = Route::Key(key.to_be_bytes().to_vec());
        let candidates = candidates(names);
        names[Balance::RoundRobin.pick(&route, turn, candidates.iter()).expect("one")].clone()
    }

    #[test]
    fn a_key_stays_where_it_is_when_another_node_goes() {
        let all = atoms(&["a", "b", "c", "d", "e"]);
        let mut shares = BTreeMap::<Atom, u32>::new();
        for key in 0..5000 {
            let before = owner(&all, key, 0);
            *shares.entry(before.clone()).or_default() += 1;
            for gone in &all {
                let rest: Vec<Atom> = all.iter().filter(|name| *name != gone).cloned().collect();
                let after = owner(&rest, key, 3);
                assert_eq!(*gone != before, after == before, "key {key} without {gone}");
            }
        }
        // Each has about a thousand: five standard deviations are 140.
        assert_eq!(shares.len(), 5);
        assert!(shares.values().all(|share| (860..=1140).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_key_belongs_to_the_same_node_in_every_version() {
        let all = atoms(&["a", "b", "c"]);
        let owners: String = (0..12).map(|key| owner(&all, key, 0).to_string()).collect();
        assert_eq!(owners, "baaccabbabab");
    }

    #[test]
    fn one_after_the_other_or_the_least_busy_one() {
        let names = atoms(&["a", "b", "c"]);
        let mut candidates = candidates(&names);
        let pick = |balance: Balance, candidates: &[Candidate<'_>]| -> Vec<_> {
            (0..6).filter_map(|turn| balance.pick(&Route::Any, turn, candidates.iter())).collect()
        };
        assert_eq!(pick(Balance::RoundRobin, &candidates), [0, 1, 2, 0, 1, 2]);
        assert_eq!(pick(Balance::LeastPending, &candidates), [0, 1, 2, 0, 1, 2]);
        candidates[1].pending = 1;
        assert_eq!(pick(Balance::LeastPending, &candidates), [0, 2, 2, 0, 2, 2]);
        assert_eq!(pick(Balance::LeastPending, &[]), [0; 0]);
    }
}
