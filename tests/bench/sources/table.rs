//! What was measured, in columns, and whether what is demanded holds.

/// Lines of columns that are printed as they come.
pub(crate) struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// Prints a title and the heads of the columns.
    pub(crate) fn new(title: &str, heads: &[&str]) -> Self {
        println!("\n{title}");
        let table = Self {
            widths: heads.iter().map(|head| head.len().max(9)).collect(),
        };
        table.print(heads);
        table
    }

    /// Prints a row.
    pub(crate) fn row(&mut self, cells: &[String]) {
        for (width, cell) in self.widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
        self.print(cells);
    }

    fn print<S: AsRef<str>>(&self, cells: &[S]) {
        let cells: Vec<String> = cells
            .iter()
            .zip(&self.widths)
            .map(|(cell, width)| format!("{:>width$}", cell.as_ref()))
            .collect();
        println!("  {}", cells.join("  "));
    }
}

/// Says that something which is demanded holds, or does not.
pub(crate) fn demand(what: &str, holds: bool) -> bool {
    println!("  {}: {what}", if holds { "holds " } else { "FAILED" });
    holds
}

/// The middle of some values; 0 of none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get(last / 2)
        .zip(values.get(last.div_ceil(2)))
        .map_or(0.0, |(low, high)| f64::midpoint(*low, *high))
}

/// A number with its thousands apart.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
