use std::fmt;

/// Rows of what was measured, how long it took, and a remark.
#[derive(Default)]
pub(crate) struct Table(Vec<[String; 3]>);

impl Table {
    pub(crate) fn add_row(&mut self, row: [String; 3]) {
        self.0.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["what", "median", "remark"].map(str::to_owned);
        let rule = ["---", "---", "---"].map(str::to_owned);
        let widths = [0, 1].map(|column| {
            let widths = self.0.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or_default()
        });
        for [what, median, remark] in [&header, &rule].into_iter().chain(&self.0) {
            writeln!(f, "| {what:0$} | {median:1$} | {remark} |", widths[0], widths[1])?;
        }
        Ok(())
    }
}
