//! `[acl]` and `[[rule]]`

use super::ConfigError;
use super::read::{Entry, Table};
use crate::acl::{Kind, Otherwise, Rule, Target};

/// `[acl]`
pub(super) fn otherwise(mut table: Table<'_>) -> Result<Otherwise, ConfigError> {
    let default = table.take("default");
    let otherwise = default.map(|entry| entry.one_of(&["builtin", "deny", "allow"])).transpose()?;
    table.finish()?;
    Ok(otherwise.and_then(Otherwise::named).unwrap_or_default())
}

/// `[[rule]]`
pub(super) fn rule(mut table: Table<'_>) -> Result<Rule, ConfigError> {
    let line = table.line();
    let name = table.take("name").map(|entry| entry.text().map(str::to_owned)).transpose()?;
    let (allow, deny) = (table.take("allow"), table.take("deny"));
    let read = |entry: Entry<'_>| entry.some(Entry::parse::<Target>);
    let (mut rule, denies) = match (allow, deny) {
        (Some(allow), None) => (Rule::allow(read(allow)?), Denies::No),
        (None, Some(deny)) => (Rule::deny(read(deny)?), Denies::Yes),
        (Some(_), Some(_)) => {
            return Err(table.conflict("it either allows or denies; the first rule that matches decides"));
        }
        (None, None) => return Err(no_targets(table)),
    };
    rule = rule.at_line(line);
    if let Some(name) = name {
        rule = rule.named(name);
    }
    rule = who(rule, &mut table)?;
    if let Some(operations) = table.take("operation") {
        rule = rule.operations(operations.some(kind)?);
    }
    rule = terms(rule, &mut table, denies)?;
    table.finish()?;
    Ok(rule)
}

/// A key that nobody knows may be the one that is missing.
fn no_targets(mut table: Table<'_>) -> ConfigError {
    for key in ["key", "authority", "user", "principal", "from", "operation", "dangerous", "max_size", "rate"] {
        table.take(key);
    }
    let wanted = "a list of functions and processes, such as [\"lists:*\"]";
    table.left_over().err().unwrap_or_else(|| table.missing("`allow` and no `deny`", wanted))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Denies {
    Yes,
    No,
}

fn who(mut rule: Rule, table: &mut Table<'_>) -> Result<Rule, ConfigError> {
    if let Some(keys) = table.take("key") {
        rule = rule.keys(keys.some(fingerprint)?);
    }
    if let Some(authorities) = table.take("authority") {
        rule = rule.authorities(authorities.some(fingerprint)?);
    }
    if let Some(users) = table.take("user") {
        rule = rule.users(users.some(Entry::parse)?);
    }
    if let Some(principals) = table.take("principal") {
        rule = rule.principals(principals.some(Entry::parse)?);
    }
    if let Some(networks) = table.take("from") {
        rule = rule.sources(networks.some(network)?);
    }
    Ok(rule)
}

/// What is for rules that allow alone.
fn terms(mut rule: Rule, table: &mut Table<'_>, denies: Denies) -> Result<Rule, ConfigError> {
    let (dangerous, size, rate) = (table.take("dangerous"), table.take("max_size"), table.take("rate"));
    if denies == Denies::Yes
        && let Some(entry) = dangerous.as_ref().or(size.as_ref()).or(rate.as_ref())
    {
        return Err(entry.wrong("this is for rules that allow; one that denies does so anyway"));
    }
    if let Some(entry) = dangerous
        && entry.is_true()?
    {
        rule = rule.dangerous();
    }
    if let Some(entry) = size {
        rule = rule.max_size(entry.count()?);
    }
    if let Some(entry) = rate {
        rule = rule.rate(entry.parse()?);
    }
    Ok(rule)
}

fn kind(entry: &Entry<'_>) -> Result<Kind, ConfigError> {
    let name = entry.one_of(&Kind::ALL.map(Kind::name))?;
    Kind::named(name).ok_or_else(|| entry.wrong("there is no such operation"))
}

/// `SHA256:` and 43 characters of base64.
fn fingerprint(entry: &Entry<'_>) -> Result<String, ConfigError> {
    let text = entry.text()?;
    let base64 = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    match text.strip_prefix("SHA256:") {
        Some(digest) if digest.len() == 43 && digest.chars().all(base64) => Ok(text.to_owned()),
        _ => Err(entry.wrong("a fingerprint is `SHA256:` and 43 characters, as `ssh-keygen -l -f KEY.pub` prints it")),
    }
}

/// A network, or an address alone.
fn network(entry: &Entry<'_>) -> Result<ipnet::IpNet, ConfigError> {
    let text = entry.text()?;
    let address = text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    let network = address.or_else(|_network| text.parse::<ipnet::IpNet>());
    network.map_err(|_neither| {
        entry.wrong("a network is written `10.0.0.0/8` or `2001:db8::/32`, an address without the slash")
    })
}
