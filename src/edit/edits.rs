//! The replacements in one file: where they are found, what they are, and the content that they lead to.

use std::borrow::Cow;
use std::ops::Range;

use grep_matcher::Captures;

use super::matches::{Found, Matches};
use super::patience::Patience;
use super::ranges::RangeEdit;
use super::replacement::{EncodedReplacement, no_such_character};
use super::text::{Text, decoded};
use super::{EditOptions, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::decode::{EncodingChoice, TextEncoding, binary_offset};
use crate::io::write::{Content, PIECE_BYTES};

/// What tells how a file is encoded lies within so many bytes.
const HEAD_BYTES: usize = 4;

/// What a cell of a table holds at most.
const MOST_CELL_BYTES: usize = i32::MAX as usize;
/// How much may be put in, as in every result that is handed over at once.
const MOST_NEW_BYTES: usize = 4 << 30;

/// The replacements in one file, from its start to its end.
pub(super) struct Edits<'r> {
    raw: &'r [u8],
    text: Text<'r>,
    encoding: TextEncoding,
    places: Vec<Place>,
    /// The new bytes of all of them, one behind the other.
    new: Vec<u8>,
    /// The same as text, where that is something else.
    new_text: Vec<u8>,
}

/// One of them: where it lies, and where its part of what is new ends.
struct Place {
    raw: Range<usize>,
    text: Range<usize>,
    new_end: usize,
    new_text_end: usize,
}

/// One of them as it is told.
pub(super) struct Edit<'e> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) matched: Cow<'e, str>,
    pub(super) replacement: Cow<'e, str>,
}

impl<'r> Edits<'r> {
    pub(super) fn find(
        raw: &'r [u8],
        rules: &Rules,
        options: &EditOptions,
        patience: &mut Patience<'_>,
    ) -> Result<Self> {
        FailPoint::Decoding.pass();
        let encoding = TextEncoding::detect(raw, options.encoding);
        let text = Text::of(raw, encoding, patience)?;
        if let (Some(at), false) = (binary_offset(text.bytes()), options.binary) {
            let at = text.raw_offset(at);
            let text = format!("path: a NUL at byte {at} makes the file a binary one; binary=\"search\" edits it");
            return Err(Error::new(ErrorKind::Argument, text));
        }
        let mut edits = Self { raw, text, encoding, places: Vec::new(), new: Vec::new(), new_text: Vec::new() };
        edits.find_all(rules, options.max_replacements, patience)?;
        if edits.differs() {
            edits.refuse_another_encoding(options.encoding)?;
            edits.refuse_another_text(patience)?;
        }
        Ok(edits)
    }

    /// The edits of these ranges, which follow each other and lie in the file.
    pub(super) fn of_ranges<T: AsRef<str>>(
        raw: &'r [u8],
        ranges: &[&RangeEdit<T>],
        choice: EncodingChoice,
        patience: &mut Patience<'_>,
    ) -> Result<Self> {
        let encoding = TextEncoding::detect(raw, choice);
        let text = Text::of(raw, encoding, patience)?;
        let mut edits = Self { raw, text, encoding, places: Vec::new(), new: Vec::new(), new_text: Vec::new() };
        let mut way = edits.text.way_from_raw();
        let mut places = Vec::with_capacity(ranges.len());
        for range in ranges {
            let offset = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX);
            let place = offset(range.start)..offset(range.end);
            patience.spend(place.len())?;
            let text = way.text_offset(place.start, encoding)?..way.text_offset(place.end, encoding)?;
            places.push((place, text));
        }
        for (range, (place, text)) in ranges.iter().zip(places) {
            let replacement = range.replacement.as_ref();
            edits.new.extend_from_slice(&encoding.encode(replacement).map_err(|c| no_such_character(c, encoding))?);
            if !encoding.is_utf8() {
                edits.new_text.extend_from_slice(replacement.as_bytes());
            }
            let (new_end, new_text_end) = (edits.new.len(), edits.new_text.len());
            edits.places.push(Place { raw: place, text, new_end, new_text_end });
        }
        if edits.differs() {
            edits.refuse_another_encoding(choice)?;
            edits.refuse_another_text(patience)?;
        }
        Ok(edits)
    }

    /// The file's text as it was.
    pub(super) fn text(&self) -> &[u8] {
        self.text.bytes()
    }

    /// The file's text with what is new.
    pub(super) fn new_content_as_text(&self) -> String {
        let was = self.text.bytes();
        let mut text = Vec::with_capacity(was.len());
        let mut from = 0;
        for (index, place) in self.places.iter().enumerate() {
            text.extend_from_slice(&was[from..place.text.start]);
            text.extend_from_slice(self.new_text(index));
            from = place.text.end;
        }
        text.extend_from_slice(&was[from..]);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn find_all(&mut self, rules: &Rules, most: Option<u64>, patience: &mut Patience<'_>) -> Result<()> {
        let replacements = encoded(rules, self.encoding)?;
        let utf8 = TextEncoding::detect(b"", EncodingChoice::Auto);
        let as_text = if self.encoding.is_utf8() { None } else { Some(encoded(rules, utf8)?) };
        let mut captures: Vec<_> = (0..rules.patterns.count())
            .map(|index| {
                rules.patterns.pattern(index).new_captures().filter(|_| rules.replacements[index].has_groups())
            })
            .collect();
        let mut matches = Matches::new(&rules.patterns, self.text.bytes());
        let mut left = most.unwrap_or(u64::MAX);
        // Of the match and its groups: where each lies in the file, and in the text.
        let mut groups: Vec<Option<(Range<usize>, Range<usize>)>> = Vec::new();
        while let Some(found) = if left > 0 { matches.next(patience)? } else { None } {
            left -= 1;
            let Found { pattern: index, range, text_end } = found;
            let place = self.text.raw_range(&range, self.encoding)?;
            groups.clear();
            groups.push(Some((place.clone(), range.clone())));
            if let Some(scratch) = &mut captures[index] {
                let searched = &self.text.bytes()[..text_end];
                patience.spend(searched.len() - range.start)?;
                let known = rules.patterns.pattern(index).captures(searched, range.start, scratch);
                for number in 1..scratch.len() {
                    let span = scratch.get(number).filter(|_| known).map(|group| group.start()..group.end());
                    let place = span.as_ref().map(|span| self.text.raw_range(span, self.encoding)).transpose()?;
                    groups.push(place.zip(span));
                }
            }
            let group = |group: usize| groups.get(group).and_then(Option::as_ref);
            let length = replacements[index].length(|at| group(at).map_or(0, |(place, _)| place.len()));
            if !make_room(&mut self.new, place.len().max(length), length) {
                return Err(too_much(self.places.len() + 1));
            }
            let raw = self.raw;
            replacements[index].expand(&mut self.new, |at| group(at).map_or(&[][..], |(place, _)| &raw[place.clone()]));
            if let Some(as_text) = &as_text {
                let text = self.text.bytes();
                as_text[index]
                    .expand(&mut self.new_text, |at| group(at).map_or(&[][..], |(_, range)| &text[range.clone()]));
            }
            let (new_end, new_text_end) = (self.new.len(), self.new_text.len());
            self.places.push(Place { raw: place, text: range, new_end, new_text_end });
        }
        Ok(())
    }

    /// What is done, from the file's start to its end.
    pub(super) fn iter(&self) -> impl Iterator<Item = Edit<'_>> {
        self.places.iter().enumerate().map(|(index, place)| Edit {
            start: place.raw.start,
            end: place.raw.end,
            matched: String::from_utf8_lossy(&self.text.bytes()[place.text.clone()]),
            replacement: String::from_utf8_lossy(self.new_text(index)),
        })
    }

    fn new_bytes(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.places[before].new_end);
        &self.new[start..self.places[index].new_end]
    }

    fn new_text(&self, index: usize) -> &[u8] {
        if self.encoding.is_utf8() {
            return self.new_bytes(index);
        }
        let start = index.checked_sub(1).map_or(0, |before| self.places[before].new_text_end);
        &self.new_text[start..self.places[index].new_text_end]
    }

    /// Whether the content becomes another one.
    pub(super) fn differs(&self) -> bool {
        let mut places = self.places.iter().enumerate();
        places.any(|(index, place)| self.raw[place.raw.clone()] != *self.new_bytes(index))
    }

    /// The new content: what stays and what is new, in turn.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.places.last().map_or(0, |place| place.raw.end);
        let mut from = 0;
        let edited = self.places.iter().enumerate().flat_map(move |(index, place)| {
            let kept = &self.raw[from..place.raw.start];
            from = place.raw.end;
            [kept, self.new_bytes(index)]
        });
        edited.chain([&self.raw[last..]])
    }

    /// A byte order mark decides how a file is read, so none may come about by chance.
    fn refuse_another_encoding(&self, choice: EncodingChoice) -> Result<()> {
        let head: Vec<u8> = self.parts().flatten().copied().take(HEAD_BYTES).collect();
        let (was, is) = (self.encoding.label(), TextEncoding::detect(&head, choice).label());
        if was == is {
            return Ok(());
        }
        let text = format!(
            "replacement: the file would begin with the byte order mark of {is}, and be read as such and no more as {was}; \
             leave its start alone"
        );
        Err(Error::new(ErrorKind::Argument, text))
    }

    /// In most encodings, bytes that are not valid may become something else by what comes to stand beside them: half of
    /// a code at the end of the file takes the first byte of what is put behind it.
    fn refuse_another_text(&self, patience: &mut Patience<'_>) -> Result<()> {
        if self.encoding.is_utf8() {
            return Ok(());
        }
        let mut skipped = self.encoding.bom_bytes();
        let body = self.parts().map(|part| {
            let behind = part.get(skipped..).unwrap_or_default();
            skipped -= part.len() - behind.len();
            behind
        });
        let text = decoded(body, self.encoding, patience)?;
        let (was, is) = (self.text.bytes(), text.text());
        let (mut from, mut at) = (0, 0);
        let mut goes_on = |expected: &[u8]| {
            let goes_on = is[at..].starts_with(expected);
            at += expected.len();
            goes_on
        };
        for (index, place) in self.places.iter().enumerate() {
            patience.spend(place.text.end - from)?;
            if !goes_on(&was[from..place.text.start]) || !goes_on(self.new_text(index)) {
                return Err(self.would_join(place.raw.start));
            }
            from = place.text.end;
        }
        let last = self.places.last().map_or(0, |place| place.raw.start);
        if goes_on(&was[from..]) && at == is.len() { Ok(()) } else { Err(self.would_join(last)) }
    }

    fn would_join(&self, near: usize) -> Error {
        let label = self.encoding.label();
        let text = format!(
            "replacement: near byte {near} the file holds bytes that are no whole code of {label}, which would be read \
             together with what comes to stand beside them; repair them first, or leave this place out of the pattern"
        );
        Error::new(ErrorKind::Argument, text)
    }
}

/// Groups make it easy to ask for more than any memory holds, and the end of that would be the process's.
fn make_room(new: &mut Vec<u8>, cell: usize, more: usize) -> bool {
    let fits = cell <= MOST_CELL_BYTES && new.len().saturating_add(more) <= MOST_NEW_BYTES;
    fits && new.try_reserve(more).is_ok()
}

fn too_much(number: usize) -> Error {
    let (one, all) = ((MOST_CELL_BYTES + 1) >> 30, MOST_NEW_BYTES >> 30);
    let text = format!(
        "replacement {number} would be above {one} GiB, or all together above {all} GiB or what memory there is; edit the \
         file in smaller steps, or write it anew with write_file_atomic"
    );
    Error::new(ErrorKind::Limit, text)
}

fn encoded(rules: &Rules, encoding: TextEncoding) -> Result<Vec<EncodedReplacement>> {
    rules.replacements.iter().map(|replacement| replacement.encoded(encoding)).collect()
}

impl Content for Edits<'_> {
    fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut piece = Cow::Borrowed(&[][..]);
        for part in self.parts().flat_map(|part| part.chunks(PIECE_BYTES)) {
            // Most parts are some bytes long, and each call of the system costs more than copying them.
            if piece.len() + part.len() > PIECE_BYTES {
                take(&piece)?;
                piece = Cow::Borrowed(part);
            } else if piece.is_empty() {
                piece = Cow::Borrowed(part);
            } else {
                piece.to_mut().extend_from_slice(part);
            }
        }
        if piece.is_empty() { Ok(()) } else { take(&piece) }
    }
}
