//! The text of the file: from octet offsets to lines, columns and excerpts.

use std::ops::Range;

use super::{Code, Problem, scrub};
use crate::limits;

/// The text, with the start of every line.
#[derive(Debug)]
pub(crate) struct Source<'s> {
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> Source<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line of an offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    /// Builds a problem; the octets in `masks` and whatever looks like a secret are not shown.
    pub(crate) fn problem(&self, found: &Found, masks: &[Range<usize>]) -> Problem {
        let line = self.line(found.span.start);
        let (start, end) = self.bounds(line);
        let raw = self.text.get(start..end).unwrap_or_default();
        let local = |range: &Range<usize>| range.start.saturating_sub(start)..range.end.saturating_sub(start);
        let here = |range: &&Range<usize>| range.start < end && range.end > start;
        let hidden: Vec<Range<usize>> = masks.iter().filter(here).map(local).collect();
        let mark = local(&(found.span.start..found.span.end.min(end)));
        let column = raw.get(..mark.start).map_or(mark.start, |before| before.chars().count()) + 1;
        let (excerpt, mark) = scrub::excerpt(raw, mark, &hidden, found.code == Code::Syntax);
        let (excerpt, mark) = window(&excerpt, mark);
        Problem {
            code: found.code,
            message: found.message.clone(),
            help: found.help.clone(),
            line,
            column,
            excerpt,
            mark,
        }
    }

    fn bounds(&self, line: usize) -> (usize, usize) {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        (start, end.max(start))
    }
}

/// A problem before its place is turned into line and column.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) code: Code,
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Cuts a long line down to the neighbourhood of its mark.
fn window(text: &str, (start, length): (usize, usize)) -> (String, (usize, usize)) {
    let count = text.chars().count();
    if count <= limits::MAX_EXCERPT_CHARS {
        return (text.to_owned(), (start, length));
    }
    let from = start.saturating_sub(limits::MAX_EXCERPT_CHARS / 3);
    let cut: String = text.chars().skip(from).take(limits::MAX_EXCERPT_CHARS).collect();
    let shown = cut.chars().count();
    let (head, shift) = if from > 0 { ("...", 3) } else { ("", 0) };
    let tail = if from + shown < count { "..." } else { "" };
    let at = start - from;
    (format!("{head}{cut}{tail}"), (at + shift, length.min(shown.saturating_sub(at))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(span: Range<usize>) -> Found {
        Found { code: Code::BadValue, span, message: "m".to_owned(), help: "h".to_owned() }
    }

    #[test]
    fn line_and_column_count_characters() {
        let source = Source::new("a = 1\nname = \"\u{fc}\u{fc}\" # x\n");
        let problem = source.problem(&found(13..19), &[]);
        assert_eq!((problem.line, problem.column, problem.mark), (2, 8, (7, 4)));
        assert_eq!(problem.excerpt, "name = \"\u{fc}\u{fc}\" # x");
    }

    #[test]
    fn offsets_beyond_the_end_are_harmless() {
        let source = Source::new("a = 1");
        let problem = source.problem(&found(90..95), std::slice::from_ref(&(50..60)));
        assert_eq!((problem.line, problem.column), (1, 91));
        assert_eq!(source.problem(&found(5..5), &[]).column, 6);
    }

    #[test]
    fn masked_octets_are_not_shown() {
        let source = Source::new("key = \"hunter2\" # why");
        let problem = source.problem(&found(6..15), std::slice::from_ref(&(6..15)));
        assert_eq!(problem.excerpt, "key = \"\u{2026}\" # why");
        assert_eq!(problem.mark, (6, 3));
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("x = [{}, \"here\"]", "1, ".repeat(200));
        let at = text.find("\"here\"").unwrap_or_default();
        let problem = Source::new(&text).problem(&found(at..at + 6), &[]);
        assert!(problem.excerpt.chars().count() <= limits::MAX_EXCERPT_CHARS + 6);
        let (start, length) = problem.mark;
        assert_eq!(problem.excerpt.chars().skip(start).take(length).collect::<String>(), "\"here\"");
    }
}
