//! One glob, by the rules of `gitignore(5)`: where it applies, and whether a path matches it.
//!
//! What a rule says before any wildcard is looked at (`!`, slashes, the literal beginning) is taken apart here as git's
//! `dir.c` does it; the wildcards themselves stand in `wildmatch.rs`.
//!
//! A glob does not own its bytes: a list of rules keeps one buffer for all of them (see `rules.rs`).

use memchr::memchr;

use super::wildmatch::{Flaw, class, wildmatch};

/// Which part of a path a glob is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The last component, at any depth: the glob holds no slash.
    Name,
    /// The whole path below the folder of the rule.
    Path,
}

/// How much of the matcher a glob needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// No wildcard at all: comparing is enough.
    Literal,
    /// A star and then only literal bytes, on a name.
    Suffix,
    /// Anything else.
    Wild,
}

/// A parsed glob: positions in the buffer of its list, and what was learnt about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glob {
    start: u32,
    len: u32,
    /// How many bytes at the start hold no wildcard.
    literal: u32,
    pub(super) scope: Scope,
    form: Form,
    pub(super) negated: bool,
    pub(super) only_dir: bool,
}

impl Glob {
    /// Parse `bytes[start..end]`, one rule without its line end. Positions fit `u32` because the callers bound the
    /// buffer to far less.
    pub(super) fn parse(bytes: &[u8], start: usize, end: usize) -> Self {
        let (mut start, mut end) = (start, end);
        let negated = bytes[start..end].first() == Some(&b'!');
        start += usize::from(negated);
        let only_dir = bytes[start..end].last() == Some(&b'/');
        end -= usize::from(only_dir);
        let mut scope = if memchr(b'/', &bytes[start..end]).is_some() { Scope::Path } else { Scope::Name };
        if bytes[start..end].first() == Some(&b'/') {
            start += 1;
        } else if let Some(name) = any_depth(&bytes[start..end]) {
            // `**/name` says in other words what `name` says, and comparing one component is much cheaper.
            start = end - name;
            scope = Scope::Name;
        }
        let text = &bytes[start..end];
        let literal = literal_len(text);
        let form = if literal == text.len() {
            Form::Literal
        } else if scope == Scope::Name && text[0] == b'*' && literal_len(&text[1..]) == text.len() - 1 {
            Form::Suffix
        } else {
            Form::Wild
        };
        Self {
            start: position(start),
            len: position(text.len()),
            literal: position(literal),
            scope,
            form,
            negated,
            only_dir,
        }
    }

    /// The bytes that are compared: without `!`, the leading and the trailing slash.
    pub(super) fn text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..(self.start + self.len) as usize]
    }

    /// Whether the glob matches: `path` is relative to the folder of the rule, `name` is its last component. The caller
    /// has looked at `only_dir`.
    pub(super) fn matches(&self, bytes: &[u8], path: &[u8], name: &[u8]) -> bool {
        let text = self.text(bytes);
        let subject = if self.scope == Scope::Name { name } else { path };
        match self.form {
            Form::Literal => text == subject,
            Form::Suffix => subject.ends_with(&text[1..]),
            Form::Wild => {
                let (literal, wild) = text.split_at(self.literal as usize);
                subject.strip_prefix(literal).is_some_and(|rest| wildmatch(wild, rest))
            }
        }
    }

    /// The byte in which every match ends, if the glob says which.
    pub(super) fn last_byte(&self, bytes: &[u8]) -> Option<u8> {
        self.text(bytes).last().copied().filter(|last| !matches!(last, b'*' | b'?' | b']' | b'\\'))
    }

    /// Whether a path below the folder `folder` could match. May say yes too often, never no.
    pub(super) fn reaches_below(&self, bytes: &[u8], folder: &[u8]) -> bool {
        if self.scope == Scope::Name {
            return true;
        }
        let literal = &self.text(bytes)[..self.literal as usize];
        match literal.split_at_checked(folder.len()) {
            Some((head, rest)) => head == folder && rest.first().is_none_or(|&byte| byte == b'/'),
            None => folder.starts_with(literal),
        }
    }

    /// What makes the glob one that never matches, if anything does.
    pub(super) fn flaw(&self, bytes: &[u8]) -> Option<Flaw> {
        let text = self.text(bytes);
        let mut at = 0;
        while at < text.len() {
            match text[at] {
                b'\\' if at + 1 == text.len() => return Some(Flaw::DanglingEscape),
                b'\\' => at += 2,
                b'[' => match class(text, at, 0) {
                    Ok(found) if found.inverted => return Some(Flaw::InvertedRange),
                    Ok(found) => at = found.end,
                    Err(flaw) => return Some(flaw),
                },
                _ => at += 1,
            }
        }
        None
    }
}

fn position(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

fn literal_len(text: &[u8]) -> usize {
    text.iter().position(|&byte| is_special(byte)).unwrap_or(text.len())
}

/// For `**/name`, the length of `name`. Stars in a row are left alone: at the start of a glob they may cross folders.
fn any_depth(text: &[u8]) -> Option<usize> {
    let mut rest = text.strip_prefix(b"**/")?;
    while let Some(shorter) = rest.strip_prefix(b"**/") {
        rest = shorter;
    }
    let plain = !rest.is_empty() && memchr(b'/', rest).is_none() && !rest.windows(2).any(|pair| pair == b"**");
    plain.then_some(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str, path: &str, is_dir: bool) -> bool {
        let glob = Glob::parse(text.as_bytes(), 0, text.len());
        let name = path.rsplit('/').next().unwrap();
        (is_dir || !glob.only_dir) && glob.matches(text.as_bytes(), path.as_bytes(), name.as_bytes())
    }

    #[test]
    fn a_glob_without_a_slash_is_a_name_at_any_depth() {
        assert!(glob("*.py", "a.py", false) && glob("*.py", "x/y/a.py", false) && !glob("*.py", "a.pyc", false));
        assert!(glob("build", "x/build", true) && !glob("build", "x/build.rs", false));
        assert!(glob("build/", "x/build", true) && !glob("build/", "x/build", false));
        assert!(glob("*", ".hidden", false) && glob("a*c", "abc", false) && !glob("a*c", "abd", false));
    }

    #[test]
    fn a_slash_anchors_the_glob() {
        assert!(glob("/a.py", "a.py", false) && !glob("/a.py", "x/a.py", false));
        assert!(glob("x/a.py", "x/a.py", false) && !glob("x/a.py", "y/x/a.py", false));
        assert!(glob("x/*.py", "x/a.py", false) && !glob("x/*.py", "x/y/a.py", false));
        assert!(
            !glob("x?a.py", "x/a.py", false)
                && !glob("x[/]a.py", "x/a.py", false)
                && !glob("/x[^b]a.py", "x/a.py", false)
        );
        assert!(!glob("/", "a", true) && !glob("!", "a", true) && !glob("//", "a", true));
    }

    #[test]
    fn two_stars_cross_folders_only_between_slashes() {
        for path in ["c", "a/c", "a/b/c"] {
            assert!(glob("**/c", path, false), "{path}");
        }
        assert!(glob("a/**/c", "a/c", false) && glob("a/**/c", "a/x/y/c", false) && !glob("a/**/c", "ab/c", false));
        assert!(glob("a/**", "a/b/c", false) && !glob("a/**", "a", true) && !glob("/a**c", "ab/c", false));
        assert!(glob("**/a*b/**/c", "x/a/aab/y/z/c", false) && !glob("**/a*b/**/c", "x/a/aab/y/z/d", false));
        assert!(glob("**/x/*/y", "x/1/2/x/3/y", false) && !glob("**/x/*/y", "x/1/2/y", false));
        assert!(glob("**/**/c", "a/b/c", false) && glob("**/", "a/b", true) && glob("a/**\\/c", "a/x/y/c", false));
    }

    #[test]
    fn brackets_are_read_as_git_reads_them() {
        assert!(glob("[a-c]x", "bx", false) && !glob("[!a-c]x", "bx", false) && glob("[^a-c]x", "dx", false));
        assert!(glob("[]-]x", "]x", false) && glob("[]-]x", "-x", false) && glob("[\\]]x", "]x", false));
        assert!(
            glob("[[:digit:]_]x", "7x", false)
                && glob("[[:digit:]_]x", "_x", false)
                && !glob("[[:digit:]]x", "ax", false)
        );
        assert!(glob("[[:a]x", ":x", false) && !glob("[abc", "a", false) && !glob("[abc", "[abc", false));
        assert!(glob("\\[a\\*", "[a*", false) && glob("\\!x", "!x", false) && glob("{a,b}", "{a,b}", false));
    }

    #[test]
    fn flaws_are_found_and_named() {
        let flaw = |text: &str| Glob::parse(text.as_bytes(), 0, text.len()).flaw(text.as_bytes());
        assert_eq!(flaw("a\\"), Some(Flaw::DanglingEscape));
        assert_eq!(flaw("[z-a]"), Some(Flaw::InvertedRange));
        assert_eq!(flaw("x[abc"), Some(Flaw::UnclosedClass));
        assert_eq!(flaw("[[:word:]]"), Some(Flaw::UnknownClass));
        assert_eq!(flaw("a\\\\*[]a-]"), None);
    }

    #[test]
    fn a_costly_glob_stays_cheap() {
        let text = "*a".repeat(5_000) + "b";
        assert!(!glob(&text, &"a".repeat(255), false));
        let text = "**/a*a/".repeat(500) + "b";
        assert!(!glob(&text, &vec!["aaa"; 1_000].join("/"), false));
        let text = "[".repeat(60_000);
        assert!(!glob(&text, &"[".repeat(255), false));
        assert!(!glob(&"[[:".repeat(20_000), "[", false));
    }

    #[test]
    fn a_glob_knows_below_which_folders_it_can_match() {
        let reach = |text: &str, folder: &str| {
            Glob::parse(text.as_bytes(), 0, text.len()).reaches_below(text.as_bytes(), folder.as_bytes())
        };
        assert!(reach("*.py", "any/folder") && reach("/src/*.py", "src") && !reach("/src/*.py", "lib"));
        assert!(
            reach("/src/**/x", "src/a/b") && !reach("/src/x", "sr") && reach("/s*/x", "src") && !reach("/s*/x", "lib")
        );
        assert!(reach("/**/a/b", "src") && !reach("/src/x", "srcs"));
    }
}
