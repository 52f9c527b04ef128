//! The rules of one ignore file, or of one list of globs, and which of them decides about an entry.
//!
//! The last rule that matches decides. A list keeps the bytes of its file and a few numbers a rule, so that 10,000 rules
//! take less than a megabyte beside the file itself. Rules are found by the byte in which a matching path must end: of
//! a hundred rules like `*.o` and `/vmlinux`, an entry is compared with the few that end as it does.

use super::glob::{Glob, Scope};
use super::wildmatch::Flaw;
use crate::error::{Error, ErrorKind, Result};

/// The largest ignore file that is used, in bytes.
pub(super) const MAX_FILE: usize = 1 << 20;
/// The largest number of rules in one file or list.
pub(super) const MAX_RULES: usize = 10_000;
/// The longest rule, in bytes.
const MAX_RULE: usize = 64 << 10;

/// One rule: its glob, and where it was written.
#[derive(Debug, Clone, Copy)]
struct Rule {
    glob: Glob,
    /// The text as written, `!` and slashes included: a range of the list's bytes.
    written: (u32, u32),
    /// The 1-based line in its file, or the 0-based position in the caller's list.
    line: u32,
}

/// The rules of one file or list, in the order in which they are written.
#[derive(Debug)]
pub(super) struct RuleList {
    /// The file as it is shown; empty for a caller's list.
    file: Box<[u8]>,
    bytes: Box<[u8]>,
    rules: Box<[Rule]>,
    /// `order[ends[b]..ends[b + 1]]` are the rules whose matches end in byte `b`, and the bucket after the last byte
    /// holds those that may end in any; the last rule stands first in each.
    ends: Box<[u16]>,
    order: Box<[u16]>,
    has_path_rules: bool,
}

/// The bucket of rules that may end in any byte.
const ANY: usize = 256;

impl RuleList {
    /// The rules of an ignore file. One bad rule spoils the file: half of its rules would be a guess at what its author
    /// meant to hide.
    ///
    /// What git takes for a rule that never matches (`[abc`) is one here too, without an error; a rule that ripgrep
    /// reports as broken (`[z-a]`, a backslash at the end) is an error.
    pub(super) fn from_file(shown: Vec<u8>, bytes: Vec<u8>) -> Result<Self> {
        if bytes.len() > MAX_FILE {
            return Err(too_large());
        }
        let mut rules = Vec::new();
        let mut start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut line = 0_u32;
        while start < bytes.len() {
            line += 1;
            let newline = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
            let end = line_end(&bytes, start, newline);
            if end > start && bytes[start] != b'#' {
                if rules.len() == MAX_RULES {
                    return Err(Error::new(
                        ErrorKind::Limit,
                        format!("ignore file not used: it has more than {MAX_RULES} rules"),
                    ));
                }
                rules.push(file_rule(&bytes, start, end, line)?);
            }
            start = newline + 1;
        }
        Ok(Self::index(shown, bytes, rules))
    }

    /// The rules of a caller's list of globs, braces already expanded: each glob with its position in the list. The
    /// caller has bounded them by `MAX_RULES` and `MAX_FILE`.
    pub(super) fn from_globs(globs: &[(u32, Vec<u8>)]) -> std::result::Result<Self, String> {
        let mut bytes = Vec::new();
        let mut rules = Vec::new();
        for (line, text) in globs {
            let start = bytes.len();
            bytes.extend_from_slice(text);
            let glob = Glob::parse(&bytes, start, bytes.len());
            if glob.text(&bytes).is_empty() {
                return Err("names nothing".to_owned());
            }
            if let Some(flaw) = glob.flaw(&bytes) {
                return Err(flaw.text().to_owned());
            }
            rules.push(Rule { glob, written: (position(start), position(bytes.len())), line: *line });
        }
        Ok(Self::index(Vec::new(), bytes, rules))
    }

    fn index(file: Vec<u8>, bytes: Vec<u8>, rules: Vec<Rule>) -> Self {
        let bucket = |rule: &Rule| rule.glob.last_byte(&bytes).map_or(ANY, usize::from);
        let mut order: Vec<u16> = (0..).take(rules.len()).collect();
        order.sort_by_key(|&at| (bucket(&rules[usize::from(at)]), std::cmp::Reverse(at)));
        let mut ends = vec![0_u16; ANY + 2];
        for rule in &rules {
            ends[bucket(rule) + 1] += 1;
        }
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        let has_path_rules = rules.iter().any(|rule| rule.glob.scope == Scope::Path);
        Self {
            file: file.into(),
            bytes: bytes.into(),
            rules: rules.into(),
            ends: ends.into(),
            order: order.into(),
            has_path_rules,
        }
    }

    /// Whether there is no rule at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether any rule looks at more than the name, so that the path is needed.
    pub(super) fn has_path_rules(&self) -> bool {
        self.has_path_rules
    }

    /// Whether the rule negates.
    pub(super) fn negates(&self, rule: u16) -> bool {
        self.rules[usize::from(rule)].glob.negated
    }

    /// The last rule that matches an entry; `path` is relative to the folder of the list and may be empty if there are no
    /// path rules, `name` is its last component.
    pub(super) fn last_match(&self, path: &[u8], name: &[u8], is_dir: bool) -> Option<u16> {
        let last = usize::from(*name.last()?);
        let mut ending = self.bucket(last);
        let mut any = self.bucket(ANY);
        loop {
            // Two descending lists are merged, so that the first match is the last rule.
            let at = match (ending.first(), any.first()) {
                (Some(&one), Some(&other)) if one < other => take_first(&mut any, other),
                (Some(&one), _) => take_first(&mut ending, one),
                (None, Some(&other)) => take_first(&mut any, other),
                (None, None) => return None,
            };
            let glob = &self.rules[usize::from(at)].glob;
            if (is_dir || !glob.only_dir) && glob.matches(&self.bytes, path, name) {
                return Some(at);
            }
        }
    }

    fn bucket(&self, at: usize) -> &[u16] {
        &self.order[usize::from(self.ends[at])..usize::from(self.ends[at + 1])]
    }

    /// Whether a positive rule could match something below `folder`.
    pub(super) fn reaches_below(&self, folder: &[u8]) -> bool {
        self.rules.iter().any(|rule| !rule.glob.negated && rule.glob.reaches_below(&self.bytes, folder))
    }

    /// Whether every rule negates.
    pub(super) fn only_negates(&self) -> bool {
        self.rules.iter().all(|rule| rule.glob.negated)
    }

    /// `<file>:<line>:<rule as written>`, as `git check-ignore -v` prints it.
    pub(super) fn describe(&self, rule: u16) -> String {
        let rule = &self.rules[usize::from(rule)];
        let written = &self.bytes[rule.written.0 as usize..rule.written.1 as usize];
        format!("{}:{}:{}", String::from_utf8_lossy(&self.file), rule.line, String::from_utf8_lossy(written))
    }
}

fn take_first(list: &mut &[u16], first: u16) -> u16 {
    *list = &list[1..];
    first
}

/// The failure of a file that is larger than any ignore file should be.
pub(super) fn too_large() -> Error {
    Error::new(ErrorKind::Limit, format!("ignore file not used: it is larger than {MAX_FILE} bytes"))
}

/// The end of the rule that starts at `start`, without what git takes away: `\r` before the newline, whatever follows a
/// NUL, and spaces that are not escaped.
fn line_end(bytes: &[u8], start: usize, newline: usize) -> usize {
    let mut end = newline;
    if bytes[start..end].last() == Some(&b'\r') {
        end -= 1;
    }
    if let Some(nul) = memchr::memchr(0, &bytes[start..end]) {
        end = start + nul;
    }
    let text = &bytes[start..end];
    let trimmed = text.len() - text.iter().rev().take_while(|&&byte| byte == b' ').count();
    // Of the spaces behind an odd number of backslashes, the first is escaped and stays.
    let escaped = text[..trimmed].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1;
    start + if escaped && trimmed < text.len() { trimmed + 1 } else { trimmed }
}

fn file_rule(bytes: &[u8], start: usize, end: usize, line: u32) -> Result<Rule> {
    if end - start > MAX_RULE {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("ignore file not used: line {line} is longer than {MAX_RULE} bytes"),
        ));
    }
    let glob = Glob::parse(bytes, start, end);
    let broken = match glob.flaw(bytes) {
        // `name\/` ends in a slash; for git it is a rule that never matches.
        Some(Flaw::DanglingEscape) => (!glob.only_dir).then_some(Flaw::DanglingEscape),
        other => other.filter(|flaw| *flaw == Flaw::InvertedRange),
    };
    if let Some(flaw) = broken {
        return Err(Error::new(
            ErrorKind::Pattern,
            format!(
                "ignore file not used: line {line} {}: {}",
                flaw.text(),
                String::from_utf8_lossy(&bytes[start..end.min(start + 200)])
            ),
        ));
    }
    Ok(Rule { glob, written: (position(start), position(end)), line })
}

fn position(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> RuleList {
        RuleList::from_file(b"f".to_vec(), text.as_bytes().to_vec()).unwrap()
    }

    fn last(list: &RuleList, path: &str) -> Option<String> {
        let name = path.rsplit('/').next().unwrap();
        list.last_match(path.as_bytes(), name.as_bytes(), false).map(|rule| list.describe(rule))
    }

    #[test]
    fn the_last_matching_line_decides() {
        let rules = list("*.log\n# a comment\n\n!keep.log\r\n*.l*\n!/x/keep.log   \n");
        assert_eq!(last(&rules, "a.log").as_deref(), Some("f:5:*.l*"));
        assert_eq!(last(&rules, "x/keep.log").as_deref(), Some("f:6:!/x/keep.log"));
        assert_eq!(last(&list("*.log\n!keep.log"), "keep.log").as_deref(), Some("f:2:!keep.log"));
        assert_eq!(last(&rules, "a.txt"), None);
    }

    #[test]
    fn lines_are_trimmed_as_git_trims_them() {
        assert_eq!(last(&list("\u{feff}a  \n"), "a").as_deref(), Some("f:1:a"));
        assert_eq!(last(&list("a\\  \n"), "a ").as_deref(), Some("f:1:a\\ "));
        assert_eq!(last(&list("a\\\\  \n"), "a\\").as_deref(), Some("f:1:a\\\\"));
        assert_eq!(last(&list("a\t\n"), "a\t").as_deref(), Some("f:1:a\t"));
        assert_eq!(last(&list("\\#a\n"), "#a").as_deref(), Some("f:1:\\#a"));
        assert_eq!(last(&list("a\0b\nc"), "a").as_deref(), Some("f:1:a"));
        assert!(list("\n#x\n  \n\r\n").is_empty());
    }

    #[test]
    fn braces_in_a_file_are_literal_however_deep() {
        assert_eq!(last(&list("*.{log,tmp}\n"), "a.log"), None);
        assert!(last(&list("*.{log,tmp}\n"), "a.{log,tmp}").is_some());
        for depth in [13_500, 60_000] {
            let text = "{".repeat(depth);
            let check = move || assert_eq!(last(&list(&text), "a"), None);
            std::thread::Builder::new().stack_size(256 << 10).spawn(check).unwrap().join().unwrap();
        }
    }

    #[test]
    fn a_file_that_breaks_a_bound_or_the_syntax_is_refused() {
        let kind = |text: &str| RuleList::from_file(Vec::new(), text.as_bytes().to_vec()).unwrap_err().kind();
        assert_eq!(kind(&"a\n".repeat(MAX_RULES + 1)), ErrorKind::Limit);
        assert_eq!(kind(&"a".repeat(MAX_RULE + 1)), ErrorKind::Limit);
        assert_eq!(kind(&"#\n".repeat(MAX_FILE)), ErrorKind::Limit);
        assert_eq!(kind("a\n[z-a]\n"), ErrorKind::Pattern);
        assert_eq!(kind("a\\"), ErrorKind::Pattern);
        assert!(RuleList::from_file(Vec::new(), "a\n".repeat(MAX_RULES).into_bytes()).is_ok());
        assert_eq!(last(&list("a\n[z\n"), "a").as_deref(), Some("f:1:a"));
    }

    #[test]
    fn ten_thousand_rules_stay_small() {
        let lines: Vec<String> = (0..10_000).map(|at| format!("**/a{at}*[x-z]/**/*.{at}?")).collect();
        let text = lines.join("\n");
        let rules = list(&text);
        let size = rules.bytes.len() + size_of_val(&*rules.rules) + size_of_val(&*rules.order);
        assert!(size < 2 << 20, "{size} bytes");
        assert!(last(&rules, "q/a9999.x/b/c.9999!").is_some());
    }
}
