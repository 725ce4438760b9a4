//! What was measured, as a Markdown table that also reads well on a terminal, and as JSON.

use serde_json::{Map, Value, json};
use std::fmt;

/// What a table's columns hold.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What is in it, with its unit.
    pub name: &'static str,
    /// Decimals that are shown.
    pub decimals: usize,
}

impl Column {
    /// A column with so many decimals.
    pub const fn new(name: &'static str, decimals: usize) -> Self {
        Column { name, decimals }
    }
}

/// Numbers in rows and columns. A number that could not be had is `None`.
#[derive(Debug)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// A remark below it; may be empty.
    pub note: String,
    columns: Vec<Column>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    /// An empty table.
    pub fn new(title: &str, columns: &[Column]) -> Self {
        Table {
            title: title.to_owned(),
            note: String::new(),
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with a number for each column.
    pub fn row(&mut self, name: impl Into<String>, cells: impl Into<Vec<Option<f64>>>) {
        self.rows.push((name.into(), cells.into()));
    }

    /// `{rows: {row: {column: number}}, note}`
    pub fn to_json(&self) -> Value {
        let cells = |cells: &[Option<f64>]| -> Map<String, Value> {
            let columns = self.columns.iter().zip(cells);
            columns
                .map(|(column, cell)| (column.name.to_owned(), json!(cell)))
                .collect()
        };
        let rows = self.rows.iter().map(|(name, row)| (name.clone(), json!(cells(row))));
        json!({"rows": rows.collect::<Map<_, _>>(), "note": self.note})
    }

    /// The table's texts, line by line.
    fn lines(&self) -> Vec<Vec<String>> {
        let head = std::iter::once(self.title.clone()).chain(self.columns.iter().map(|column| column.name.to_owned()));
        let mut lines = vec![head.collect::<Vec<_>>()];
        for (name, cells) in &self.rows {
            let shown = self.columns.iter().zip(cells).map(|(column, cell)| match cell {
                Some(number) => format!("{number:.*}", column.decimals),
                None => "–".to_owned(),
            });
            lines.push(std::iter::once(name.clone()).chain(shown).collect());
        }
        lines
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..=self.columns.len()).map(width).collect();
        for (index, line) in lines.iter().enumerate() {
            write!(formatter, "| {:1$} |", line[0], widths[0])?;
            for (text, width) in line.iter().zip(&widths).skip(1) {
                write!(formatter, " {text:>width$} |")?;
            }
            writeln!(formatter)?;
            if index == 0 {
                write!(formatter, "|{:-<1$}|", "", widths[0] + 2)?;
                for width in widths.iter().skip(1) {
                    write!(formatter, "{:-<1$}:|", "", width + 1)?;
                }
                writeln!(formatter)?;
            }
        }
        if !self.note.is_empty() {
            writeln!(formatter, "\n{}", self.note)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("Speed", &[Column::new("time, ms", 1), Column::new("ratio", 2)]);
        table.row("ours", [Some(31.25), None]);
        table.row("another", [Some(100.0), Some(0.3125)]);
        table.note = "On a slow day.".to_owned();
        table
    }

    #[test]
    fn columns_are_aligned() {
        let expected = "\
| Speed   | time, ms | ratio |
|---------|---------:|------:|
| ours    |     31.2 |     – |
| another |    100.0 |  0.31 |

On a slow day.
";
        assert_eq!(table().to_string(), expected);
    }

    #[test]
    fn json_has_all_digits() {
        let rows = json!({
            "ours": {"time, ms": 31.25, "ratio": null},
            "another": {"time, ms": 100.0, "ratio": 0.3125},
        });
        assert_eq!(table().to_json(), json!({"rows": rows, "note": "On a slow day."}));
    }
}
