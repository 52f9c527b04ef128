//! Source code is cut between the nodes of its syntax tree: a node that fits into a chunk is never cut.
//!
//! The tree is walked once. A node that is too large is replaced by its children, until all that is left fits: the units.
//! Chunks are then filled with units, one after the other, and end where the least deep node begins, in their second half
//! if there is one. A comment or an attribute stays with what it stands above. (`text-splitter` does about the same, but takes
//! time in the product of a text's length and the depth of its tree, which a sum of a thousand terms makes a thousand.)

use std::ops::{ControlFlow, Range};

use text_splitter::ChunkSizer;
use tree_sitter::{Node, ParseOptions, ParseState, Parser, Point, TreeCursor};

use super::language::Language;
use super::{ChunkOptions, windows};

/// What nests deeper is cut into windows: nobody wrote that.
const MOST_DEPTH: usize = 256;

/// Splits texts, with a parser that it keeps.
#[derive(Default)]
pub struct SyntaxSplitter {
    parser: Parser,
    language: Option<Language>,
}

/// What fits into a chunk, with the white space before it.
#[derive(Debug, Clone, Copy)]
struct Unit {
    start: usize,
    end: usize,
    size: usize,
    /// How deep it lies in the tree.
    depth: usize,
    /// Whether it belongs to the comment before it.
    stays: bool,
}

impl SyntaxSplitter {
    /// The chunks of a text; nothing if it has no grammar or `stopped` says so.
    pub fn spans(
        &mut self,
        text: &str,
        language: Language,
        options: &ChunkOptions,
        stopped: &dyn Fn() -> bool,
    ) -> Option<Vec<Range<usize>>> {
        if self.language != Some(language) {
            self.parser.set_language(&language.grammar()?).ok()?;
            self.language = Some(language);
        }
        self.parser.reset();
        let mut look = |_: &ParseState| if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let looking = ParseOptions::new().progress_callback(&mut look);
        let mut read = |at: usize, _: Point| text.as_bytes().get(at..).unwrap_or_default();
        let tree = self.parser.parse_with_options(&mut read, None, Some(looking))?;
        let mut units = Units { text, options, found: Vec::new(), end: 0 };
        units.add_children(&mut tree.walk(), 0);
        units.add_until(text.len(), usize::MAX);
        Some(pack(text, &units.found, options))
    }
}

/// The units of a text so far.
struct Units<'a> {
    text: &'a str,
    options: &'a ChunkOptions,
    found: Vec<Unit>,
    end: usize,
}

/// Whether a node says something of what follows it.
fn is_above(node: &Node<'_>) -> bool {
    let kind = node.kind();
    kind.contains("comment") || kind.contains("attribute_item") || kind == "decorator" || kind.contains("annotation")
}

impl Units<'_> {
    /// The children of the node at the cursor, which comes back to it.
    fn add_children(&mut self, cursor: &mut TreeCursor<'_>, depth: usize) {
        if !cursor.goto_first_child() {
            return;
        }
        let mut above = false;
        loop {
            let node = cursor.node();
            let (start, end) = (node.start_byte(), node.end_byte());
            // The parser may put a node that it misses where text is shown already.
            if end > self.end && start < end {
                let stays = above && !self.text[self.end..start.max(self.end)].contains("\n\n");
                match self.size(self.end, end) {
                    Some(size) => self.push(end, size, depth, stays),
                    None if depth < MOST_DEPTH && node.child_count() > 0 => {
                        let first = self.found.len();
                        self.add_children(cursor, depth + 1);
                        if let Some(unit) = self.found.get_mut(first) {
                            (unit.depth, unit.stays) = (depth, stays);
                        }
                        self.add_until(end, depth + 1);
                    }
                    None => self.add_until(end, depth),
                }
            }
            above = is_above(&node);
            if !cursor.goto_next_sibling() {
                break;
            }
        }
        cursor.goto_parent();
    }

    /// The size of a piece of the text, if that fits into a chunk.
    fn size(&self, start: usize, end: usize) -> Option<usize> {
        let most = self.options.chunk_size;
        let bytes = end - start;
        // A character has at most four bytes; a token has more than this only in a text that is nearly all white space.
        if bytes > 4 * most && (self.options.measure.is_characters() || bytes > 32 * most) {
            return None;
        }
        let size = self.options.measure.size(&self.text[start..end]);
        (size <= most).then_some(size)
    }

    fn push(&mut self, end: usize, size: usize, depth: usize, stays: bool) {
        self.found.push(Unit { start: self.end, end, size, depth, stays });
        self.end = end;
    }

    /// What lies before `end` and in no unit, in windows if it must be.
    fn add_until(&mut self, end: usize, depth: usize) {
        if end <= self.end {
            return;
        }
        if let Some(size) = self.size(self.end, end) {
            return self.push(end, size, depth, false);
        }
        let base = self.end;
        let mut depth = depth;
        let windows = windows::spans(&self.text[base..end], &self.options.without_any_overlap());
        for window in windows {
            let size = self.options.measure.size(&self.text[base + window.start..base + window.end]);
            self.end = base + window.start;
            self.push(base + window.end, size, depth, false);
            depth = usize::MAX;
        }
        self.end = end;
    }
}

/// Fill chunks with units.
fn pack(text: &str, units: &[Unit], options: &ChunkOptions) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut from = 0;
    // What stands in a chunk already.
    let mut shown = 0;
    while shown < units.len() {
        let to = end_of_chunk(units, from, shown, options.chunk_size);
        let span = trimmed(text, units[from].start..units[to - 1].end);
        if options.measure.is_characters() || options.measure.size(&text[span.clone()]) <= options.chunk_size {
            spans.extend((!span.is_empty()).then_some(span));
        } else {
            // Tokens do not quite add up.
            let windows = windows::spans(&text[span.clone()], &options.without_any_overlap());
            spans.extend(windows.into_iter().map(|window| span.start + window.start..span.start + window.end));
        }
        shown = to;
        from = start_of_overlap(units, to, options);
    }
    spans
}

/// How much longer a chunk becomes by the unit at `at`, if it does not begin with it. (Windows have gaps between them.)
fn added(units: &[Unit], at: usize) -> usize {
    let gap = at.checked_sub(1).map_or(0, |before| units[at].start - units[before].end);
    gap + units[at].size
}

/// Where the chunk begins whose first new unit is `to`.
fn start_of_overlap(units: &[Unit], to: usize, options: &ChunkOptions) -> usize {
    let Some(next) = units.get(to) else { return to };
    if options.overlap == 0 {
        return to;
    }
    // What is shown again must leave room for something new.
    let room = options.overlap.min(options.chunk_size.saturating_sub(next.size));
    let mut from = to;
    let mut overlap = 0;
    while from > 0 && overlap + added(units, from) - units[from].size + units[from - 1].size <= room {
        overlap += added(units, from) - units[from].size + units[from - 1].size;
        from -= 1;
    }
    from
}

/// Behind the last unit of the chunk that begins with the unit `from`; it has more than those before `shown`.
fn end_of_chunk(units: &[Unit], from: usize, shown: usize, chunk_size: usize) -> usize {
    let mut size = units[from].size;
    let mut best_late: Option<(usize, usize)> = None;
    let mut best: Option<(usize, usize)> = None;
    for (at, unit) in units.iter().enumerate().skip(from + 1) {
        if at > shown && !unit.stays {
            let is_better = |best: Option<(usize, usize)>| best.is_none_or(|(_, depth)| unit.depth <= depth);
            if is_better(best) {
                best = Some((at, unit.depth));
            }
            if size >= chunk_size / 2 && is_better(best_late) {
                best_late = Some((at, unit.depth));
            }
        }
        size += added(units, at);
        if size > chunk_size {
            return best_late.or(best).map_or(at.max(shown + 1), |(at, _)| at);
        }
    }
    units.len()
}

/// A piece of the text without the blank lines around it; the indentation of its first line is kept.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let piece = &text[span.clone()];
    let body = piece.trim_start();
    let first = span.end - body.len();
    if body.is_empty() {
        return first..first;
    }
    let blank = &text[span.start..first];
    let start = match blank.rfind('\n') {
        Some(newline) => span.start + newline + 1,
        None if span.start == 0 || text[..span.start].ends_with('\n') => span.start,
        None => first,
    };
    let end = first + body.trim_end().len();
    start..end
}
