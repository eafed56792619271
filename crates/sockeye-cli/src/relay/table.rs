//! A table for people: columns as wide as what stands in them, and no line longer than the terminal.

use std::io;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::values::printable;

/// Lines of a table. The last column takes what room is left; without a width it has all that it wants.
pub(super) fn lines<const N: usize>(
    head: [&str; N],
    rows: &[[String; N]],
    width: Option<usize>,
) -> Vec<String> {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows.iter().map(|row| row.each_ref().map(|cell| printable(cell))));
    let mut widths = [0; N];
    for (index, widest) in widths.iter_mut().enumerate() {
        *widest = all.iter().map(|row| row[index].width()).max().unwrap_or_default();
    }
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if index + 1 < N {
                let blanks = widths[index].saturating_sub(cell.width()) + 2;
                line.extend(std::iter::repeat_n(' ', blanks));
            }
        }
        match width {
            Some(width) => cut(line.trim_end(), width),
            None => line.trim_end().to_owned(),
        }
    };
    all.iter().map(line).collect()
}

/// A text without what stands beyond this column.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let needed = c.width().unwrap_or_default();
        let has_room = needed <= room;
        room = room.saturating_sub(needed);
        has_room
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

/// So wide are terminals that do not say.
const USUAL: usize = 80;

/// How wide the terminal on standard output is; `None` if it is none.
pub(super) fn width_of_stdout() -> Option<usize> {
    io::IsTerminal::is_terminal(&io::stdout()).then(|| width(io::stdout()))
}

/// How wide the terminal on standard error is.
pub(super) fn width_of_stderr() -> usize {
    width(io::stderr())
}

#[cfg(unix)]
fn width(terminal: impl std::os::fd::AsFd) -> usize {
    match rustix::termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => USUAL,
    }
}

#[cfg(not(unix))]
fn width<T>(_terminal: T) -> usize {
    USUAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["1".to_owned(), "x".to_owned()], ["long".to_owned(), "日本語です".to_owned()]];
        assert_eq!(
            lines(["ID", "WHAT"], &rows, None),
            ["ID    WHAT", "1     x", "long  日本語です"]
        );
        assert_eq!(
            lines(["ID", "WHAT"], &rows, Some(11)),
            ["ID    WHAT", "1     x", "long  日本…"]
        );
        let rows = [["a\x1b[2J".to_owned()]];
        assert!(!lines(["ID"], &rows, None)[1].contains('\x1b'));
    }

    #[test]
    fn nothing_is_wider_than_it_may_be() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("日本", 3), "日…");
        assert_eq!(cut("日本", 2), "…");
    }
}
