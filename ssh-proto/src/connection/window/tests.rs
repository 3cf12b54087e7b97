use alloc::collections::VecDeque;
use core::time::Duration;

use super::*;

const START: Instant = Instant(Duration::ZERO);

fn options(window: u32, largest_window: u32, maximum_packet: u32) -> ChannelOptions {
    ChannelOptions { window, largest_window, maximum_packet }
}

#[test]
fn rfc4254_s5_2_data_beyond_the_window_is_an_error_and_credit_returns_on_consume() {
    let mut window = InboundWindow::new(options(100, 0, 10));
    assert_eq!(window.receive(60, START), Ok(()));
    assert_eq!(window.receive(41, START), Err(PeerMisbehaved::WindowExceeded));
    assert_eq!(window.take_credit(START), None);
    window.consume(30);
    assert_eq!(window.take_credit(START), None, "not worth a message");
    window.consume(10);
    assert_eq!(window.take_credit(START), Some(40));
    assert_eq!(window.left(), 80);
    window.consume(1000);
    assert_eq!(window.left(), 80, "what did not come is not given back");
}

#[test]
fn cve_2025_54804_a_window_beyond_32_bits_is_an_error() {
    let mut window = OutboundWindow::new(u32::MAX, 32);
    assert_eq!(window.adjust(1), Err(PeerMisbehaved::WindowOverflow));
    assert_eq!(window.next_packet(), 32);
    window.sent(7);
    assert_eq!(window.adjust(7), Ok(()));
    assert_eq!(window.left(), u32::MAX);
}

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
const STEP: Duration = Duration::from_micros(20);

/// A connection over which a channel goes as fast as it may for two seconds, with a window of 128 KiB that may become
/// 2 MiB.
struct Connection {
    round_trip: Duration,
    /// How many bytes it takes in a second.
    rate: u32,
    /// How many bytes are read in a second.
    reader: u32,
}

impl Connection {
    /// How large the window is at the end.
    fn window(&self) -> u32 {
        let mut window = InboundWindow::new(options(128 * KIB, 2 * MIB, 32 * KIB));
        let (mut allowed, mut queued) = (window.left, 0);
        let (mut coming, mut returning) = (VecDeque::new(), VecDeque::new());
        let in_step = |rate: u32| if rate == u32::MAX { rate } else { rate / 50_000 };
        for step in 0..100_000 {
            let now = Instant(STEP * step);
            let later = now.plus(self.round_trip / 2);
            queued += core::mem::take(&mut allowed);
            let carried = queued.min(in_step(self.rate));
            queued -= carried;
            if carried > 0 {
                coming.push_back((later, carried));
            }
            while let Some(length) = due(&mut coming, now) {
                assert_eq!(window.receive(usize::try_from(length).expect("small"), now), Ok(()));
                assert!(window.left.saturating_add(window.unconsumed) <= 2 * MIB, "{window:?}");
            }
            window.consume(in_step(self.reader));
            returning.extend(window.take_credit(now).map(|credit| (later, credit)));
            while let Some(credit) = due(&mut returning, now) {
                allowed += credit;
            }
        }
        window.size
    }
}

/// What has come by now.
fn due(under_way: &mut VecDeque<(Instant, u32)>, now: Instant) -> Option<u32> {
    under_way.front().filter(|(when, _)| *when <= now)?;
    under_way.pop_front().map(|(_, bytes)| bytes)
}

#[test]
fn a_window_grows_on_a_long_connection() {
    for round_trip in [50, 10].map(Duration::from_millis) {
        // In pieces, and whole windows at once.
        for rate in [500 * MIB, u32::MAX] {
            assert_eq!(Connection { round_trip, rate, reader: rate }.window(), 2 * MIB, "{round_trip:?} {rate}");
        }
    }
}

#[test]
fn a_window_grows_no_further_than_the_connection_needs() {
    // 50 ms are 200 KiB.
    let window = Connection { round_trip: Duration::from_millis(50), rate: 4 * MIB, reader: 1000 * MIB }.window();
    assert!((256 * KIB..=512 * KIB).contains(&window), "{window}");
}

#[test]
fn a_window_stays_where_the_connection_is_short_or_slow_or_the_reader_is() {
    for (micros, rate, reader) in [
        (200, 300 * MIB, 1000 * MIB),
        (50_000, MIB, 1000 * MIB),
        (50_000, 500 * MIB, MIB),
        (1500, 500 * MIB, 600 * MIB),
    ] {
        let round_trip = Duration::from_micros(micros);
        assert_eq!(Connection { round_trip, rate, reader }.window(), 128 * KIB, "{micros} {rate} {reader}");
    }
}
