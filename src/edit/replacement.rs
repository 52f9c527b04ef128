//! What a match is replaced with: plain text, or a template that names the match's groups.
//!
//! The syntax is that of the `regex` crate and of `rg --replace`: `$1`, `$name` (as many letters, digits and underscores
//! as there are), `${name}`, and `$$` for a dollar sign. A group that the pattern has not is refused: there it would be
//! nothing, and a slip of the pen like `$1a` would eat text.

use crate::error::{Error, ErrorKind, Result};
use crate::io::decode::TextEncoding;

/// A piece of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

/// A parsed replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replacement {
    parts: Vec<Part>,
}

impl Replacement {
    /// Text that is taken as it is.
    pub(super) fn literal(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.to_owned())] }
    }

    /// A template for a pattern whose groups have these names, from group 1 on.
    pub(super) fn parse(template: &str, names: &[Option<String>]) -> Result<Self> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            if let Some(behind) = behind.strip_prefix('$') {
                text.push('$');
                rest = behind;
            } else if let Some((name, behind)) = reference(behind) {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Group(group(name, names).ok_or_else(|| no_such_group(template, name, names))?));
                rest = behind;
            } else {
                text.push('$');
                rest = behind;
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { parts })
    }

    /// Whether it needs to know what the groups matched; group 0 is the match itself.
    pub(super) fn has_groups(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Group(group) if *group > 0))
    }

    /// The replacement in the encoding of a file.
    pub(super) fn encoded(&self, encoding: TextEncoding) -> Result<EncodedReplacement> {
        let parts = self.parts.iter().map(|part| match part {
            Part::Group(group) => Ok(EncodedPart::Group(*group)),
            Part::Text(text) => match encoding.encode(text) {
                Ok(bytes) => Ok(EncodedPart::Bytes(bytes.into_owned())),
                Err(character) => Err(no_such_character(character, encoding)),
            },
        });
        parts.collect::<Result<_>>().map(|parts| EncodedReplacement { parts })
    }
}

/// The error of a text that a file's encoding cannot hold.
pub(super) fn no_such_character(character: char, encoding: TextEncoding) -> Error {
    let (number, label) = (u32::from(character), encoding.label());
    let text = format!("the file's encoding, {label}, has no character {character:?} (U+{number:04X})");
    Error::argument("replacement", &text)
}

enum EncodedPart {
    Bytes(Vec<u8>),
    Group(usize),
}

/// A replacement whose text is bytes of the file's encoding.
pub(super) struct EncodedReplacement {
    parts: Vec<EncodedPart>,
}

impl EncodedReplacement {
    /// How many bytes [`Self::expand`] appends, by how long the groups are.
    pub(super) fn length(&self, group: impl Fn(usize) -> usize) -> usize {
        let lengths = self.parts.iter().map(|part| match part {
            EncodedPart::Bytes(text) => text.len(),
            EncodedPart::Group(index) => group(*index),
        });
        lengths.fold(0, usize::saturating_add)
    }

    /// Appends it to `bytes`; `group` gives what a group matched, as it stands in the file.
    pub(super) fn expand<'r>(&self, bytes: &mut Vec<u8>, group: impl Fn(usize) -> &'r [u8]) {
        for part in &self.parts {
            bytes.extend_from_slice(match part {
                EncodedPart::Bytes(text) => text,
                EncodedPart::Group(index) => group(*index),
            });
        }
    }
}

/// The name behind a dollar sign, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('{') {
        return inner.split_once('}');
    }
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let end = text.find(|character| !is_of_name(character)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn group(name: &str, names: &[Option<String>]) -> Option<usize> {
    if let Ok(number) = name.parse::<usize>() {
        return (number <= names.len()).then_some(number);
    }
    names.iter().position(|known| known.as_deref() == Some(name)).map(|at| at + 1)
}

fn no_such_group(template: &str, name: &str, names: &[Option<String>]) -> Error {
    let others: Vec<_> = names.iter().flatten().map(|name| format!(", ${{{name}}}")).collect();
    let text = format!(
        "{template:?} names the group {name:?}, and the pattern has $0 to ${}{}; write ${{1}}x for a group before \
         letters, and $$ for a dollar sign",
        names.len(),
        others.concat()
    );
    Error::new(ErrorKind::Argument, format!("replacement: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::decode::EncodingChoice;

    fn expanded(template: &str) -> Result<String> {
        let names = [None, Some("word".to_owned())];
        let groups: [&[u8]; 3] = [b"whole", b"one", b"two"];
        let encoding = TextEncoding::detect(b"", EncodingChoice::Auto);
        let mut bytes = Vec::new();
        Replacement::parse(template, &names)?.encoded(encoding)?.expand(&mut bytes, |group| groups[group]);
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn groups_are_named_as_in_the_regex_crate() {
        let cases = [
            ("", ""),
            ("plain", "plain"),
            ("$0-$1-$2", "whole-one-two"),
            ("${1}a$word.", "oneatwo."),
            ("$$1 costs 5$", "$1 costs 5$"),
            ("${word}${2}$ x", "twotwo$ x"),
            ("${unclosed", "${unclosed"),
            ("größer$1→", "größerone→"),
        ];
        for (template, expected) in cases {
            assert_eq!(expanded(template).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn a_group_that_is_not_there_is_refused() {
        for template in ["$3", "$1a", "${nope}", "${}"] {
            let error = expanded(template).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument, "{template}");
            assert!(error.to_string().contains("replacement: "), "{error}");
        }
    }
}
