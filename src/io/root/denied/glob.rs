//! A glob of one name, as the shell has it, for names in any case.

/// A glob of one name.
#[derive(Debug)]
pub(super) struct NameGlob(Vec<Token>);

#[derive(Debug)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    /// A character, folded.
    Char(char),
    /// `[a-z]`, or `[!a-z]`
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl NameGlob {
    /// # Errors
    /// What is wrong with it, as the end of a sentence that names it.
    pub(super) fn new(glob: &str) -> Result<Self, &'static str> {
        if matches!(glob, "" | "." | "..") || glob.contains(['/', '\0']) {
            return Err("matches no name: a glob is one of a single name, such as .env or *.pem");
        }
        let chars: Vec<char> = glob.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(&char) = chars.get(at) {
            at += 1;
            match char {
                '*' => tokens.push(Token::Any),
                '?' => tokens.push(Token::One),
                '[' if let Some(length) = class_length(&chars[at..]) => {
                    tokens.push(class(&chars[at..at + length])?);
                    at += length + 1;
                }
                char => tokens.extend(fold(char).map(Token::Char)),
            }
        }
        Ok(Self(tokens))
    }

    /// Whether it matches a name that was [`folded`].
    pub(super) fn matches(&self, name: &[char]) -> bool {
        // Most names differ at their end, whatever a `*` takes before it.
        if let Some(Token::Char(last)) = self.0.last()
            && name.last() != Some(last)
        {
            return false;
        }
        let (mut token, mut at) = (0, 0);
        // Where the last `*` stands, and how far it reaches so far; no earlier one has to be tried again.
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(token), name.get(at)) {
                (Some(Token::Any), _) => {
                    star = Some((token, at));
                    token += 1;
                }
                (Some(wanted), Some(char)) if wanted.takes(*char) => (token, at) = (token + 1, at + 1),
                (None, None) => return true,
                _ => match &mut star {
                    Some((of, reaches)) if *reaches < name.len() => {
                        *reaches += 1;
                        (token, at) = (*of + 1, *reaches);
                    }
                    _ => return false,
                },
            }
        }
    }
}

impl Token {
    fn takes(&self, char: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Char(wanted) => *wanted == char,
            Self::Class { negated, ranges } => {
                let has = |char: char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&char));
                (has(char) || char.to_uppercase().any(has)) != *negated
            }
        }
    }
}

/// How many characters stand between a `[` and its `]`, which may itself be the first of them.
fn class_length(chars: &[char]) -> Option<usize> {
    let first = usize::from(chars.first() == Some(&'!'));
    chars.iter().skip(first + 1).position(|char| *char == ']').map(|at| at + first + 1)
}

fn class(chars: &[char]) -> Result<Token, &'static str> {
    let negated = chars.first() == Some(&'!');
    let mut rest = &chars[usize::from(negated)..];
    let mut ranges = Vec::new();
    loop {
        rest = match rest {
            [] => return Ok(Token::Class { negated, ranges }),
            [from, '-', to, rest @ ..] if from <= to => {
                ranges.push((*from, *to));
                rest
            }
            [_, '-', _, ..] => return Err("has a range whose end lies before its start"),
            [char, rest @ ..] => {
                ranges.push((*char, *char));
                rest
            }
        }
    }
}

/// A name for [`NameGlob::matches`]: whatever the case of its letters, it is the same.
pub(super) fn folded(name: &[u8]) -> Vec<char> {
    if name.is_ascii() {
        return name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    String::from_utf8_lossy(name).chars().flat_map(fold).collect()
}

/// Capitals first, because several small letters may have one capital (as `s` and `ſ`).
fn fold(char: char) -> impl Iterator<Item = char> {
    char.to_uppercase().flat_map(char::to_lowercase)
}

/// Whether Windows may give this name to what has another: the short one of a long name, such as `GIT~1`.
pub(super) fn may_stand_for_another(name: &[u8]) -> bool {
    let is_short = || name.len() <= 12 && name.windows(2).any(|pair| pair[0] == b'~' && pair[1].is_ascii_digit());
    cfg!(windows) && is_short()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, name: &str) -> bool {
        NameGlob::new(glob).unwrap().matches(&folded(name.as_bytes()))
    }

    #[test]
    fn globs_match_as_in_the_shell_and_in_any_case() {
        for (glob, names, others) in [
            (".env", [".env", ".ENV", ".Env"], [".env.", "env", "x.env"]),
            (".env.*", [".env.local", ".ENV.x", ".env."], [".env", ".envx", "x.env.y"]),
            ("*.pem", ["a.pem", ".pem", "a.b.PEM"], ["pem", "a.pem.x", "a.pe"]),
            ("*a*b*", ["ab", "xaybz", "AxxB"], ["ba", "a", "xb"]),
            ("id_[rd]sa", ["id_rsa", "id_dsa", "ID_RSA"], ["id_xsa", "id_sa", "id_rrsa"]),
            ("[!a-c]x", ["dx", "DX", "-x"], ["ax", "Bx", "x"]),
            ("[]-]?", ["]a", "-é", "]]"], ["a]", "]", "--x"]),
            ("[x", ["[x", "[X", "[x"], ["x", "[", "[xx"]),
            ("*.КЛЮЧ", ["a.ключ", "ё.Ключ", ".КЛЮЧ"], ["a.клю", "ключ", "a.key"]),
            (".ssh", [".SSH", ".ſsh", ".ßh"], [".sh", ".sſſ", "ssh"]),
        ] {
            assert!(names.iter().all(|name| matches(glob, name)), "{glob}: {names:?}");
            assert!(!others.iter().any(|name| matches(glob, name)), "{glob}: {others:?}");
        }
        assert!(NameGlob::new("*.pem").unwrap().matches(&folded(b"\xFF\xFE.pem")));
        for wrong in ["", ".", "..", "a/b", "/", "a\0", "[b-a]"] {
            assert!(NameGlob::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_their_product() {
        let name = "a".repeat(255);
        assert!(!matches(&format!("{}b", "*a".repeat(100)), &name));
    }
}
