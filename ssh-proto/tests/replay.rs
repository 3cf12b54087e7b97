//! Sessions that were once recorded with OpenSSH: the same bytes from the peer still draw the same bytes from us, and mean
//! the same.

mod session;

use session::{Player, Session, Step};

/// Every session in `vectors/sessions`, with its name.
fn sessions() -> Vec<(String, Session)> {
    let mut sessions = Vec::new();
    for entry in std::fs::read_dir(vectors::path("sessions")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let session = Session::parse(&vectors::text(&format!("sessions/{name}")));
        sessions.push((name, session));
    }
    sessions
}

#[test]
fn the_peers_bytes_draw_the_same_answers() {
    let sessions = sessions();
    for role in ["client", "server"] {
        let rekeyed = |(_, session): &&(String, Session)| {
            session.settings.text("role") == role
                && session.meant().filter(|meant| meant.starts_with("agreed on")).count() >= 3
        };
        assert_eq!(sessions.iter().filter(|(name, _)| name.starts_with(role)).count(), 3, "as a {role}");
        assert_eq!(sessions.iter().filter(rekeyed).count(), 1, "with re-keys as a {role}");
    }
    for (name, session) in sessions {
        let (mut player, ours) = Player::start(&session.settings);
        let (mut ours, mut meant) = (vec![ours], Vec::new());
        for (place, step) in session.steps.iter().enumerate() {
            match step {
                Step::Theirs(bytes) => {
                    let reaction = player.feed(bytes);
                    ours.push(reaction.ours);
                    meant.extend(reaction.meant);
                }
                Step::Ours(bytes) => {
                    let answered = std::mem::take(&mut ours).concat();
                    assert!(answered == *bytes, "{name}: another answer at step {place}");
                }
                Step::Meant(words) => {
                    assert!(!meant.is_empty(), "{name}: {words:?} was not meant at step {place}");
                    assert_eq!(meant.remove(0), *words, "{name}: at step {place}");
                }
            }
        }
        assert!(
            ours.concat().is_empty() && meant.is_empty(),
            "{name}: more was said or meant than recorded: {meant:?}"
        );
        assert!(session.meant().last().unwrap().starts_with("over: "), "{name}");
    }
}

/// However the network cuts what the peer sends.
#[test]
fn pieces_of_any_size_draw_the_same_answers() {
    for (name, session) in sessions() {
        let theirs: Vec<u8> = session.steps.iter().filter_map(theirs).flatten().copied().collect();
        let ours: Vec<u8> = session.steps.iter().filter_map(ours).flatten().copied().collect();
        for size in [1, 7, 1000, 100_000] {
            let (mut player, mut answered) = Player::start(&session.settings);
            let mut meant = Vec::new();
            for piece in theirs.chunks(size) {
                let reaction = player.feed(piece);
                answered.extend(reaction.ours);
                meant.extend(reaction.meant);
            }
            assert!(answered == ours, "{name}: another answer in pieces of {size}");
            assert_eq!(meant, session.meant().collect::<Vec<_>>(), "{name}: another meaning in pieces of {size}");
        }
    }
}

fn theirs(step: &Step) -> Option<&Vec<u8>> {
    match step {
        Step::Theirs(bytes) => Some(bytes),
        _ => None,
    }
}

fn ours(step: &Step) -> Option<&Vec<u8>> {
    match step {
        Step::Ours(bytes) => Some(bytes),
        _ => None,
    }
}
