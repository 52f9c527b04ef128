//! Ranges of files are replaced, as a table of edits gives them: each file once, whole or not at all.

use similar::TextDiff;

use super::edits::Edits;
use super::opened::{Bounds, OpenedFile};
use super::patience::Patience;
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::Stopped;
use crate::io::decode::EncodingChoice;
use crate::io::hash::Blake3;
use crate::io::root::{FileStatus, Root};

/// How long a diff may look for the fewest lines; then it takes what it has, which is right but longer.
const DIFF_TIME: std::time::Duration = std::time::Duration::from_secs(1);

/// One range of a file, and the text that takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeEdit<T> {
    /// Where it begins in the raw file.
    pub start: u64,
    /// Where it ends there.
    pub end: u64,
    /// What stands there then, in the file's encoding.
    pub replacement: T,
    /// What stood there when it was found.
    pub matched: Option<T>,
}

/// What a file was like when it was searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Searched {
    /// Its size in bytes.
    pub size: Option<u64>,
    /// When its content had changed, in nanoseconds since 1970,
    pub modified: Option<i64>,
    /// and in steps of how many it is told.
    pub step: i64,
}

/// The edits of one file, in any order. Of those at one place the first comes first.
#[derive(Debug)]
pub struct FileEdits<T> {
    /// The file.
    pub path: Vec<u8>,
    /// What it must hold.
    pub expected: Option<Blake3>,
    /// What it must be like, as far as that is known.
    pub searched: Option<Searched>,
    /// What is replaced.
    pub edits: Vec<RangeEdit<T>>,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Whether it was written; else the edits change nothing, or were only tried.
    pub written: bool,
    /// Whether the edits change anything.
    pub differs: bool,
    /// The hash of what the file holds now.
    pub blake3: Blake3,
    /// What the edits do, as a unified diff, if it was asked for.
    pub diff: Option<String>,
}

/// Replaces the ranges of a file; `diff` asks for a unified diff of it.
///
/// # Errors
/// As [`super::replace_in_file`]; [`ErrorKind::Conflict`] if the file is not what it was; [`ErrorKind::Argument`] for ranges that overlap, do not lie in the file, or begin or end
/// inside of a character.
pub fn apply_edits<T: AsRef<str>>(
    root: &Root,
    file: &FileEdits<T>,
    bounds: &Bounds,
    diff: bool,
    stopped: Stopped<'_>,
) -> Result<Applied> {
    let path = file.path.as_slice();
    let bounds = Bounds { expected: file.expected, ..*bounds };
    let opened = OpenedFile::open(root, path, &bounds, stopped)?;
    let mut patience = Patience::new(stopped);
    let mut ranges: Vec<_> = file.edits.iter().collect();
    ranges.sort_by_key(|edit| (edit.start, edit.end));
    let length = opened.raw.len() as u64;
    if let Some(searched) = file.searched {
        searched.ensure_same(length, &opened.status).map_err(|error| error.with_path(path))?;
    }
    ensure_apart(&ranges, length).map_err(|error| error.with_path(path))?;
    let edits = Edits::of_ranges(&opened.raw, &ranges, EncodingChoice::Auto, &mut patience);
    let edits = edits.map_err(|error| error.with_path(path))?;
    for (edit, found) in ranges.iter().zip(edits.iter()) {
        patience.spend(found.matched.len()).map_err(|error| error.with_path(path))?;
        if edit.matched.as_ref().is_some_and(|matched| matched.as_ref() != found.matched) {
            let text = format!("bytes {} to {} hold something else than when they were found", edit.start, edit.end);
            return Err(changed_since(&text).with_path(path));
        }
    }
    let diff = diff.then(|| unified_diff(path, &edits));
    let written = opened.write(&edits, &bounds, stopped)?;
    Ok(Applied { written: written.is_some(), differs: edits.differs(), blake3: written.unwrap_or(opened.hash), diff })
}

impl Searched {
    fn ensure_same(&self, size: u64, status: &FileStatus) -> Result<()> {
        if self.size.is_some_and(|before| before != size) {
            return Err(changed_since(&format!("it has {size} bytes now, and had {}", self.size.unwrap_or_default())));
        }
        let now = status.modified.as_nanoseconds().map(|now| now.div_euclid(self.step.max(1)));
        let before = self.modified.map(|before| before.div_euclid(self.step.max(1)));
        if before.is_some() && now != before {
            return Err(changed_since("its content has another time"));
        }
        Ok(())
    }
}

fn changed_since(what: &str) -> Error {
    let text = format!("the file has changed since it was searched: {what}; search it again");
    Error::new(ErrorKind::Conflict, text)
}

/// Refuses ranges that overlap, or do not lie in the file.
fn ensure_apart<T>(ranges: &[&RangeEdit<T>], length: u64) -> Result<()> {
    let refuse = |text: String| Err(Error::new(ErrorKind::Argument, text));
    let mut before = 0..0;
    for RangeEdit { start, end, .. } in ranges {
        if start > end {
            return refuse(format!("end_byte: an edit ends at byte {end}, before it starts at {start}"));
        }
        if *end > length {
            return refuse(format!("end_byte: an edit ends at byte {end}, and the file has {length}; search it again"));
        }
        if *start < before.end {
            let std::ops::Range { start: other, end: other_end } = before;
            return refuse(format!(
                "start_byte: the edits of bytes {other} to {other_end} and {start} to {end} overlap; drop one of them"
            ));
        }
        before = *start..*end;
    }
    Ok(())
}

fn unified_diff(path: &[u8], edits: &Edits<'_>) -> String {
    let path = String::from_utf8_lossy(path);
    let (was, is) = (String::from_utf8_lossy(edits.text()), edits.new_content_as_text());
    let diff = TextDiff::configure().timeout(DIFF_TIME).diff_lines(&*was, &is);
    diff.unified_diff().header(&path, &path).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: u64, end: u64) -> RangeEdit<&'static str> {
        RangeEdit { start, end, replacement: "", matched: None }
    }

    fn refused(ranges: &[RangeEdit<&str>]) -> Option<String> {
        ensure_apart(&ranges.iter().collect::<Vec<_>>(), 10).err().map(|error| error.to_string())
    }

    #[test]
    fn ranges_that_touch_are_apart() {
        assert_eq!(refused(&[edit(0, 3), edit(3, 3), edit(3, 5), edit(10, 10)]), None);
    }

    #[test]
    fn others_are_refused_with_their_bytes() {
        assert!(refused(&[edit(0, 4), edit(3, 5)]).unwrap().contains("0 to 4 and 3 to 5 overlap"));
        assert!(refused(&[edit(5, 4)]).unwrap().contains("ends at byte 4, before it starts at 5"));
        assert!(refused(&[edit(5, 11)]).unwrap().contains("the file has 10"));
    }
}
