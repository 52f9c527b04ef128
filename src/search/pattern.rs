//! What to search for: options become compiled patterns.
//!
//! Owns the meaning of a pattern, which is ripgrep's to the letter: the same parser, the same builder (`grep-regex`), the
//! same options, so that a pattern never matches a line feed unless `multiline` is on. It also finds out what a search
//! may do with each pattern (see [`Method`]); how files are searched is left to [`super::text`].
//!
//! Several patterns are several searches in one pass. Each is compiled for itself, and smart case is decided for each;
//! all of them together make one union matcher, which only says which lines are worth a look.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use grep_matcher::{Captures, Matcher};
use grep_regex::{RegexCaptures, RegexMatcher, RegexMatcherBuilder};
use regex_syntax::ast;
use regex_syntax::hir::{Hir, HirKind, translate::TranslatorBuilder};

use crate::error::{Error, ErrorKind, Result};

/// How large one compiled pattern may be. ripgrep allows 100 MiB, which a hostile `(a{1,1000}){1,1000}` fills within a
/// second; the largest patterns that people write stay far below this.
const SIZE_LIMIT: usize = 32 << 20;
/// How large the lazily built automaton of one matcher may grow, in each worker. ripgrep allows 1,000 MiB, which is too
/// much for a guest in somebody's process; a smaller cache is cleared more often and finds the same.
const AUTOMATON_LIMIT: usize = 32 << 20;
/// A pattern is quoted in messages up to this many characters.
const QUOTED_CHARS: usize = 120;

/// How the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaseMatching {
    /// `a` is not `A`.
    #[default]
    Sensitive,
    /// `a` is `A`, by Unicode's simple case folding.
    Insensitive,
    /// Insensitive for a pattern that holds a literal letter and no upper-case one; decided for each pattern.
    Smart,
}

/// What to search for, as the caller asked.
#[derive(Debug, Clone, Default)]
pub struct PatternOptions {
    /// The patterns, in ripgrep's syntax; at least one.
    pub patterns: Vec<String>,
    /// The patterns are plain text, not regular expressions.
    pub fixed_strings: bool,
    /// How the case of letters counts.
    pub case: CaseMatching,
    /// A match must not touch a word character on either side.
    pub whole_word: bool,
    /// A match may span lines.
    pub multiline: bool,
}

/// What a search may do with a pattern and still find what a search line by line would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Matches may be looked for in whole blocks of lines at once.
    Block,
    /// A block says which lines match, but matches are looked for in each such line alone: `(?R)$` sees `\r\n` in a
    /// block and only `\r` in a line.
    Line,
    /// The lines themselves must be tried one by one: `\A` and `\z` mean something else in a block.
    EveryLine,
}

/// The compiled patterns. Cloning is cheap: the programs are shared, and each clone has search caches of its own, so that
/// workers that clone never wait for each other.
#[derive(Clone)]
pub struct Patterns {
    each: Vec<Pattern>,
    union: Option<RegexMatcher>,
    method: Method,
    multiline: bool,
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns").field("each", &self.each).finish_non_exhaustive()
    }
}

impl Patterns {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] without any pattern; [`ErrorKind::Pattern`] for one that does not parse, that could only
    /// match a line feed outside of `multiline`, or that would be too large.
    pub fn compile(options: &PatternOptions) -> Result<Self> {
        if options.patterns.is_empty() {
            return Err(Error::argument("pattern", "give at least one pattern"));
        }
        let patterns: Vec<Pattern> =
            options.patterns.iter().map(|source| Pattern::compile(source, options)).collect::<Result<_>>()?;
        let method = patterns.iter().map(|pattern| pattern.method).fold(Method::Block, |all, one| match (all, one) {
            (Method::EveryLine, _) | (_, Method::EveryLine) => Method::EveryLine,
            (Method::Line, _) | (_, Method::Line) => Method::Line,
            (Method::Block, Method::Block) => Method::Block,
        });
        let union = if patterns.len() > 1 && !options.multiline && method != Method::EveryLine {
            Some(union_of(&patterns, options)?)
        } else {
            None
        };
        Ok(Self { each: patterns, union, method, multiline: options.multiline })
    }

    /// How many patterns there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.each.len()
    }

    /// Whether a match may span lines, so that a file must be searched in one piece.
    #[must_use]
    pub fn is_multiline(&self) -> bool {
        self.multiline
    }

    /// The names of a pattern's capture groups, from group 1 on; `None` for one without a name.
    #[must_use]
    pub fn capture_names(&self, pattern: usize) -> &[Option<String>] {
        self.each.get(pattern).map_or(&[], |pattern| &pattern.capture_names)
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    pub(crate) fn pattern(&self, index: usize) -> &Pattern {
        &self.each[index]
    }

    /// The matcher that matches in every line in which any pattern does.
    pub(crate) fn any(&self) -> &RegexMatcher {
        self.union.as_ref().unwrap_or(&self.each[0].matcher)
    }

    /// Whether any pattern matches in this text, taken for itself.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        match &self.union {
            Some(union) => union.is_match(text).unwrap_or(false),
            None => self.each.iter().any(|pattern| pattern.matcher.is_match(text).unwrap_or(false)),
        }
    }
}

/// One compiled pattern.
#[derive(Clone)]
pub(crate) struct Pattern {
    source: String,
    insensitive: bool,
    matcher: RegexMatcher,
    capture_names: Vec<Option<String>>,
    method: Method,
}

impl fmt::Debug for Pattern {
    /// Without the program, which can be millions of lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern")
            .field("source", &self.source)
            .field("insensitive", &self.insensitive)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Pattern {
    fn compile(source: &str, options: &PatternOptions) -> Result<Self> {
        let insensitive = match options.case {
            CaseMatching::Sensitive => false,
            CaseMatching::Insensitive => true,
            CaseMatching::Smart => is_insensitive_by_smart_case(source, options.fixed_strings),
        };
        let matcher =
            builder(options, insensitive).build(source).map_err(|error| compile_error(source, options, &error))?;
        // Not `capture_count`, which forgets groups that can never take part, such as the one of `(a){0}`.
        let group_count = matcher.new_captures().map_or(1, |captures| captures.len());
        let shape = Shape::of(source, options.fixed_strings, group_count);
        let method = if matcher.line_terminator().is_none() {
            // grep-regex takes the line terminator back from a pattern that looks at the ends of the whole text.
            Method::EveryLine
        } else if shape.has_crlf_anchor {
            Method::Line
        } else {
            Method::Block
        };
        Ok(Self { source: source.to_owned(), insensitive, matcher, capture_names: shape.capture_names, method })
    }

    /// The first match at or after `at`; text before it is what look-behind sees.
    #[inline]
    pub(crate) fn find(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        self.matcher.find_at(text, at).ok().flatten().map(|found| found.start()..found.end())
    }

    /// Scratch for [`Self::captures`]; `None` for a pattern without groups.
    pub(crate) fn new_captures(&self) -> Option<RegexCaptures> {
        if self.capture_names.is_empty() { None } else { self.matcher.new_captures().ok() }
    }

    /// Finds the groups of the match that starts at `at`.
    pub(crate) fn captures(&self, text: &[u8], at: usize, captures: &mut RegexCaptures) -> bool {
        self.matcher.captures_at(text, at, captures).unwrap_or(false)
    }
}

/// The options that ripgrep gives to its matcher.
fn builder(options: &PatternOptions, insensitive: bool) -> RegexMatcherBuilder {
    let mut builder = RegexMatcherBuilder::new();
    builder
        .multi_line(true)
        .unicode(true)
        .octal(false)
        .fixed_strings(options.fixed_strings)
        .case_insensitive(insensitive)
        .word(options.whole_word)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(AUTOMATON_LIMIT);
    if !options.multiline {
        builder.line_terminator(Some(b'\n'));
    }
    builder
}

/// One matcher for the lines in which any of the patterns matches.
fn union_of(patterns: &[Pattern], options: &PatternOptions) -> Result<RegexMatcher> {
    // The case was decided for each pattern, so it is written into each; a union of one case keeps the plain form,
    // which the builder knows how to make fast.
    let built = if patterns.iter().all(|pattern| pattern.insensitive == patterns[0].insensitive) {
        builder(options, patterns[0].insensitive).build_many(&options.patterns)
    } else {
        let sources: Vec<String> = patterns
            .iter()
            .map(|pattern| {
                let source = plain_or_regex(&pattern.source, options.fixed_strings);
                if pattern.insensitive { format!("(?i:{source})") } else { source }
            })
            .collect();
        let options = PatternOptions { fixed_strings: false, ..options.clone() };
        builder(&options, false).build_many(&sources)
    };
    built.map_err(|error| {
        let count = patterns.len();
        Error::new(ErrorKind::Pattern, format!("the {count} patterns cannot be searched together: {error}"))
    })
}

fn plain_or_regex(source: &str, fixed_strings: bool) -> String {
    if fixed_strings { regex_syntax::escape(source) } else { source.to_owned() }
}

/// ripgrep's rule: there is a literal character, and no literal character is upper case (`\pL` and `\S` are none).
fn is_insensitive_by_smart_case(source: &str, fixed_strings: bool) -> bool {
    #[derive(Default)]
    struct Literals {
        any: bool,
        upper_case: bool,
    }
    impl Literals {
        fn add(&mut self, literal: &ast::Literal) {
            self.any = true;
            self.upper_case |= literal.c.is_uppercase();
        }
    }
    impl ast::Visitor for Literals {
        type Output = Self;
        type Err = std::convert::Infallible;

        fn finish(self) -> std::result::Result<Self, Self::Err> {
            Ok(self)
        }

        fn visit_pre(&mut self, node: &ast::Ast) -> std::result::Result<(), Self::Err> {
            if let ast::Ast::Literal(literal) = node {
                self.add(literal);
            }
            Ok(())
        }

        fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> std::result::Result<(), Self::Err> {
            match item {
                ast::ClassSetItem::Literal(literal) => self.add(literal),
                ast::ClassSetItem::Range(range) => {
                    self.add(&range.start);
                    self.add(&range.end);
                }
                _ => {}
            }
            Ok(())
        }
    }
    // What does not parse will be refused when it is built, whatever its case.
    let Ok(parsed) = ast::parse::Parser::new().parse(&plain_or_regex(source, fixed_strings)) else { return false };
    let Ok(literals) = ast::visit(&parsed, Literals::default());
    literals.any && !literals.upper_case
}

/// What the compiled matcher knows and does not tell.
struct Shape {
    capture_names: Vec<Option<String>>,
    has_crlf_anchor: bool,
}

impl Shape {
    fn of(source: &str, fixed_strings: bool, group_count: usize) -> Self {
        let mut shape = Self { capture_names: vec![None; group_count.saturating_sub(1)], has_crlf_anchor: false };
        if fixed_strings {
            return shape;
        }
        // Wrapped as grep-regex wraps it, so that what it takes is taken here too.
        let source = format!("(?:{source})");
        let parsed = ast::parse::Parser::new().parse(&source).ok().and_then(|ast| {
            TranslatorBuilder::new().utf8(false).multi_line(true).build().translate(&source, &ast).ok()
        });
        match parsed {
            Some(hir) => {
                shape.has_crlf_anchor = hir.properties().look_set().contains_anchor_crlf();
                shape.name_groups(&hir);
            }
            // Not known, so the careful method.
            None => shape.has_crlf_anchor = true,
        }
        shape
    }

    /// The parser bounds how deep this can go.
    fn name_groups(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Capture(group) => {
                let place = (group.index as usize).checked_sub(1).and_then(|at| self.capture_names.get_mut(at));
                if let Some(place) = place {
                    *place = group.name.as_deref().map(str::to_owned);
                }
                self.name_groups(&group.sub);
            }
            HirKind::Repetition(repetition) => self.name_groups(&repetition.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                for part in parts {
                    self.name_groups(part);
                }
            }
            HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
        }
    }
}

/// Says which pattern is wrong, what is wrong with it, and what to do.
fn compile_error(source: &str, options: &PatternOptions, error: &grep_regex::Error) -> Error {
    let reason = match error.kind() {
        grep_regex::ErrorKind::NotAllowed(_) => {
            "it holds a line terminator, and without multiline a match never spans lines".to_owned()
        }
        grep_regex::ErrorKind::Regex(text) if text.contains("size limit") => format!(
            "compiled it would be larger than {} MiB; use smaller repetition counts or fewer Unicode classes",
            SIZE_LIMIT >> 20
        ),
        // grep-regex shows the pattern as it wrapped it; the parser alone shows it as it was given.
        _ => regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(&plain_or_regex(source, options.fixed_strings))
            .err()
            .map_or_else(|| error.to_string(), |error| error.to_string()),
    };
    let mut quoted: String = source.chars().take(QUOTED_CHARS).collect();
    if quoted.len() < source.len() {
        quoted.push('…');
    }
    // What begins so is no regular expression, and is what names are matched by elsewhere.
    let hint = if source.starts_with('*') { "\nit looks like a glob of names, which `include` takes" } else { "" };
    Error::new(ErrorKind::Pattern, format!("pattern `{quoted}`: {reason}{hint}"))
}
