//! Columns that line up.

/// A table: what stands in a column is as wide as its widest cell. The first `left` columns are aligned to the left, the
/// others to the right.
pub(crate) fn render(rows: &[Vec<String>], left: usize) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().map(|row| line(row, &widths, left)).collect()
}

fn line(row: &[String], widths: &[usize], left: usize) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, wide))| {
        let blank = " ".repeat(wide.saturating_sub(width(cell)));
        if column < left { format!("{cell}{blank}") } else { format!("{blank}{cell}") }
    });
    cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["mode", "ms"], ["exec-mod", "1.25"], ["", "10.5"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(render(&rows, 1), ["mode         ms", "exec-mod   1.25", "           10.5"]);
    }
}
