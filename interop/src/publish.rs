//! The matrix as Markdown and JSON: without dates and durations, so that two runs of the same give the same.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::report::{Cell, Report, Role};

/// All of it, for programs.
#[must_use]
pub fn to_json(reports: &[Report]) -> Value {
    reports.iter().map(one).collect()
}

fn one(report: &Report) -> Value {
    let mut rows = Map::new();
    for row in &report.rows {
        let mut cell = json!({ "is": row.cell.word() });
        if let Some(reason) = row.cell.reason() {
            cell["because"] = reason.into();
        }
        let group = rows.entry(row.group).or_insert_with(|| json!({}));
        group[&row.name] = cell;
    }
    let offer = &report.offer;
    json!({
        "peer": report.peer,
        "role": report.role.name(),
        "package": report.package,
        "version": report.version,
        "identification": offer.identification,
        "kexinit": {
            "kex_algorithms": offer.kex,
            "server_host_key_algorithms": offer.host_keys,
            "encryption_algorithms_client_to_server": offer.ciphers_to_server,
            "encryption_algorithms_server_to_client": offer.ciphers_to_client,
            "mac_algorithms_client_to_server": offer.macs_to_server,
            "mac_algorithms_server_to_client": offer.macs_to_client,
            "compression_algorithms_client_to_server": offer.compression_to_server,
            "compression_algorithms_server_to_client": offer.compression_to_client,
        },
        "rows": rows,
    })
}

/// What `published` calls ok for this peer and role, and the report does not, for a person: an algorithm that went from our
/// tables or from the peer's offer would otherwise go unnoticed.
pub(crate) fn lost(published: &Value, report: &Report) -> String {
    let before = published.as_array().into_iter().flatten();
    let before = before.filter(|one| one["peer"] == report.peer && one["role"] == report.role.name());
    let groups = before.filter_map(|one| one["rows"].as_object()).flatten();
    let rows = groups.flat_map(|(group, rows)| rows.as_object().into_iter().flatten().map(move |row| (group, row)));
    let mut lost = String::new();
    for (group, (name, cell)) in rows {
        let now = report.rows.iter().find(|row| row.group == group && row.name == *name).map(|row| row.cell.word());
        if cell["is"] == "ok" && !matches!(now, Some("ok" | "failed")) {
            let _ = writeln!(lost, "{group} {name}: it was ok, and is {} now", now.unwrap_or("gone"));
        }
    }
    lost
}

/// All of it, for people.
#[must_use]
pub fn to_markdown(reports: &[Report]) -> String {
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "\n{}\n", summary(reports));
    text.push_str("## Peers\n\n| peer | version | from | role | identification | strict key exchange |\n|---|---|---|---|---|---|\n");
    for report in reports {
        let Report { peer, role, package, version, offer, .. } = report;
        let (role, strict) = (role.name(), if offer.is_strict() { "yes" } else { "no" });
        let _ = writeln!(text, "| {peer} | {version} | {package} | {role} | `{}` | {strict} |", offer.identification);
    }
    for (role, title) in [(Role::Client, "Their clients, our server"), (Role::Server, "Our client, their servers")] {
        let reports: Vec<&Report> = reports.iter().filter(|report| report.role == role).collect();
        let _ = write!(text, "\n## {title}\n\n{}", table(&reports));
    }
    text
}

/// A line a peer, for the README: how much of what both sides have works.
#[must_use]
pub fn in_brief(reports: &[Report]) -> String {
    let mut peers: Vec<(&str, &str)> = Vec::new();
    for Report { peer, version, .. } in reports {
        if peers.last().is_none_or(|(last, _)| last != peer) {
            // What a distribution adds to a version is for docs/interop.md.
            peers.push((peer, version.split(['-', '+']).next().unwrap_or_default()));
        }
    }
    let mut text = "| | version | its client, our server | our client, its server |\n|---|---|---|---|\n".to_owned();
    for (peer, version) in peers {
        let cell = |role: Role| {
            let report = reports.iter().find(|report| report.peer == peer && report.role == role);
            report.map_or_else(String::new, |report| {
                let count = |word: &str| report.rows.iter().filter(|row| row.cell.word() == word).count();
                let (ok, limited, failed) = (count("ok"), count("limited"), count("failed"));
                format!("{ok} of {}", ok + limited + failed)
            })
        };
        let _ = writeln!(text, "| {peer} | {version} | {} | {} |", cell(Role::Client), cell(Role::Server));
    }
    text
}

const HEAD: &str = "\
# Interoperability

Every peer that we know how to install, as a client and as a server, over every algorithm that both sides have, but for those
of certificates and security keys, which `ssh-transport/tests` tries with OpenSSH. Our side offers one algorithm at a time, of
whatever tier; the peer offers all that it has. A line of the first five groups is a login, a command that copies 40,000 bytes,
and its exit status; of peers that send no input, a command that writes as many.

- **ok**: it works.
- **–**: not offered. The peer's KEXINIT, recorded before the tests, does not have it; `interop.json` shows it in full.
- **n/a**: the peer has no such thing; why, is said below the table. That it sends or takes no key of a type is tested.
- **limited**: the peer offers it and fails with it; it was tried, and why it fails is said below the table.
- **FAILED**: it should work. There is none: it would fail the tests.

Made by `cargo interop`; the peers are installed by `interop/setup.sh`.
";

fn summary(reports: &[Report]) -> String {
    let count = |word: &str| {
        let rows = reports.iter().flat_map(|report| &report.rows);
        rows.filter(|row| row.cell.word() == word).count()
    };
    let roles = Role::ALL.map(|role| reports.iter().filter(|report| report.role == role).count());
    format!(
        "{} clients and {} servers: {} cells ok, {} not offered, {} n/a, {} limited, {} failed.",
        roles[0],
        roles[1],
        count("ok"),
        count("not offered"),
        count("absent"),
        count("limited"),
        count("failed")
    )
}

/// Peers across, lines down: all reports have the same lines.
fn table(reports: &[&Report]) -> String {
    let Some(first) = reports.first() else { return "None is installed.\n".to_owned() };
    let names: Vec<&str> = reports.iter().map(|report| report.peer).collect();
    let mut text = format!("| | | {} |\n|---|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let mut reasons = String::new();
    for (number, line) in first.rows.iter().enumerate() {
        let _ = write!(text, "| {} | {} |", line.group, line.name);
        for report in reports {
            let Some(row) = report.rows.get(number) else { continue };
            let mark = match &row.cell {
                Cell::Ok => "ok",
                Cell::NotOffered => "–",
                Cell::Absent(_) => "n/a",
                Cell::Limited(_) => "limited",
                Cell::Failed(_) => "**FAILED**",
            };
            let _ = write!(text, " {mark} |");
            if let Some(reason) = row.cell.reason() {
                let reason = reason.lines().next().unwrap_or_default();
                let _ = writeln!(reasons, "- {}, {} {}: {reason}.", report.peer, row.group, row.name);
            }
        }
        text.push('\n');
    }
    if !reasons.is_empty() {
        let _ = write!(text, "\n{reasons}");
    }
    text
}

/// Puts `brief` between the marks of `readme`; `None` when it has none.
#[must_use]
pub fn into_readme(readme: &str, brief: &str) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{brief}{END}{after}"))
}

const BEGIN: &str = "<!-- made by `cargo interop` -->";
const END: &str = "<!-- /made -->";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kexinit::Offer;
    use crate::report::Row;
    use crate::table::PEERS;

    fn report(cell: Cell) -> Report {
        let row = Row { group: "cipher", name: "aes128-ctr".to_owned(), cell };
        let (package, version) = ("p".to_owned(), "1".to_owned());
        Report { peer: "Peer", role: Role::Server, package, version, offer: Offer::default(), rows: vec![row] }
    }

    #[test]
    fn what_was_published_as_ok_may_not_go() {
        let published = to_json(&[report(Cell::Ok)]);
        assert_eq!(lost(&published, &report(Cell::Ok)), "");
        assert_eq!(
            lost(&published, &report(Cell::NotOffered)),
            "cipher aes128-ctr: it was ok, and is not offered now\n"
        );
        assert_eq!(
            lost(&published, &Report { rows: Vec::new(), ..report(Cell::Ok) }),
            "cipher aes128-ctr: it was ok, and is gone now\n"
        );
        assert_eq!(lost(&published, &Report { role: Role::Client, ..report(Cell::NotOffered) }), "");
        assert_eq!(lost(&to_json(&[report(Cell::NotOffered)]), &report(Cell::NotOffered)), "");
        assert_eq!(lost(&Value::Null, &report(Cell::NotOffered)), "");
    }

    /// One that was renamed, or never published, would lose nothing by losing everything.
    #[test]
    fn what_is_published_is_of_every_peer_of_the_table_and_reads_as_we_write_it() {
        let docs =
            |file: &str| std::fs::read_to_string(format!("{}/../docs/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let published: Value = serde_json::from_str(&docs("interop.json")).unwrap();
        let published = published.as_array().unwrap().iter().map(|one| (one["peer"].as_str(), one["role"].as_str()));
        let sides = PEERS.iter().flat_map(|peer| Role::ALL.map(|role| (peer, role)));
        let expected = sides.filter(|(peer, role)| role.side(peer).is_some());
        let expected = expected.map(|(peer, role)| (Some(peer.name), Some(role.name())));
        assert_eq!(published.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert!(docs("interop.md").starts_with(HEAD), "run `cargo interop`");
    }

    #[test]
    fn the_table_has_a_mark_for_each_cell_and_the_reasons_below() {
        let text = to_markdown(&[report(Cell::Limited("it is old"))]);
        assert!(text.contains("| cipher | aes128-ctr | limited |\n"), "{text}");
        assert!(text.contains("- Peer, cipher aes128-ctr: it is old.\n"), "{text}");
        assert!(
            text.contains("0 clients and 1 servers: 0 cells ok, 0 not offered, 0 n/a, 1 limited, 0 failed."),
            "{text}"
        );
    }

    #[test]
    fn the_readme_has_a_line_for_each_peer_between_its_marks() {
        let reports = [Report { role: Role::Client, ..report(Cell::Ok) }, report(Cell::Limited("it is old"))];
        let readme = into_readme(&format!("before {BEGIN}\nold\n{END} after"), &in_brief(&reports)).unwrap();
        assert!(readme.starts_with("before ") && readme.ends_with(" after") && !readme.contains("old"), "{readme}");
        assert!(readme.contains("\n| Peer | 1 | 1 of 1 | 0 of 1 |\n"), "{readme}");
        assert_eq!(into_readme("no marks", ""), None);
    }
}
