//! Logins between our own client and server.

mod pair;
mod peer;

use pair::messages::service;
use pair::{Pair, Pieces, Setup};
use peer::{Bench, Machine, Offer, Plays, Try};
use ssh_proto::wire::number;
use ssh_proto::{client, server};

#[test]
fn a_user_logs_in_whole_and_byte_by_byte_and_a_seed_replays_byte_for_byte() {
    let run = |pieces| {
        let pair = Pair::connect(Setup::default().pieces(pieces)).unwrap();
        assert_eq!(pair.server.connection.user(), "alice");
        (pair.to_server.log, pair.to_client.log)
    };
    let whole = run(Pieces::Whole);
    assert_eq!(whole, run(Pieces::Whole));
    assert_eq!(whole, run(Pieces::Of(1)));
    assert_eq!(whole, run(Pieces::Of(7)));
}

#[test]
fn nothing_that_was_read_stays_in_the_input_while_a_step_waits_for_its_caller() {
    // Buffers are held only while bytes are in them: a person may think for minutes.
    let mut server = Bench::with(Plays::Client, Offer::default());
    server.slow = true;
    server.greet();
    server.send_public_value();
    assert!(matches!(server.machine, Machine::Server(server::Step::Sign(_))));
    assert_eq!(server.input_length(), 0);
    let mut client = Bench::with(Plays::Server, Offer::default());
    client.slow = true;
    client.choose = Box::new(|_login| Try::Wait);
    client.greet();
    client.send_public_value();
    assert!(matches!(client.machine, Machine::Client(client::Step::HostKey(_))));
    assert_eq!(client.input_length(), 0);
    client.slow = false;
    client.run();
    client.send_newkeys();
    client.send(&service(number::SERVICE_ACCEPT, "ssh-userauth"));
    assert!(matches!(client.machine, Machine::Client(client::Step::Login(_))));
    assert_eq!(client.input_length(), 0);
}
