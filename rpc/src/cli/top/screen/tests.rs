use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;

use super::*;

fn snapshot(uptime: u64, calls: u64, functions: &[(&str, u64)]) -> Snapshot {
    let figures = |begun: u64, failed: u64| Figures {
        begun,
        running: 1,
        failed,
        abandoned: 0,
        times: Some(Times { p50: 12, p90: 1500, p99: 2_000_000, max: 3_000_000 }),
    };
    Snapshot {
        node: "front@here".to_owned(),
        uptime,
        connections: 3,
        denied: 2,
        all: figures(calls, 0),
        functions: functions.iter().map(|(name, begun)| ((*name).to_owned(), figures(*begun, 4))).collect(),
        others: figures(5, 0),
    }
}

fn two_nodes() -> Screen {
    let mut screen = Screen::new(["front", "back"].map(str::to_owned).into_iter());
    screen.take(0, Ok(snapshot(60_000, 100, &[("lists:seq/2", 40), ("lists:sum/1", 60)])));
    screen.take(0, Ok(snapshot(62_000, 300, &[("lists:seq/2", 230), ("lists:sum/1", 70)])));
    screen.take(1, Err("nobody listens on 127.0.0.1:1".to_owned()));
    screen.tick();
    screen
}

fn drawn(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let row = |row: u16| (0..width).map(|column| buffer[(column, row)].symbol().to_owned()).collect::<String>();
    (0..height).map(|number| row(number).trim_end().to_owned()).collect()
}

fn press(screen: &mut Screen, code: KeyCode) -> Pressed {
    screen.press(KeyEvent::from(code))
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn nodes_and_functions_are_in_a_table_with_rates_and_times() {
    let lines = drawn(&mut two_nodes(), 110, 16);
    assert!(lines[0].starts_with("sshrpc top ") && lines[0].ends_with(HELP), "{lines:#?}");
    let node = ["front", "62", "s", "3", "1", "300", "100", "0", "2", "12", "µs", "2.0", "s"];
    assert_eq!(words(&lines[2])[..11], node[..11], "{lines:#?}");
    assert_eq!(lines[3].trim_end(), "back  nobody listens on 127.0.0.1:1", "{lines:#?}");
    let rate = lines.iter().position(|line| line.starts_with("100 /s")).unwrap();
    assert!(lines[rate - 1].starts_with("all calls") && lines[rate + 1].starts_with("at most 100 /s"), "{lines:#?}");
    let first = lines.iter().position(|line| line.starts_with("FUNCTION ")).unwrap() + 1;
    let row = ["lists:seq/2", "230", "95.0", "1", "4", "12", "µs", "1.5", "ms", "2.0", "s", "3.0", "s"];
    assert_eq!(words(&lines[first]), row);
    assert!(lines[first + 1].starts_with("lists:sum/1") && lines[first + 2].starts_with("(others)"), "{lines:#?}");
}

#[test]
fn keys_sort_scroll_pause_and_leave() {
    let mut screen = two_nodes();
    // A function that runs often and has begun seldom: first by its rate, last by its calls.
    screen.take(0, Ok(snapshot(64_000, 500, &[("lists:seq/2", 231), ("lists:sum/1", 170)])));
    let first = |screen: &mut Screen| {
        let lines = drawn(screen, 110, 16);
        let head = lines.iter().position(|line| line.starts_with("FUNCTION ")).unwrap();
        words(&lines[head + 1])[0].to_owned()
    };
    assert_eq!(first(&mut screen), "lists:sum/1");
    press(&mut screen, KeyCode::Left);
    assert_eq!(first(&mut screen), "lists:seq/2");
    press(&mut screen, KeyCode::Right);
    assert_eq!(first(&mut screen), "lists:sum/1");

    press(&mut screen, KeyCode::Char(' '));
    screen.take(0, Ok(snapshot(65_000, 9999, &[])));
    let lines = drawn(&mut screen, 110, 16);
    assert!(lines[0].starts_with("sshrpc top (paused)") && words(&lines[2])[5] == "500", "{lines:#?}");
    // Where there is no room for all, the last one stays in sight.
    for _ in 0..100 {
        press(&mut screen, KeyCode::Down);
    }
    let lines = drawn(&mut screen, 110, 10);
    assert!(lines[9].starts_with("(others)"), "{lines:#?}");
    assert_eq!(press(&mut screen, KeyCode::Char('q')), Pressed::Leave);
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.press(interrupt), Pressed::Leave);
}

#[test]
fn a_node_that_began_anew_has_no_rate_yet() {
    let mut screen = two_nodes();
    screen.take(0, Ok(snapshot(10, 1, &[])));
    assert_eq!(screen.nodes[0].rate().to_bits(), 0.0_f64.to_bits());
}

#[test]
fn every_size_of_terminal_is_drawn() {
    for (width, height) in [(1, 1), (10, 3), (40, 8), (300, 100)] {
        assert_eq!(drawn(&mut two_nodes(), width, height).len(), usize::from(height));
    }
}
