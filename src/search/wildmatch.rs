//! Wildcards as git reads them, byte for byte.
//!
//! This is git's own matching (`wildmatch.c` with `WM_PATHNAME`), and not a translation into regular expressions, for
//! three reasons. Git's answer is the one that a table of a repository is compared with, and a translation differs from
//! it in brackets, in `a**/b` and in escapes. Nothing is compiled, so a tree of three hundred ignore files pays for
//! reading them and no more. And there is no recursion and no automaton: a hostile glob costs neither stack nor memory.

use memchr::memchr;

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
pub(super) fn wildmatch(glob: &[u8], text: &[u8]) -> bool {
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
pub(super) struct Class {
    /// The position behind the closing bracket.
    pub(super) end: usize,
    matched: bool,
    /// Whether it holds a range that ends before it starts.
    pub(super) inverted: bool,
}

/// Read the bracket expression that opens at `glob[open]`, and compare it with `byte`.
pub(super) fn class(glob: &[u8], open: usize, byte: u8) -> Result<Class, Flaw> {
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
