//! `docs/rpc.md`: the table has every function that Erlang documents, and the tests that it names.

use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../docs/rpc.md");

/// What kernel 8.5 documents, as the manual pages list it.
const RPC: &str = "abcast/2 abcast/3 async_call/4 block_call/4 block_call/5 call/4 call/5 cast/4 eval_everywhere/3 \
                   eval_everywhere/4 multi_server_call/2 multi_server_call/3 multicall/3 multicall/4 multicall/5 \
                   nb_yield/1 nb_yield/2 parallel_eval/1 pinfo/1 pinfo/2 pmap/3 sbcast/2 sbcast/3 server_call/4 yield/1";
const ERPC: &str = "call/2 call/3 call/4 call/5 cast/2 cast/4 check_response/2 check_response/3 multicall/2 multicall/3 \
                    multicall/4 multicall/5 multicast/2 multicast/4 receive_response/1 receive_response/2 \
                    receive_response/3 reqids_add/3 reqids_new/0 reqids_size/1 reqids_to_list/1 send_request/2 \
                    send_request/4 send_request/6 wait_response/1 wait_response/2 wait_response/3";

const SOURCES: [(&str, &str); 2] = [
    (
        "rpc",
        concat!(
            include_str!("../src/rpc/broadcast.rs"),
            include_str!("../src/rpc/calls.rs"),
            include_str!("../src/rpc/info.rs"),
            include_str!("../src/rpc/key.rs"),
            include_str!("../src/rpc/parallel.rs"),
            include_str!("../src/rpc/server.rs"),
        ),
    ),
    (
        "erpc",
        concat!(
            include_str!("../src/erpc/mod.rs"),
            include_str!("../src/erpc/request.rs"),
            include_str!("../src/erpc/collection.rs"),
        ),
    ),
];

const TESTS: &str = concat!(
    include_str!("rpc_functions/blocking.rs"),
    include_str!("rpc_functions/broadcasts.rs"),
    include_str!("rpc_functions/calls.rs"),
    include_str!("rpc_functions/many.rs"),
    include_str!("rpc_functions/requests.rs"),
    include_str!("rpc_functions/servers.rs"),
);

/// A row: Erlang's function, ours, what differs, and the test.
struct Row {
    erlang: &'static str,
    ours: &'static str,
    differs: &'static str,
    test: &'static str,
}

/// The rows of the section of this name.
fn rows(section: &str) -> Vec<Row> {
    let (_, behind) =
        DOCUMENT.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
    let section = behind.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, erlang, ours, differs, test, _] = cells[..] else { panic!("{line}") };
        Row { erlang, ours, differs, test: test.trim_matches('`') }
    };
    rows.map(row).collect()
}

#[test]
fn the_table_has_every_function_that_erlang_documents() {
    for (section, documented) in [("rpc", RPC), ("erpc", ERPC)] {
        // One is there a second time, with other arguments of the same number.
        let listed: BTreeSet<_> = rows(section).iter().map(|row| row.erlang.split('`').nth(1).unwrap()).collect();
        assert_eq!(listed, documented.split_whitespace().collect(), "{section}");
    }
}

#[test]
fn what_the_table_says_is_here_is_here_and_has_a_test() {
    let mut named = 0;
    for (section, source) in SOURCES {
        for Row { erlang, ours, differs, test } in rows(section) {
            assert!(!differs.is_empty(), "{section}:{erlang}");
            if ours == "none" {
                assert!(test.is_empty(), "{section}:{erlang}");
                continue;
            }
            let function = ours.trim_matches('`').rsplit("::").next().unwrap();
            assert!(
                source.contains(&format!("pub fn {function}<"))
                    || source.contains(&format!("pub fn {function}("))
                    || source.contains(&format!("pub async fn {function}<"))
                    || source.contains(&format!("pub async fn {function}(")),
                "there is no {section}::{function}"
            );
            let defined = TESTS.contains(&format!("#[tokio::test]\nasync fn {test}()"));
            assert!(defined, "{section}:{erlang}: there is no test {test}");
            named += 1;
        }
    }
    assert!(named > 35, "{named}");
}

#[test]
fn the_tests_that_the_text_names_are_there() {
    let (_, plain) = DOCUMENT.split_once("\n## Over the plain protocol\n").unwrap();
    let test = plain.split('`').nth(1).unwrap();
    assert!(TESTS.contains(&format!("async fn {test}()")), "{test}");
}
