//! Columns of text, as wide as what stands in them.

/// Blanks between two columns.
const GAP: usize = 2;

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column: its head, and its cells' side.
pub(super) type Column = (&'static str, Side);

/// A cell, with the colour it is painted in: an ANSI SGR parameter (ECMA-48 section 8.3.117).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) sgr: &'static str,
}

impl Cell {
    /// A cell in the terminal's own colour.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::painted(text, "")
    }

    /// A cell in a colour.
    pub(super) fn painted(text: impl Into<String>, sgr: &'static str) -> Self {
        Self {
            text: text.into(),
            sgr,
        }
    }
}

/// How many columns of a terminal a text takes, so far as each of its characters takes one.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// How wide each column is with these rows.
pub(super) fn widths<const N: usize>(columns: &[Column; N], rows: &[[Cell; N]]) -> [usize; N] {
    std::array::from_fn(|at| {
        let cells = rows.iter().map(|row| width(&row[at].text));
        cells.chain([width(columns[at].0)]).max().unwrap_or(0)
    })
}

/// So many columns of the terminal are taken by columns so wide; a column of no width is left out.
pub(super) fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0);
    shown
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

/// The line of heads.
pub(super) fn head<const N: usize>(
    columns: &[Column; N],
    widths: &[usize; N],
    has_colour: bool,
) -> String {
    let cells = columns.map(|(name, _)| Cell::plain(name));
    let line = line(columns, widths, &cells, false);
    if has_colour { paint(&line, "1") } else { line }
}

/// The line of a row.
pub(super) fn line<const N: usize>(
    columns: &[Column; N],
    widths: &[usize; N],
    cells: &[Cell; N],
    has_colour: bool,
) -> String {
    let mut line = String::new();
    // Blanks are written when something follows, so that no line ends in them.
    let mut blanks = 0;
    for (((_, side), cell), &column) in columns.iter().zip(cells).zip(widths) {
        if column == 0 {
            continue;
        }
        let rest = column.saturating_sub(width(&cell.text));
        let (before, behind) = match side {
            Side::Left => (0, rest),
            Side::Right => (rest, 0),
        };
        if cell.text.is_empty() {
            blanks += column + GAP;
            continue;
        }
        line.extend(std::iter::repeat_n(' ', blanks + before));
        if has_colour && !cell.sgr.is_empty() {
            line.push_str(&paint(&cell.text, cell.sgr));
        } else {
            line.push_str(&cell.text);
        }
        blanks = behind + GAP;
    }
    line
}

/// The text in a colour.
pub(super) fn paint(text: &str, sgr: &str) -> String {
    format!("\u{1b}[{sgr}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        ("WHO", Side::Left),
        ("PACKETS", Side::Right),
        ("PORTS", Side::Left),
    ];

    fn row(who: &str, packets: &str, ports: &str) -> [Cell; 3] {
        [
            Cell::painted(who, "31"),
            Cell::plain(packets),
            Cell::plain(ports),
        ]
    }

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let rows = [row("192.0.2.1", "7", "22"), row("x", "1,000", "")];
        let widths = widths(&COLUMNS, &rows);
        assert_eq!((widths, total(&widths)), ([9, 7, 5], 25));
        let lines = rows.map(|row| line(&COLUMNS, &widths, &row, false));
        assert_eq!(head(&COLUMNS, &widths, false), "WHO        PACKETS  PORTS");
        assert_eq!(lines[0], "192.0.2.1        7  22");
        assert_eq!(lines[1], "x            1,000");
    }

    #[test]
    fn colours_take_no_place() {
        let row = row("x", "7", "22");
        assert_eq!(
            line(&COLUMNS, &[3, 7, 5], &row, true),
            "\u{1b}[31mx\u{1b}[0m          7  22"
        );
        assert_eq!(line(&COLUMNS, &[3, 0, 5], &row, false), "x    22");
    }
}
