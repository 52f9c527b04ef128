//! The lines in which no pattern matches.
//!
//! As in ripgrep, a line matches if a pattern matches in it alone; across lines, if a match touches it.

use std::ops::{ControlFlow, Range};

use memchr::{memchr, memrchr};

use super::{HitSink, TextSearcher, starts_before, starts_before_end_of};
use crate::search::pattern::Method;
use crate::search::window::Window;

impl TextSearcher {
    /// Reports the lines of a block in which nothing matches.
    pub(super) fn invert_lines<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        block: Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<()> {
        let mut unmatched_from = block.start;
        let mut from = block.start;
        loop {
            let candidate = self.next_candidate(window, from..block.end, sink)?;
            let is_match = match &candidate {
                Some(line) => self.line_matches(window, line),
                None => false,
            };
            if let Some(line) = &candidate {
                from = line.end + 1;
                if !is_match {
                    continue;
                }
            }
            let unmatched_to = candidate.as_ref().map_or(block.end, |line| line.start);
            self.report_lines(window, unmatched_from..unmatched_to, sink)?;
            match candidate {
                Some(_) => unmatched_from = from,
                None => return ControlFlow::Continue(()),
            }
        }
    }

    /// Whether a candidate line matches. What is known of a line that was cut comes from, and goes to, its other parts.
    fn line_matches(&mut self, window: &Window<'_>, line: &Range<usize>) -> bool {
        let continues_line = line.start == window.search.start && window.starts_mid_line();
        let is_cut = line.end >= window.search.end && window.is_cut();
        let is_match = if continues_line || is_cut {
            let known = continues_line && std::mem::take(&mut self.cut_line_matched);
            known || self.part_matches(window, line, continues_line)
        } else {
            let is_confirmed = self.has_candidates == Some(false) && self.patterns.method() != Method::EveryLine;
            is_confirmed || self.patterns.is_match(&window.text[line.clone()])
        };
        if is_cut {
            self.cut_line_matched = is_match;
        }
        is_match
    }

    /// Whether a match starts in this window's part of a cut line. Where the text was cut is no end of a line, so a
    /// match of `$` there does not count; it starts in what the next window searches.
    fn part_matches(&self, window: &Window<'_>, line: &Range<usize>, continues_line: bool) -> bool {
        let text_start = if continues_line { 0 } else { line.start };
        let text = &window.text[text_start..line.end];
        let before = starts_before_end_of(window, line);
        (0..self.patterns.count())
            .filter_map(|index| self.patterns.pattern(index).find(text, line.start - text_start))
            .any(|matched| text_start + matched.start < before)
    }

    fn report_lines<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        mut lines: Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<()> {
        while !lines.is_empty() {
            let end = memchr(b'\n', &window.text[lines.clone()]).map(|at| lines.start + at);
            if end.is_none() && window.is_cut() && lines.end == window.search.end {
                // Whether this line matches is known only when its last part was searched.
                break;
            }
            let end = end.unwrap_or(lines.end);
            self.emitter.line_hit(window, &(lines.start..end), sink)?;
            if self.emitter.spend(end - lines.start) && !sink.keep_going() {
                return ControlFlow::Break(());
            }
            lines.start = end + 1;
        }
        ControlFlow::Continue(())
    }

    /// Reports the lines that no match touches, where matches may span lines.
    pub(super) fn invert_across_lines<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        block: Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<()> {
        let text = window.text;
        let before = starts_before(window, block.end);
        for index in 0..self.cursors.len() {
            self.advance(index, text, before, sink)?;
        }
        let mut unmatched_from = block.start;
        while let Some((start, end, index)) = self.first_of_the_next() {
            if start >= unmatched_from {
                let line_start =
                    memrchr(b'\n', &text[unmatched_from..start]).map_or(unmatched_from, |at| unmatched_from + at + 1);
                self.report_lines(window, unmatched_from..line_start, sink)?;
                unmatched_from = line_start;
            }
            if start < end && text[end - 1] == b'\n' {
                unmatched_from = unmatched_from.max(end);
            } else if end >= unmatched_from {
                unmatched_from = memchr(b'\n', &text[end..]).map_or(text.len(), |at| end + at + 1);
            }
            self.advance(index, text, before, sink)?;
        }
        self.report_lines(window, unmatched_from..block.end, sink)
    }
}
