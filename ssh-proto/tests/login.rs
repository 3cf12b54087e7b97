//! Logins between our own client and server.

mod pair;

use pair::{Pair, Pieces, Setup};

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
