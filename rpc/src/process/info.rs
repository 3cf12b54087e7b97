//! What can be known about a process.

use super::table::Exits;
use crate::term::{Atom, Pid, Term};

/// What `erlang:process_info/1` tells about a process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its name.
    pub registered_name: Option<Atom>,
    /// How many messages it has not received.
    pub message_queue_len: usize,
    /// The processes that it is linked to.
    pub links: Vec<Pid>,
    /// The processes that it monitors: a pid, or `{Name,Node}`.
    pub monitors: Vec<Term>,
    /// The processes that monitor it; Rust code that does is none.
    pub monitored_by: Vec<Pid>,
    /// What becomes of exit signals.
    pub exits: Exits,
}

impl ProcessInfo {
    /// The items that there are.
    const ITEMS: [&str; 6] = ["registered_name", "message_queue_len", "links", "monitors", "monitored_by", "trap_exit"];

    /// `{Item,Value}`, as `erlang:process_info/2` has it; `[]` for the name of one that has none. `None` for an item that
    /// there is not.
    #[must_use]
    pub fn item(&self, name: &str) -> Option<Term> {
        let key = Self::ITEMS.iter().find(|known| **known == name)?;
        let value = match (*key, &self.registered_name) {
            ("registered_name", Some(name)) => name.clone().into(),
            ("registered_name", None) => return Some(Term::NIL),
            ("message_queue_len", _) => self.message_queue_len.into(),
            ("links", _) => self.links.clone().into(),
            ("monitors", _) => {
                self.monitors.iter().map(|of| Term::tuple([Term::atom("process"), of.clone()])).collect()
            }
            ("monitored_by", _) => self.monitored_by.clone().into(),
            _ => (self.exits == Exits::Trap).into(),
        };
        Some(Term::tuple([Term::atom(key), value]))
    }

    /// All items, as `erlang:process_info/1` lists them: a process without a name has none.
    #[must_use]
    pub fn to_term(&self) -> Term {
        Self::ITEMS.iter().filter_map(|name| self.item(name)).filter(|item| *item != Term::NIL).collect()
    }
}
