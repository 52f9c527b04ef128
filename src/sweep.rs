//! What killed writers left behind is removed.
//!
//! A writer holds its temporary file locked as long as it lives, so a file of that name which can be locked belongs to
//! nobody. The folders are walked like in every other scan: hidden ones too, no ignore rule counts, no link is followed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow_array::Array;
use arrow_array::cast::AsArray;

use crate::error::{Error, ErrorKind, Result};
use crate::io::content::Stopped;
use crate::io::root::{FileStatus, Root};
use crate::io::write::temp::{NAMES, Swept, remove_abandoned};
use crate::scan::{DescribeOptions, Operation, ScanOptions, ScanRequest, Selection, SourceSpec, Step};
use crate::search::FilterOptions;
use crate::table::{Layout, Table};

/// How long the scan is waited for between two looks at the caller's wish to stop.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Removes the temporary files below `root`, a path from `within`, that no writer holds and that nobody has changed for `older_than`; returns
/// their paths, in order.
///
/// # Errors
/// What [`ScanRequest::start`] says of the root; [`ErrorKind::Io`] after everything that could be removed was, if
/// something could not be removed or looked into; [`ErrorKind::Cancelled`] if `stopped` says so.
pub fn sweep_temp_files(
    within: &Root,
    root: &[u8],
    older_than: Duration,
    stopped: Stopped<'_>,
) -> Result<Vec<Vec<u8>>> {
    let options = ScanOptions {
        sources: vec![SourceSpec { path: root.to_vec(), may_be_glob: false }],
        filter: FilterOptions {
            include: vec![NAMES.to_owned()],
            include_hidden: true,
            respect_ignore: false,
            ..FilterOptions::default()
        },
        within: within.clone(),
        ..ScanOptions::default()
    };
    let request = ScanRequest::new(options, Operation::Describe(DescribeOptions::default()))?;
    let columns = ["path", "path_bytes", "kind", "error"].map(str::to_owned);
    let projection = request.projection(Table::Files, Layout::default()).narrowed(&columns)?;
    let mut scan = request.start(&Selection { tables: vec![projection], n_rows: None, mask_columns: None })?;
    let mut sweep = Sweep { root: within, older_than, removed: Vec::new(), problems: 0, first_problem: None };
    loop {
        let step = scan.next(LOOK_EVERY)?;
        if stopped() {
            let text = format!("cancelled after {} temporary files were removed", sweep.removed.len());
            return Err(Error::new(ErrorKind::Cancelled, text).with_path(root));
        }
        match step {
            Step::Batch(_, batch) => {
                let [paths, exact, kinds, errors] =
                    [0, 1, 2, 3].map(|column| std::sync::Arc::clone(batch.column(column)));
                for row in 0..batch.num_rows() {
                    let path = if exact.is_null(row) {
                        paths.as_string_view().value(row).as_bytes()
                    } else {
                        exact.as_binary_view().value(row)
                    };
                    if errors.is_valid(row) {
                        sweep.add_problem(path, errors.as_string_view().value(row));
                    } else if kinds.is_valid(row) && kinds.as_string_view().value(row) == "file" {
                        sweep.try_remove(path);
                    }
                }
            }
            Step::End => return sweep.outcome(root),
            Step::Idle | Step::Mask(_) | Step::Extract(_) => {}
        }
    }
}

struct Sweep<'a> {
    root: &'a Root,
    older_than: Duration,
    removed: Vec<Vec<u8>>,
    problems: usize,
    first_problem: Option<String>,
}

impl Sweep<'_> {
    fn try_remove(&mut self, path: &[u8]) {
        let older_than = self.older_than;
        match remove_abandoned(self.root, path, &|status| is_older(status, older_than)) {
            Ok(Swept::Removed) => self.removed.push(path.to_vec()),
            Ok(Swept::Left) => {}
            Err(error) => self.add_problem(path, &Error::io("remove", path, error).row_text()),
        }
    }

    fn add_problem(&mut self, path: &[u8], text: &str) {
        self.problems += 1;
        self.first_problem.get_or_insert_with(|| format!("{}: {text}", String::from_utf8_lossy(path)));
    }

    fn outcome(self, root: &[u8]) -> Result<Vec<Vec<u8>>> {
        let Some(first) = self.first_problem else { return Ok(self.removed) };
        let (removed, problems) = (self.removed.len(), self.problems);
        let text =
            format!("{removed} temporary files were removed, but {problems} places were not swept, such as {first}");
        Err(Error::new(ErrorKind::Io, text).with_path(root))
    }
}

/// Its writer's last sign of life is long ago. A time to come is one of another machine's clock, and no sign of age.
fn is_older(status: &FileStatus, than: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let changed = status.last_change();
    let changed = Duration::new(u64::try_from(changed.seconds).unwrap_or(0), changed.nanos);
    than.is_zero() || now.checked_sub(changed).is_some_and(|age| age >= than)
}
