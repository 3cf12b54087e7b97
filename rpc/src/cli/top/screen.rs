//! The live view: what is drawn, and what keys do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Row, Sparkline, Table};

use super::figures::{Figures, Snapshot, Times, count, per_second, rate, time, uptime};

/// All that is shown.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) nodes: Vec<Watched>,
    sort: Sort,
    /// So many functions are above the first that is shown.
    scrolled: usize,
    paused: Paused,
    /// Calls a second of all nodes, the latest last.
    rates: VecDeque<u64>,
}

/// A node, and what it said last.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) name: String,
    pub(super) state: State,
    before: Option<Snapshot>,
}

/// What is known of a node.
#[derive(Debug)]
pub(super) enum State {
    Waiting,
    Live(Snapshot),
    /// Why there is nothing to show.
    Lost(String),
}

/// By which column functions are in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Rate,
    Calls,
    Running,
    Failed,
    Slowest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paused {
    No,
    Yes,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    Leave,
    Nothing,
}

/// So many rates are kept.
const RATES: usize = 256;

const HELP: &str = "q quits, ←→ sort, ↑↓ scroll, space pauses";

impl Screen {
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        let nodes = names.map(|name| Watched { name, state: State::Waiting, before: None }).collect();
        Self { nodes, sort: Sort::Rate, scrolled: 0, paused: Paused::No, rates: VecDeque::new() }
    }

    /// A node has said something, or cannot.
    pub(super) fn take(&mut self, number: usize, said: Result<Snapshot, String>) {
        let (Some(node), Paused::No) = (self.nodes.get_mut(number), self.paused) else { return };
        let state = match said {
            Ok(snapshot) => State::Live(snapshot),
            Err(why) => State::Lost(why),
        };
        node.before = match std::mem::replace(&mut node.state, state) {
            State::Live(snapshot) => Some(snapshot),
            State::Waiting | State::Lost(_) => None,
        };
    }

    /// An interval has passed.
    pub(super) fn tick(&mut self) {
        if self.paused == Paused::No {
            self.rates.truncate(RATES - 1);
            self.rates.push_front(self.nodes.iter().map(Watched::rate).sum::<f64>().round() as u64);
        }
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Pressed {
        match key.code {
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return Pressed::Leave,
            KeyCode::Char('q') | KeyCode::Esc => return Pressed::Leave,
            KeyCode::Right => self.sort = self.sort.next(),
            KeyCode::Left => self.sort = self.sort.next().next().next().next(),
            KeyCode::Down | KeyCode::Char('j') => self.scrolled = self.scrolled.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::Char(' ') => {
                self.paused = if self.paused == Paused::No { Paused::Yes } else { Paused::No };
            }
            _ => {}
        }
        Pressed::Nothing
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let height = u16::try_from(self.nodes.len()).unwrap_or(u16::MAX).saturating_add(2);
        let parts = [Constraint::Length(1), Constraint::Max(height), Constraint::Length(3), Constraint::Min(2)];
        let [title, nodes, chart, functions] = Layout::vertical(parts).areas(frame.area());
        self.draw_title(frame, title);
        frame.render_widget(self.node_table(), nodes);
        self.draw_rates(frame, chart);
        self.draw_functions(frame, functions);
    }

    fn draw_title(&self, frame: &mut Frame<'_>, area: Rect) {
        let paused = if self.paused == Paused::Yes { " (paused)" } else { "" };
        let left = Span::styled(format!("sshrpc top{paused}"), Modifier::BOLD);
        frame.render_widget(Line::from(left), area);
        frame.render_widget(Line::styled(HELP, Modifier::DIM).alignment(Alignment::Right), area);
    }

    fn node_table(&self) -> Table<'static> {
        let heads = ["NODE", "UP", "CONNECTED", "RUNNING", "CALLS", "CALLS/S", "FAILED", "DENIED", "P50", "P99"];
        let widths = [
            Constraint::Min(12),
            Constraint::Length(11),
            Constraint::Length(9),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(7),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
        ];
        Table::new(self.nodes.iter().map(Watched::row), widths).header(header(&heads, None))
    }

    fn draw_rates(&self, frame: &mut Frame<'_>, area: Rect) {
        let now = self.rates.front().copied().unwrap_or_default();
        let [label, chart] = Layout::horizontal([Constraint::Length(18), Constraint::Min(0)]).areas(area);
        let most = self.rates.iter().max().copied().unwrap_or_default();
        let text = [
            Line::styled("all calls", Modifier::DIM),
            Line::from(format!("{} /s", count(now))),
            Line::styled(format!("at most {} /s", count(most)), Modifier::DIM),
        ];
        frame.render_widget(Text::from_iter(text), label);
        let rates: Vec<u64> = self.rates.iter().take(chart.width.into()).rev().copied().collect();
        frame.render_widget(Sparkline::default().data(rates), chart);
    }

    fn draw_functions(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let functions = self.functions();
        let room = usize::from(area.height.saturating_sub(1));
        self.scrolled = self.scrolled.min(functions.len().saturating_sub(room));
        let heads = ["FUNCTION", "CALLS", "CALLS/S", "RUNNING", "FAILED", "P50", "P90", "P99", "MAX"];
        let widths = [
            Constraint::Min(20),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(7),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(8),
        ];
        let rows = functions.into_iter().skip(self.scrolled).map(|(name, figures, rate)| {
            let times = times(figures.times, |times| [times.p50, times.p90, times.p99, times.max]);
            let failed = right(count(figures.failed)).style(warning(figures.failed));
            let cells = [count(figures.begun), per_second(rate), count(figures.running)].map(right);
            Row::new([Cell::from(name)].into_iter().chain(cells).chain([failed]).chain(times.map(right)))
        });
        frame.render_widget(Table::new(rows, widths).header(header(&heads, Some(self.sort.column()))), area);
    }

    /// The functions of all nodes, in order, with their rates; those whose names may not be known at last.
    fn functions(&self) -> Vec<(String, Figures, f64)> {
        let mut found: BTreeMap<&str, (Figures, f64)> = BTreeMap::new();
        let mut others = (Figures::default(), 0.0);
        for node in &self.nodes {
            let State::Live(snapshot) = &node.state else { continue };
            for (name, figures) in &snapshot.functions {
                let (sum, per_second) = found.entry(name).or_default();
                *sum = sum.and(*figures);
                *per_second += node.rate_of(|before| before.functions.get(name).copied().unwrap_or_default(), *figures);
            }
            others.0 = others.0.and(snapshot.others);
            others.1 += node.rate_of(|before| before.others, snapshot.others);
        }
        let mut functions: Vec<_> =
            found.into_iter().map(|(name, (figures, rate))| (name.to_owned(), figures, rate)).collect();
        functions.sort_by(|(_, one, one_rate), (_, two, two_rate)| match self.sort {
            Sort::Rate => two_rate.total_cmp(one_rate),
            sort => Reverse(sort.key(one)).cmp(&Reverse(sort.key(two))),
        });
        if others.0.begun > 0 {
            functions.push(("(others)".to_owned(), others.0, others.1));
        }
        functions
    }
}

impl Sort {
    const fn next(self) -> Self {
        match self {
            Self::Calls => Self::Rate,
            Self::Rate => Self::Running,
            Self::Running => Self::Failed,
            Self::Failed => Self::Slowest,
            Self::Slowest => Self::Calls,
        }
    }

    const fn column(self) -> usize {
        match self {
            Self::Calls => 1,
            Self::Rate => 2,
            Self::Running => 3,
            Self::Failed => 4,
            Self::Slowest => 8,
        }
    }

    fn key(self, figures: &Figures) -> u64 {
        match self {
            Self::Rate | Self::Calls => figures.begun,
            Self::Running => figures.running,
            Self::Failed => figures.failed,
            Self::Slowest => figures.times.map(|times| times.max).unwrap_or_default(),
        }
    }
}

impl Watched {
    /// Calls a second, of late.
    fn rate(&self) -> f64 {
        match &self.state {
            State::Live(snapshot) => self.rate_of(|before| before.all, snapshot.all),
            State::Waiting | State::Lost(_) => 0.0,
        }
    }

    fn rate_of(&self, of: impl Fn(&Snapshot) -> Figures, now: Figures) -> f64 {
        let (State::Live(snapshot), Some(before)) = (&self.state, &self.before) else { return 0.0 };
        snapshot.since(before).map_or(0.0, |millis| rate(of(before).begun, now.begun, millis))
    }

    fn row(&self) -> Row<'static> {
        let name = Cell::from(self.name.clone());
        match &self.state {
            State::Waiting => Row::new([name, Cell::from("connecting")]),
            State::Lost(why) => {
                // It needs more room than a column has.
                let text = Line::from(vec![
                    Span::raw(format!("{}  ", self.name)),
                    Span::styled(why.clone(), Style::new().red()),
                ]);
                Row::new([Cell::from(text).column_span(10)])
            }
            State::Live(snapshot) => {
                let Snapshot { uptime: up, connections, denied, all, .. } = snapshot;
                let figures =
                    [uptime(*up), count(*connections), count(all.running), count(all.begun), per_second(self.rate())];
                let bad = [all.failed, *denied].map(|number| right(count(number)).style(warning(number)));
                let times = times(all.times, |times| [times.p50, times.p99]);
                Row::new([name].into_iter().chain(figures.map(right)).chain(bad).chain(times.map(right)))
            }
        }
    }
}

fn header(heads: &[&'static str], sorted: Option<usize>) -> Row<'static> {
    let cell = |(column, head): (usize, &&'static str)| {
        let text = Text::from(*head).alignment(if column == 0 { Alignment::Left } else { Alignment::Right });
        let style = if sorted == Some(column) { Style::new().reversed() } else { Style::new() };
        Cell::from(text).style(style)
    };
    Row::new(heads.iter().enumerate().map(cell).collect::<Vec<_>>()).style(Modifier::BOLD)
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Text::from(text).alignment(Alignment::Right))
}

fn warning(number: u64) -> Style {
    if number > 0 { Style::new().red() } else { Style::new() }
}

fn times<const N: usize>(times: Option<Times>, which: impl Fn(Times) -> [u64; N]) -> [String; N] {
    times.map(which).map_or([const { String::new() }; N], |times| times.map(time))
}

#[cfg(test)]
mod tests;
