//! Patterns over one file's bytes become hits.
//!
//! Owns the search loop. A pattern's hits are what ripgrep reports as submatches: in each line, the matches that do not
//! overlap, from left to right, where the line ends before its `\n`. One difference is meant: the empty match at the end
//! of a last line without `\n` is kept, which ripgrep drops.
//!
//! No line is looked at that has no hit. Where the pattern allows it, a block of about a megabyte is searched at once and
//! lines are found around the matches only; see [`Method`] for when that is so. Blocks also bound how long the search
//! goes on without asking whether it should.

mod emit;
mod invert;
#[cfg(test)]
mod tests;

use std::ops::{ControlFlow, Range};

use grep_matcher::{LineMatchKind, Matcher};
use memchr::memchr;

use self::emit::Emitter;
use super::pattern::{Method, Patterns};
use super::window::Window;

/// How much text is searched before the sink is asked whether to go on.
const BLOCK_BYTES: usize = 1 << 20;

/// What a search should find out about its hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchOptions {
    /// One hit for each line in which no pattern matches, instead of one for each match.
    pub invert_match: bool,
    /// Find the capture groups of each hit.
    pub captures: bool,
    /// Count lines.
    pub line_numbers: bool,
    /// Stop after so many hits in one file.
    pub max_hits: Option<u64>,
}

/// One capture group of a hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureSpan {
    /// The group, from 1 on; its name stands in [`Patterns::capture_names`] at `group - 1`.
    pub group: u32,
    /// Where it matched; `None` if it took no part in the match.
    pub range: Option<Range<usize>>,
}

/// One match, or one line without any (`invert_match`). All ranges are of the window's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'s> {
    /// Which pattern matched; `None` with `invert_match`.
    pub pattern: Option<u32>,
    /// What the pattern matched.
    pub matched: Range<usize>,
    /// The line or lines that hold it, without the last one's `\n` or `\r\n`.
    pub line: Range<usize>,
    /// The 1-based number of the line in which the match starts; 0 if lines are not counted.
    pub line_number: i64,
    /// The groups, where asked for.
    pub captures: &'s [CaptureSpan],
}

/// Takes the hits.
pub trait HitSink {
    /// Takes one hit. `Break` ends the search.
    fn hit(&mut self, window: &Window<'_>, hit: &Hit<'_>) -> ControlFlow<()>;

    /// Asked about every quarter of a megabyte of work; `false` ends the search.
    fn keep_going(&mut self) -> bool;
}

/// How far the matches of one pattern have come.
#[derive(Debug, Clone, Default)]
struct Cursor {
    /// Where to look for the next match.
    at: usize,
    /// Where the last match ended: an empty match there does not count.
    last_end: Option<usize>,
    /// The match that is found but not yet reported, where several patterns take turns.
    next: Option<Range<usize>>,
}

impl Cursor {
    fn move_to(&mut self, at: usize) {
        if self.at < at {
            self.at = at;
            self.last_end = None;
        }
    }

    /// Steps over a match; `false` if it does not count.
    fn take(&mut self, matched: &Range<usize>) -> bool {
        if matched.is_empty() {
            self.at = matched.end + 1;
            if self.last_end == Some(matched.end) {
                return false;
            }
        } else {
            self.at = matched.end;
        }
        self.last_end = Some(matched.end);
        true
    }
}

/// Searches one file after the other, with scratch that is used again. One a worker.
#[derive(Debug)]
pub struct TextSearcher {
    patterns: Patterns,
    invert_match: bool,
    block_bytes: usize,
    /// There is an inner literal that finds candidate lines faster than the pattern finds matches; `None` until the
    /// first candidate has shown it.
    has_candidates: Option<bool>,
    cursors: Vec<Cursor>,
    /// An earlier part of the line that was cut at the last window's end has a match.
    cut_line_matched: bool,
    emitter: Emitter,
}

impl TextSearcher {
    /// A searcher of its own search caches.
    #[must_use]
    pub fn new(patterns: &Patterns, options: SearchOptions) -> Self {
        Self {
            patterns: patterns.clone(),
            invert_match: options.invert_match,
            block_bytes: BLOCK_BYTES,
            has_candidates: None,
            cursors: vec![Cursor::default(); patterns.count()],
            cut_line_matched: false,
            emitter: Emitter::new(patterns, options),
        }
    }

    /// Forgets the file before; called before each file's first window.
    pub fn begin_file(&mut self) {
        self.cut_line_matched = false;
        self.cursors.fill(Cursor::default());
        self.emitter.begin_file();
    }

    /// How many hits this file has given.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.emitter.hits
    }

    /// How many of this file's lines hold a hit.
    #[must_use]
    pub fn matched_lines(&self) -> u64 {
        self.emitter.matched_lines
    }

    /// There was a hit beyond `max_hits`, and the search stopped there.
    #[must_use]
    pub fn limit_reached(&self) -> bool {
        self.emitter.limit_reached
    }

    /// Searches the next window of a file and reports its hits in the order start, end, pattern.
    ///
    /// `Break` if the sink wants no more, or `max_hits` is reached.
    pub fn search<S: HitSink + ?Sized>(&mut self, window: &Window<'_>, sink: &mut S) -> ControlFlow<()> {
        self.emitter.begin_window(window);
        for cursor in &mut self.cursors {
            // What a match took of this window is kept from the window before, counted from where that one ended.
            let carried = cursor.last_end.take();
            cursor.at = window.search.start + carried.unwrap_or(0);
            cursor.last_end = carried.map(|_| cursor.at);
            cursor.next = None;
        }
        let flow = self.search_blocks(window, sink);
        let end = window.search.end;
        for cursor in &mut self.cursors {
            cursor.last_end = cursor.last_end.filter(|_| window.is_cut()).and_then(|at| at.checked_sub(end));
        }
        self.emitter.end_window(window);
        flow
    }

    fn search_blocks<S: HitSink + ?Sized>(&mut self, window: &Window<'_>, sink: &mut S) -> ControlFlow<()> {
        let mut rest = window.search.clone();
        if self.patterns.is_multiline() {
            return self.search_block(window, rest, sink);
        }
        while !rest.is_empty() {
            if !sink.keep_going() {
                return ControlFlow::Break(());
            }
            let goal = rest.start + self.block_bytes;
            let end = if goal >= rest.end {
                rest.end
            } else {
                memchr(b'\n', &window.text[goal..rest.end]).map_or(rest.end, |at| goal + at + 1)
            };
            self.search_block(window, rest.start..end, sink)?;
            rest.start = end;
        }
        ControlFlow::Continue(())
    }

    fn search_block<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        block: Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<()> {
        match (self.patterns.is_multiline(), self.invert_match) {
            (true, true) => self.invert_across_lines(window, block, sink),
            (false, true) => self.invert_lines(window, block, sink),
            (true, false) => self.find_all(window, window.text, 0, starts_before(window, block.end), sink),
            (false, false) if self.searches_in_blocks() => {
                let text = &window.text[..reach(window, block.end)];
                self.find_all(window, text, block.start, starts_before(window, block.end), sink)
            }
            (false, false) => self.search_lines(window, block, sink),
        }
    }

    /// One pattern, whose matches in a block are its matches in the lines, and no faster way to its lines.
    fn searches_in_blocks(&self) -> bool {
        self.patterns.count() == 1 && self.patterns.method() == Method::Block && self.has_candidates == Some(false)
    }

    /// Finds the lines that may have hits, and searches each for itself.
    fn search_lines<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        block: Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<()> {
        let mut from = block.start;
        while let Some(line) = self.next_candidate(window, from..block.end, sink)? {
            if self.searches_in_blocks() {
                // The first candidate has just shown that matches are found as fast as candidates.
                return self.search_block(window, from..block.end, sink);
            }
            self.emitter.enter_line(window, &line);
            from = self.search_line(window, &line, sink)?;
        }
        ControlFlow::Continue(())
    }

    /// Searches one line; gives where the next one starts.
    fn search_line<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        line: &Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<(), usize> {
        self.find_all(window, &window.text[..line.end], line.start, starts_before_end_of(window, line), sink)?;
        ControlFlow::Continue(line.end + 1)
    }

    /// The next line that may have a hit, without its `\n`; it starts where `range` does, or at a line start. Only the
    /// part that this window shows, if the line is cut.
    fn next_candidate<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        range: Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<(), Option<Range<usize>>> {
        if range.is_empty() {
            return ControlFlow::Continue(None);
        }
        let text = &window.text[..reach(window, range.end)];
        let starts_mid_line = range.start == window.search.start && window.starts_mid_line();
        if starts_mid_line || self.patterns.method() == Method::EveryLine {
            let end = memchr(b'\n', &text[range.start..]).map_or(text.len(), |at| range.start + at);
            if !self.emitter.spend(end - range.start) || sink.keep_going() {
                return ControlFlow::Continue(Some(range.start..end));
            }
            return ControlFlow::Break(());
        }
        let at = match self.patterns.any().find_candidate_line(&text[range.start..]).ok().flatten() {
            Some(found) => {
                let (LineMatchKind::Confirmed(at) | LineMatchKind::Candidate(at)) = found;
                self.has_candidates = Some(matches!(found, LineMatchKind::Candidate(_)));
                range.start + at
            }
            None => return ControlFlow::Continue(None),
        };
        let start = memchr::memrchr(b'\n', &text[range.start..at]).map_or(range.start, |line| range.start + line + 1);
        let end = memchr(b'\n', &text[at..]).map_or(text.len(), |line| at + line);
        if self.emitter.spend(end - range.start) && !sink.keep_going() {
            return ControlFlow::Break(());
        }
        // A match after the last `\n` of all lies in no line; one at or after the block's end is another block's.
        let is_line = start < range.end;
        ControlFlow::Continue(is_line.then_some(start..end))
    }

    /// Reports the matches in `text` that start from `from` on and before `before`.
    fn find_all<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        text: &[u8],
        from: usize,
        before: usize,
        sink: &mut S,
    ) -> ControlFlow<()> {
        if let [cursor] = &mut self.cursors[..] {
            cursor.move_to(from);
            let pattern = self.patterns.pattern(0);
            while cursor.at < before && cursor.at <= text.len() {
                let searched_from = cursor.at;
                let Some(matched) = pattern.find(text, cursor.at).filter(|matched| matched.start < before) else {
                    break;
                };
                let line_end = if cursor.take(&matched) {
                    self.emitter.hit(window, pattern, 0, matched, sink)?
                } else {
                    matched.end
                };
                // Within a line a search looks no further than to its end; across lines it may look at everything.
                let looked_to = if self.patterns.is_multiline() { text.len() } else { line_end };
                if self.emitter.spend(looked_to.saturating_sub(searched_from)) && !sink.keep_going() {
                    return ControlFlow::Break(());
                }
            }
            return ControlFlow::Continue(());
        }
        self.find_all_in_turns(window, text, from, before, sink)
    }

    /// The same for several patterns: each goes its own way, and the first of their next matches is reported.
    fn find_all_in_turns<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        text: &[u8],
        from: usize,
        before: usize,
        sink: &mut S,
    ) -> ControlFlow<()> {
        for index in 0..self.cursors.len() {
            self.cursors[index].move_to(from);
            self.advance(index, text, before, sink)?;
        }
        loop {
            let Some((start, end, index)) = self.first_of_the_next() else { return ControlFlow::Continue(()) };
            self.emitter.hit(window, self.patterns.pattern(index), index, start..end, sink)?;
            self.advance(index, text, before, sink)?;
        }
    }

    /// The first of the patterns' next matches: its start, its end, its pattern.
    fn first_of_the_next(&self) -> Option<(usize, usize, usize)> {
        let next = self.cursors.iter().enumerate().filter_map(|(index, cursor)| {
            let next = cursor.next.as_ref()?;
            Some((next.start, next.end, index))
        });
        next.min()
    }

    /// Finds one pattern's next match that counts.
    fn advance<S: HitSink + ?Sized>(
        &mut self,
        index: usize,
        text: &[u8],
        before: usize,
        sink: &mut S,
    ) -> ControlFlow<()> {
        let cursor = &mut self.cursors[index];
        let pattern = self.patterns.pattern(index);
        cursor.next = None;
        while cursor.at < before && cursor.at <= text.len() {
            // How far a search looked is not known; it cannot be more than this.
            if self.emitter.spend(text.len() - cursor.at) && !sink.keep_going() {
                return ControlFlow::Break(());
            }
            let Some(matched) = pattern.find(text, cursor.at).filter(|matched| matched.start < before) else {
                cursor.at = before;
                break;
            };
            if cursor.take(&matched) {
                cursor.next = Some(matched);
                break;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Up to where a search of a block that ends at `end` looks: the block's end, or beyond it to the end of a cut line.
fn reach(window: &Window<'_>, end: usize) -> usize {
    if end < window.search.end || !window.is_cut() {
        return end;
    }
    memchr(b'\n', &window.text[end..]).map_or(window.text.len(), |at| end + at)
}

/// A match of a block that ends at `end` starts before this: an empty match at the end counts if the file's last line
/// ends there without a `\n`.
fn starts_before(window: &Window<'_>, end: usize) -> usize {
    let is_open_end = window.is_end && end == window.text.len() && end > 0 && window.text[end - 1] != b'\n';
    end + usize::from(is_open_end)
}

/// The same for one line, or a window's part of it.
fn starts_before_end_of(window: &Window<'_>, line: &Range<usize>) -> usize {
    if line.end < window.search.end { line.end + 1 } else { starts_before(window, window.search.end) }
}
