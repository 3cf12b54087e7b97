//! `KexAlgorithms`, `HostKeyAlgorithms`, `PubkeyAcceptedAlgorithms`, `CASignatureAlgorithms`, `Ciphers` and `MACs`.

use ssh_proto::Algorithms;
use ssh_proto::algorithms::UnknownAlgorithm;
use ssh_proto::crypto::{CryptoProvider, SignatureMethod, Tier};

use crate::files::pattern::wildcard;

/// What the configuration says about algorithms, as it stands there: a list; `+` and a list that is added at the end, `^`
/// and one that comes first, `-` and patterns of what is left out. Empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selections {
    /// `KexAlgorithms`
    pub kex: String,
    /// `HostKeyAlgorithms`
    pub host_keys: String,
    /// `PubkeyAcceptedAlgorithms`
    pub user_keys: String,
    /// `CASignatureAlgorithms`
    pub authorities: String,
    /// `Ciphers`
    pub ciphers: String,
    /// `MACs`
    pub macs: String,
}

/// The names of one of the lists.
type NamesOf = fn(&Algorithms) -> Vec<&'static str>;

/// Makes one of the lists exactly what is named.
type Select = fn(&mut Algorithms, &dyn CryptoProvider, &str) -> Result<(), UnknownAlgorithm>;

impl Selections {
    /// What is said here; where nothing is, what is said there.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let or = |ours: String, theirs: &String| if ours.is_empty() { theirs.clone() } else { ours };
        Self {
            kex: or(self.kex, &other.kex),
            host_keys: or(self.host_keys, &other.host_keys),
            user_keys: or(self.user_keys, &other.user_keys),
            authorities: or(self.authorities, &other.authorities),
            ciphers: or(self.ciphers, &other.ciphers),
            macs: or(self.macs, &other.macs),
        }
    }

    /// Applies them to what would be offered otherwise. Names that `provider` does not have are left out, and answered:
    /// a configuration is written for every program that reads it.
    ///
    /// # Errors
    /// When nothing would remain of a list.
    pub fn apply(
        &self,
        algorithms: &mut Algorithms,
        provider: &dyn CryptoProvider,
    ) -> Result<Vec<String>, UnknownAlgorithm> {
        let mut everything = Algorithms::up_to(Tier::Legacy, provider);
        everything.offer_host_certificates();
        let rows: [(&str, NamesOf, Select); 6] = [
            (&self.kex, |of| of.kex.iter().map(|method| method.name).collect(), Algorithms::select_kex),
            (&self.ciphers, |of| of.ciphers.iter().map(|method| method.name).collect(), Algorithms::select_ciphers),
            (&self.macs, |of| of.macs.iter().map(|method| method.name).collect(), Algorithms::select_macs),
            (&self.host_keys, |of| signatures(&of.host_keys), Algorithms::select_host_keys),
            (&self.user_keys, |of| signatures(&of.user_keys), Algorithms::select_user_keys),
            (&self.authorities, |of| signatures(&of.authorities), Algorithms::select_authorities),
        ];
        let mut unknown = Vec::new();
        for (selection, names_of, select) in rows.into_iter().filter(|(selection, ..)| !selection.is_empty()) {
            let names = choose(selection, &names_of(algorithms), &names_of(&everything), &mut unknown);
            select(algorithms, provider, &names)?;
        }
        Ok(unknown)
    }
}

fn signatures(methods: &[SignatureMethod]) -> Vec<&'static str> {
    methods.iter().map(|method| method.name).collect()
}

/// The names that `selection` leaves, comma-separated; what is not in `all` goes to `unknown`. When nothing is left, the
/// selection itself, so that the error names it.
fn choose(selection: &str, ours: &[&str], all: &[&str], unknown: &mut Vec<String>) -> String {
    let (how, list) = match selection.split_at_checked(1) {
        Some((sign @ ("+" | "-" | "^"), list)) => (sign, list),
        _ => ("", selection),
    };
    let items: Vec<&str> = list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    let is_named = |name: &str| items.iter().any(|item| wildcard(item.as_bytes(), name.as_bytes()));
    let mut named: Vec<&str> = Vec::new();
    for item in &items {
        let matching = all.iter().copied().filter(|name| wildcard(item.as_bytes(), name.as_bytes()));
        let before = named.len();
        named.extend(matching.filter(|name| !named.contains(name)).collect::<Vec<_>>());
        if named.len() == before && !all.iter().any(|name| wildcard(item.as_bytes(), name.as_bytes())) && how != "-" {
            unknown.push((*item).to_owned());
        }
    }
    let chosen: Vec<&str> = match how {
        "+" => ours.iter().chain(named.iter().filter(|name| !ours.contains(name))).copied().collect(),
        "^" => named.iter().chain(ours.iter().filter(|name| !named.contains(name))).copied().collect(),
        "-" => ours.iter().filter(|name| !is_named(name)).copied().collect(),
        _ => named,
    };
    if chosen.is_empty() { list.to_owned() } else { chosen.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_replace_add_come_first_and_leave_out() {
        let mut unknown = Vec::new();
        let mut choose = |selection| choose(selection, &["a1", "b1"], &["a1", "a2", "b1", "b2"], &mut unknown);
        assert_eq!(choose("b2,a1"), "b2,a1");
        assert_eq!(choose("a*"), "a1,a2");
        assert_eq!(choose("+b*,a2"), "a1,b1,b2,a2");
        assert_eq!(choose("^a2,b1"), "a2,b1,a1");
        assert_eq!(choose("-a*"), "b1");
        assert_eq!(choose("c1,b1"), "b1");
        assert_eq!(choose("c2"), "c2");
        assert_eq!(unknown, ["c1", "c2"]);
    }

    #[test]
    fn host_keys_are_those_that_hosts_may_have() {
        let provider = &ssh_proto::crypto::rustcrypto::PROVIDER;
        let mut algorithms = Algorithms::up_to(Tier::Compatible, provider);
        let host_keys = "sk-ssh-ed25519@openssh.com,ssh-ed25519-cert-v01@openssh.com,ssh-ed25519".to_owned();
        let selections = Selections { host_keys, ..Selections::default() };
        let unknown = selections.apply(&mut algorithms, provider).unwrap();
        assert_eq!(unknown, ["sk-ssh-ed25519@openssh.com"]);
        let names: Vec<&str> = algorithms.host_keys.iter().map(|method| method.name).collect();
        assert_eq!(names, ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"]);
    }
}
