//! Aligns text whose cells end with tabs, as Go's tabwriter does, so that outputs match kubectl's to the space.
//!
//! A cell is aligned with the cells above and below it for as long as those lines have a cell there; a line without
//! tabs begins afresh.

/// How wide columns get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    least: usize,
    padding: usize,
}

/// Tables of `get`.
pub(crate) const TABLE: Layout = Layout { least: 6, padding: 3 };
/// Texts of `describe`.
pub(crate) const DETAILS: Layout = Layout { least: 0, padding: 2 };

/// The text with its tabs replaced by spaces.
pub(crate) fn align(text: &str, layout: Layout) -> String {
    let mut lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    if text.ends_with('\n') {
        lines.pop();
    }
    let mut writer = Writer { layout, lines: &lines, widths: Vec::new(), text: String::new() };
    writer.block(0, lines.len());
    if !text.ends_with('\n') {
        writer.text.pop();
    }
    writer.text
}

/// A table that grows: columns never get narrower than they were.
#[derive(Debug, Default)]
pub(crate) struct Running(Vec<usize>);

impl Running {
    /// The next lines of the table.
    pub(crate) fn print(&mut self, lines: &[String]) -> String {
        let lines: Vec<Vec<&str>> = lines.iter().map(|line| line.split('\t').collect()).collect();
        for line in &lines {
            for (column, cell) in line.iter().enumerate().take(line.len().saturating_sub(1)) {
                let width = (length(cell) + TABLE.padding).max(TABLE.least);
                match self.0.get_mut(column) {
                    Some(known) => *known = width.max(*known),
                    None => self.0.push(width),
                }
            }
        }
        let mut writer = Writer { layout: TABLE, lines: &lines, widths: self.0.clone(), text: String::new() };
        writer.write(0, lines.len());
        writer.text
    }
}

struct Writer<'a> {
    layout: Layout,
    lines: &'a [Vec<&'a str>],
    /// Widths of the columns to the left of the one in work.
    widths: Vec<usize>,
    text: String,
}

impl Writer<'_> {
    /// Writes the lines of a block; all have the columns whose widths are known.
    fn block(&mut self, first: usize, end: usize) {
        let column = self.widths.len();
        let (mut written, mut line) = (first, first);
        while line < end {
            if !self.has_cell(line, column) {
                line += 1;
                continue;
            }
            self.write(written, line);
            written = line;
            while line < end && self.has_cell(line, column) {
                line += 1;
            }
            self.widths.push(self.width(written, line, column));
            self.block(written, line);
            self.widths.pop();
            written = line;
        }
        self.write(written, end);
    }

    /// The last cell of a line ends with the line and is in no column.
    fn has_cell(&self, line: usize, column: usize) -> bool {
        column + 1 < self.lines[line].len()
    }

    fn width(&self, first: usize, end: usize, column: usize) -> usize {
        let widest = self.lines[first..end].iter().map(|line| length(line[column])).max().unwrap_or(0);
        (widest + self.layout.padding).max(self.layout.least)
    }

    fn write(&mut self, first: usize, end: usize) {
        for line in &self.lines[first..end] {
            for (column, cell) in line.iter().enumerate() {
                self.text.push_str(cell);
                if column + 1 < line.len() {
                    let width = self.widths.get(column).copied().unwrap_or(0);
                    self.text.extend(std::iter::repeat_n(' ', width.saturating_sub(length(cell))));
                }
            }
            self.text.push('\n');
        }
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_tables_keep_their_widths() {
        let mut running = Running::default();
        assert_eq!(
            running.print(&["NAME\tAGE".into(), "a-long-name\t1s".into()]),
            "NAME          AGE\na-long-name   1s\n"
        );
        assert_eq!(running.print(&["b\t2s".into()]), "b             2s\n");
    }

    #[test]
    fn cells_line_up_within_their_block() {
        let check = |layout, text: &str, expect: &str| assert_eq!(align(text, layout), expect);
        check(TABLE, "NAME\tAGE\na\t1s\n", "NAME   AGE\na      1s\n");
        check(TABLE, "A\tB\tC\nlonger one\t\t1", "A            B     C\nlonger one         1");
        check(DETAILS, "a:\tx\nlong:\ty\nalone\nb:\tz\n", "a:     x\nlong:  y\nalone\nb:  z\n");
        check(DETAILS, "  x\ty\tz\n  xx\ty\n", "  x   y  z\n  xx  y\n");
        check(DETAILS, "a:\t\n", "a:  \n");
        check(TABLE, "", "");
    }
}
