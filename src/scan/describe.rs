//! The operation behind the files table: every entry becomes a row.

use std::ops::ControlFlow;

use super::control::{Control, Reach};
use super::summary::Summary;
use super::worker::{Describe, Item, Operate, Outbox, Output, each_entry};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::content::{ContentReader, Readable};
use crate::io::counters;
use crate::io::hash::{blake3_of, hash_hex};
use crate::io::root::{AsHandle, FileKind, FileStatus};
use crate::io::strategy::Thresholds;
use crate::search::walk::{Note, Role};
use crate::table::{FileRow, FilesBuilder, Projection, Status, Table};

/// Describes entries.
pub struct DescribeOperation {
    builder: FilesBuilder,
    needs_status: bool,
    follow: bool,
    max_file_size: Option<u64>,
    hasher: Option<ContentReader>,
    summary: Summary,
}

impl DescribeOperation {
    /// One worker's part of the operation.
    #[must_use]
    pub fn new(projection: &Projection, thresholds: Thresholds, follow: bool, max_file_size: Option<u64>) -> Self {
        Self {
            builder: FilesBuilder::new(projection, thresholds),
            // The error column tells what the description met, so it needs one where other columns do.
            needs_status: projection.needs_status() || max_file_size.is_some(),
            follow,
            max_file_size,
            hasher: projection.has("blake3").then(|| ContentReader::new(thresholds)),
            summary: Summary::default(),
        }
    }

    /// The scan stopped before this entry: a row that says so, because the files table has no ledger beside it.
    fn push_unreached(&mut self, item: &Item<'_>, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        self.summary.count(Status::NotReached);
        let path = item.listing.path(item.entry);
        self.builder.push(&FileRow {
            path,
            kind: item.entry.kind,
            status: None,
            depth: item.listing.depth(item.entry),
            hidden: is_hidden(path.name),
            error: Some("not reached: the scan was stopped before it"),
            blake3: None,
            observed: None,
        });
        self.flush_if_full(outbox)
    }

    fn flush_if_full(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let is_full = outbox.batch_limit().is_reached(self.builder.rows(), self.builder.bytes());
        if is_full { self.flush(outbox) } else { Ok(ControlFlow::Continue(())) }
    }

    fn flush(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let summary = std::mem::take(&mut self.summary);
        let mut batches = Vec::new();
        if self.builder.rows() > 0 {
            batches.push((Table::Files, self.builder.finish()?));
        }
        if batches.is_empty() && summary == Summary::default() {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(outbox.send(Output { batches, summary }))
    }
}

/// Whether a name is hidden.
pub(crate) fn is_hidden(name: &[u8]) -> bool {
    name.first() == Some(&b'.') && name != b"." && name != b".."
}

/// The status of an entry, if it can be had.
pub(super) fn status_of_entry(item: &Item<'_>, follow: bool) -> Result<FileStatus> {
    if item.entry.role == Role::Own {
        let gone = || Error::new(ErrorKind::Io, "cannot describe folder");
        return item.listing.own_status.ok_or_else(gone);
    }
    if let Some(status) = item.listing.status(item.entry) {
        return Ok(*status);
    }
    let folder = item.folder().map_err(Clone::clone)?;
    counters::FILES_DESCRIBED.add(1);
    // What the caller names is followed, unless it was to be described as the link that it is.
    let follow = follow || item.listing.named;
    let follow = follow && item.entry.kind != FileKind::Symlink;
    let status = item.listing.ask_status(item.entry, folder, follow);
    status.map_err(|error| Error::io("describe", item.listing.name(item.entry), error))
}

impl Operate for DescribeOperation {
    fn begin(&mut self, _control: &Control, _exact_hits: Option<u64>) {}

    fn work(&mut self, item: &Item<'_>, control: &Control, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        if item.reach != Reach::Full || item.listing.unreached {
            return self.push_unreached(item, outbox);
        }
        let entry = item.entry;
        let path = item.listing.path(entry);
        let mut kind = entry.kind;
        let mut failure = match (item.listing.note(entry), entry.role) {
            (Some(Note::Failed(error)), _) => Some(error.clone()),
            (_, Role::Own) => item.listing.error.clone(),
            _ => None,
        };
        let mut status = None;
        if self.needs_status && kind != FileKind::Unknown {
            match status_of_entry(item, self.follow) {
                Ok(found) => {
                    kind = if entry.role == Role::Own { kind } else { found.kind };
                    status = Some(found);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let too_large = self.max_file_size.zip(status.as_ref()).is_some_and(|(most, status)| status.size > most);
        if too_large && kind == FileKind::File && failure.is_none() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut hash = None;
        if let (Some(hasher), FileKind::File, None) = (&mut self.hasher, kind, &failure) {
            let hashed = item.folder().map_err(Clone::clone).and_then(|folder| {
                counters::FILES_OPENED.add(1);
                let file = item.listing.open_content(entry, folder, self.follow || item.listing.named);
                let file = file.map_err(|error| Error::io("open", path.name, error))?;
                let stopped = || !matches!(control.reach(), Reach::Full);
                let file = Readable::new(file.as_handle(), item.listing.folder.short_read_is_end);
                blake3_of(hasher, file, path.name, &stopped)
            });
            match hashed {
                Ok(bytes) => hash = Some(hash_hex(&bytes)),
                Err(error) if error.kind() == ErrorKind::Cancelled => return self.push_unreached(item, outbox),
                Err(error) => failure = Some(error),
            }
        }
        let error = failure.map(|error| error.row_text());
        self.summary.errors += u64::from(error.is_some());
        control.files.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.builder.push(&FileRow {
            path,
            kind,
            status: status.as_ref(),
            depth: item.listing.depth(entry),
            hidden: is_hidden(path.name),
            error: error.as_deref(),
            blake3: hash.as_deref(),
            observed: Some(control.began),
        });
        self.flush_if_full(outbox)
    }

    fn finish(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        self.flush(outbox)
    }
}

/// Describes the entries of a span by their file-level columns, one row an entry, for the caller's predicate.
#[must_use]
pub fn describe_for_mask(projection: &Projection, thresholds: Thresholds, follow: bool) -> Describe {
    let mut builder = FilesBuilder::new(projection, thresholds);
    let needs_status = projection.needs_status();
    Box::new(move |runs| {
        FailPoint::Mask.pass();
        let _ = each_entry(
            runs,
            None,
            || Reach::Full,
            |item| {
                let status = needs_status.then(|| status_of_entry(item, follow).ok()).flatten();
                builder.push(&FileRow {
                    path: item.listing.path(item.entry),
                    kind: item.entry.kind,
                    status: status.as_ref(),
                    depth: item.listing.depth(item.entry),
                    hidden: is_hidden(item.listing.path(item.entry).name),
                    error: None,
                    blake3: None,
                    observed: None,
                });
                ControlFlow::Continue(())
            },
        );
        builder.finish()
    })
}
