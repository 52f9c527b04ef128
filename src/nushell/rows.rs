//! A running scan as a stream of records.

use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use nu_protocol::{LabeledError, Signals, Span, Value};

use super::values::{Column, record};
use crate::error::{Error, Result};
use crate::scan::{Scan, Step};
use crate::table::{Status, Table};

/// What may pass between an interrupt and its effect.
const TIME_BOX: Duration = Duration::from_millis(25);

/// So many sources are named in a note.
const MOST_NAMED: usize = 3;

/// The records of one scan. Dropping it stops the workers.
pub struct Rows {
    scan: Scan,
    table: Table,
    columns: Vec<Column>,
    batch: Option<(RecordBatch, usize)>,
    signals: Signals,
    head: Span,
    is_over: bool,
}

impl Rows {
    /// The rows of this table of a scan that has just been started.
    pub fn new(scan: Scan, table: Table, columns: Vec<Column>, signals: Signals, head: Span) -> Self {
        Self { scan, table, columns, batch: None, signals, head, is_over: false }
    }

    fn next_row(&mut self) -> Option<Value> {
        let (batch, row) = self.batch.as_mut()?;
        if *row == batch.num_rows() {
            self.batch = None;
            return None;
        }
        let value = record(&self.columns, batch, *row, self.head);
        *row += 1;
        Some(value)
    }

    fn end(&mut self) {
        self.is_over = true;
        if !self.signals.interrupted() {
            tell_what_is_missing(&self.scan, self.table);
        }
        self.scan.close();
    }
}

impl Iterator for Rows {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        while !self.is_over {
            if let Some(row) = self.next_row() {
                return Some(row);
            }
            if self.signals.interrupted() {
                self.end();
                break;
            }
            match next_batch(&mut self.scan) {
                Ok(Next::Batch(batch)) => self.batch = Some((batch, 0)),
                Ok(Next::Nothing) => {}
                Ok(Next::End) => self.end(),
                Err(error) => {
                    self.is_over = true;
                    let error = LabeledError::new(error.to_string()).with_label("failed meanwhile", self.head);
                    return Some(Value::error(error.into(), self.head));
                }
            }
        }
        None
    }
}

/// What a scan has within the time box.
pub enum Next {
    /// Rows.
    Batch(RecordBatch),
    /// No rows yet.
    Nothing,
    /// No more rows.
    End,
}

/// The next rows. Entries that wait to be told whether they pass do so if they have a content, or if something is wrong
/// with them: a folder is a row there only if it could not be listed, and what is missing has no kind.
///
/// # Errors
/// As [`Scan::next`].
pub fn next_batch(scan: &mut Scan) -> Result<Next> {
    match scan.next(TIME_BOX)? {
        Step::Batch(_, batch) => return Ok(Next::Batch(batch)),
        Step::End => return Ok(Next::End),
        Step::Mask(request) => {
            let kinds = request.rows.column(0).as_string_view();
            let passes = kinds.iter().map(|kind| matches!(kind, None | Some("file" | "dir"))).collect();
            scan.answer(request, passes)?;
        }
        Step::Extract(request) => {
            scan.answer_extraction(&request, Err("nothing extracts text in Nushell".to_owned()));
        }
        Step::Idle => {}
    }
    Ok(Next::Nothing)
}

/// A stream has no place for a ledger, so what is missing in it is said beside it.
pub fn tell_what_is_missing(scan: &Scan, table: Table) {
    let summary = scan.summary();
    let among = sources_among(scan.unusable_sources());
    if table == Table::Files && summary.errors > 0 {
        let (what, have) = if summary.errors == 1 { ("entry", "its row has") } else { ("entries", "their rows have") };
        let count = summary.errors;
        eprintln!("vfo: {count} {what} could not be described or entered{among}; {have} an error (--long shows it)");
    }
    if table == Table::Files || table == Table::Coverage || summary.is_complete() {
        return;
    }
    let missed = [
        (Status::Unreadable, "unreadable"),
        (Status::Vanished, "gone before they were read"),
        (Status::Changed, "changed while they were read"),
        (Status::TooLarge, "too large"),
        (Status::NotReached, "not reached"),
    ];
    let parts: Vec<String> = missed
        .into_iter()
        .filter(|(status, _)| summary.of(*status) > 0)
        .map(|(status, text)| format!("{} {text}", summary.of(status)))
        .collect();
    if !parts.is_empty() {
        eprintln!("vfo: not everything was read: {}{among}; `vfo coverage` names each file", parts.join(", "));
    }
}

/// The first of the sources that are among what is missing: a pipeline's are nowhere to be seen.
fn sources_among(unusable: &[Error]) -> String {
    if unusable.is_empty() {
        return String::new();
    }
    let named = unusable.iter().take(MOST_NAMED).filter_map(Error::path);
    // What acts on a terminal must not do so from here.
    let named: Vec<String> =
        named.map(|path| String::from_utf8_lossy(path).replace(char::is_control, "\u{fffd}")).collect();
    let more = unusable.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let sources = if unusable.len() == 1 { "source" } else { "sources" };
    format!(", the {sources} {}{more} among them", named.join(", "))
}
