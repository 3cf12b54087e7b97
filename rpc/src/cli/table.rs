//! Columns that line up.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, presets};

/// A table for people: headings, and rows that wrap where a terminal is narrow. What is printed without colours loses its
/// styles on the way out.
#[derive(Debug)]
pub(crate) struct Table(comfy_table::Table);

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .enforce_styling()
            .set_header(headings.map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
        // Two blanks between columns, and none around the table.
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        // Some terminals do not know how wide they are.
        if table.width().is_none_or(|width| width < NARROWEST) {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        Self(table)
    }

    /// The columns from this one on are figures, and end below each other.
    pub(crate) fn figures_from(mut self, first: usize) -> Self {
        for column in self.0.column_iter_mut().skip(first) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(cells.map(Cell::new_owned));
    }

    /// A row whose last cell is about what went wrong.
    pub(crate) fn bad_row<const N: usize>(&mut self, cells: [String; N]) {
        let cell = |(column, text): (usize, String)| match Cell::new_owned(text) {
            cell if column + 1 == N => cell.fg(Color::Red),
            cell => cell,
        };
        self.0.add_row(cells.into_iter().enumerate().map(cell).collect::<Vec<_>>());
    }

    pub(crate) fn render(&self) -> String {
        self.0.lines().map(|line| trimmed(&line)).collect::<Vec<_>>().join("\n")
    }
}

/// A line without the blanks at its end, those within a style included.
fn trimmed(line: &str) -> String {
    let (mut kept, mut ends) = (line.trim_end(), String::new());
    while let Some((before, end)) = kept.rsplit_once('\u{1b}').filter(|(_, end)| end.find('m') == Some(end.len() - 1)) {
        ends.insert_str(0, &format!("\u{1b}{end}"));
        kept = before.trim_end();
    }
    format!("{kept}{ends}")
}

/// Below so many characters nothing can be arranged.
const NARROWEST: u16 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["mode", "ms"]).figures_from(1);
        table.row(["exec-mod", "1.25"].map(str::to_owned));
        table.bad_row(["", "10.5"].map(str::to_owned));
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text.lines().collect::<Vec<_>>(), ["mode        ms", "exec-mod  1.25", "          10.5"]);
    }
}
