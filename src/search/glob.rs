//! One glob, by the rules of `gitignore(5)`: where it applies, and whether a path matches it.
//!
//! This is git's own matching (`dir.c` and `wildmatch.c`, with `WM_PATHNAME`), byte for byte, and not a translation into
//! regular expressions, for three reasons. Git's answer is the one that a table of a repository is compared with, and a
//! translation differs from it in brackets, in `a**b` and in escapes. Nothing is compiled, so a tree of three hundred
//! ignore files pays for reading them and no more. And there is no recursion and no automaton: a hostile glob costs
//! neither stack nor memory.
//!
//! A glob does not own its bytes: a list of rules keeps one buffer for all of them (see `rules.rs`).

use memchr::memchr;

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

/// What is wrong with a glob that can never match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Ends in a backslash that escapes nothing.
    DanglingEscape,
    /// A range such as `[z-a]`.
    InvertedRange,
    /// A `[` without its `]`.
    UnclosedClass,
    /// A `[:name:]` that names no class.
    UnknownClass,
}

impl Flaw {
    /// The flaw in words, to stand after the glob.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::DanglingEscape => "ends in a backslash that escapes nothing",
            Self::InvertedRange => "holds a range whose end comes before its start",
            Self::UnclosedClass => "holds a '[' that is never closed",
            Self::UnknownClass => "holds an unknown [:class:]",
        }
    }
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

/// Where to go on after a mismatch behind `**`.
#[derive(Clone, Copy)]
enum Resume {
    /// The glob goes on at `glob` behind each later slash (`**/`).
    AfterSlash { glob: usize, text: usize },
    /// The glob goes on at `glob` at each later byte (`**\/`).
    Anywhere { glob: usize, text: usize },
}

/// Git's `wildmatch` with `WM_PATHNAME`, without its recursion: only the last `*` and the last `**` need to be
/// remembered, because an earlier one could only make what is left of the text shorter.
fn wildmatch(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut deep: Option<Resume> = None;
    loop {
        let matched = match glob.get(g) {
            None if t == text.len() => return true,
            None => false,
            Some(b'*') => {
                let run = glob[g..].iter().take_while(|&&byte| byte == b'*').count();
                let after = g + run;
                let rest = &glob[after..];
                let between_slashes =
                    (g == 0 || glob[g - 1] == b'/') && (rest.is_empty() || rest[0] == b'/' || rest.starts_with(b"\\/"));
                if run > 1 && between_slashes {
                    match rest.first() {
                        None => return true,
                        Some(b'/') => {
                            deep = Some(Resume::AfterSlash { glob: after + 1, text: t });
                            g = after + 1;
                        }
                        Some(_) => {
                            deep = Some(Resume::Anywhere { glob: after, text: t });
                            g = after;
                        }
                    }
                    star = None;
                    continue;
                }
                if rest.is_empty() && memchr(b'/', &text[t..]).is_none() {
                    return true;
                }
                star = Some((after, t));
                g = after;
                continue;
            }
            // The text is used up and the glob wants more: starting later leaves even less of it.
            Some(_) if t == text.len() => return false,
            Some(b'?') => {
                g += 1;
                text[t] != b'/'
            }
            Some(b'[') => match class(glob, g, text[t]) {
                Ok(found) => {
                    g = found.end;
                    found.matched && text[t] != b'/'
                }
                Err(_) => return false,
            },
            Some(b'\\') => match glob.get(g + 1) {
                Some(&escaped) => {
                    g += 2;
                    text[t] == escaped
                }
                None => return false,
            },
            Some(&byte) => {
                g += 1;
                text[t] == byte
            }
        };
        if matched {
            t += 1;
        } else if let Some((after, from)) = star.filter(|&(_, from)| text.get(from).is_some_and(|&byte| byte != b'/')) {
            star = Some((after, from + 1));
            (g, t) = (after, from + 1);
        } else {
            star = None;
            match deep {
                Some(Resume::AfterSlash { glob, text: from }) => match memchr(b'/', &text[from..]) {
                    Some(slash) => {
                        let next = from + slash + 1;
                        deep = Some(Resume::AfterSlash { glob, text: next });
                        (g, t) = (glob, next);
                    }
                    None => return false,
                },
                Some(Resume::Anywhere { glob, text: from }) if from < text.len() => {
                    deep = Some(Resume::Anywhere { glob, text: from + 1 });
                    (g, t) = (glob, from + 1);
                }
                _ => return false,
            }
        }
    }
}

/// What a bracket expression says of one byte, and where it ends.
struct Class {
    end: usize,
    matched: bool,
    inverted: bool,
}

/// Read the bracket expression that opens at `glob[open]`, and compare it with `byte`.
fn class(glob: &[u8], open: usize, byte: u8) -> Result<Class, Flaw> {
    let get = |at: usize| glob.get(at).copied().ok_or(Flaw::UnclosedClass);
    let mut at = open + 1;
    let negated = matches!(get(at)?, b'!' | b'^');
    at += usize::from(negated);
    let (mut matched, mut inverted) = (false, false);
    // The start of a possible range; a range, a named class and the beginning leave none.
    let mut previous: Option<u8> = None;
    let mut first = true;
    // The next `]` behind a `[:`, remembered so that a row of them is not searched again and again.
    let mut close = 0;
    loop {
        let current = get(at)?;
        if current == b']' && !first {
            return Ok(Class { end: at + 1, matched: matched != negated, inverted });
        }
        first = false;
        match (current, previous) {
            (b'\\', _) => {
                at += 1;
                let escaped = get(at)?;
                matched |= byte == escaped;
                previous = Some(escaped);
            }
            (b'-', Some(low)) if get(at + 1)? != b']' => {
                at += 1;
                at += usize::from(glob[at] == b'\\');
                let high = get(at)?;
                matched |= (low..=high).contains(&byte);
                inverted |= high < low;
                previous = None;
            }
            (b'[', _) if glob.get(at + 1) == Some(&b':') => {
                let name = at + 2;
                if close < name {
                    close = name + memchr(b']', &glob[name..]).ok_or(Flaw::UnclosedClass)?;
                }
                if close > name && glob[close - 1] == b':' {
                    matched |= named(&glob[name..close - 1], byte).ok_or(Flaw::UnknownClass)?;
                    previous = None;
                    at = close;
                } else {
                    matched |= byte == b'[';
                    previous = Some(b'[');
                }
            }
            _ => {
                matched |= byte == current;
                previous = Some(current);
            }
        }
        at += 1;
    }
}

/// Whether `byte` is in the POSIX class `name`, in the C locale.
fn named(name: &[u8], byte: u8) -> Option<bool> {
    Some(match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    })
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
