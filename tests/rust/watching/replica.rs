//! A copy of a tree that is kept by nothing but a watcher's events, to be compared with what a scan says.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, RecordBatch};
use vespera_file_ops::io::root::path_bytes::of_path;
use vespera_file_ops::scan::ScanOptions;
use vespera_file_ops::table::Table;
use vespera_file_ops::{Watch, WatchRequest, WatchStep};

use crate::pipeline::run;

/// So long nothing may have come for a copy to be taken for complete. Wine hands on what happens when it has the time.
const QUIET: Duration = Duration::from_millis(if cfg!(windows) { 1000 } else { 250 });

/// So long it may take until a copy is complete.
const PATIENCE: Duration = Duration::from_secs(if cfg!(windows) { 120 } else { 20 });

/// The columns that tables of files and of events share, of which a copy is made.
const SHARED: [&str; 5] = ["path", "path_bytes", "kind", "size", "modified"];

/// A row by its path, which is unique with its bytes.
type Rows = BTreeMap<Vec<String>, Vec<String>>;

/// A change: the event, its path, and the path before it; paths are relative to the folder of the test.
pub type Told = (String, String, String);

/// The rows of a scan, brought up to date by events.
pub struct Replica {
    pub watch: Watch,
    options: ScanOptions,
    /// What all paths begin with.
    front: String,
    rows: Rows,
    told: Vec<Told>,
}

/// What a scan says now, but for what is no entry of the tree.
fn truth(options: &ScanOptions) -> Rows {
    let rows = run::run(&run::describe(options), &[Table::Files]).rows(Table::Files, &SHARED);
    rows.into_iter().filter(|row| !row[3].is_empty()).map(|row| (row[..2].to_vec(), row[2..].to_vec())).collect()
}

impl Replica {
    /// Watch what these options scan.
    pub fn of(options: ScanOptions, folder: &Path) -> Self {
        let options = ScanOptions { sources_are_list: true, ..options };
        let asked =
            WatchRequest { scan: options.clone(), debounce: Duration::from_millis(20), initial: false, cancel: None };
        let watch = Watch::start(asked).unwrap();
        let began = Instant::now();
        while !watch.wait_started(Duration::from_millis(100)).unwrap() {
            assert!(began.elapsed() < PATIENCE, "the watcher does not start");
        }
        let rows = truth(&options);
        let front = format!("{}/", String::from_utf8(of_path(folder)).unwrap());
        Self { watch, options, front, rows, told: Vec::new() }
    }

    /// Watch a folder.
    pub fn at(folder: &Path) -> Self {
        Self::of(run::at(folder), folder)
    }

    /// Take what has changed within this time; whether anything has.
    pub fn take(&mut self, time_box: Duration) -> bool {
        match self.watch.next(time_box).unwrap() {
            WatchStep::Batch(batches) => {
                self.apply(&batches);
                true
            }
            WatchStep::Idle => false,
            WatchStep::End => panic!("the watcher has ended"),
        }
    }

    fn apply(&mut self, batches: &[RecordBatch]) {
        let mut came = Vec::new();
        for batch in batches {
            for row in 0..batch.num_rows() {
                let cell = |name: &str| run::text(batch.column_by_name(name).unwrap() as &ArrayRef, row);
                let (event, old) = (cell("event"), cell("old_path"));
                let mut row: Vec<String> = SHARED.iter().map(|name| cell(name)).collect();
                let path = |path: &str| path.strip_prefix(self.front.as_str()).unwrap_or(path).to_owned();
                self.told.push((event.clone(), path(&row[0]), path(&old)));
                let rest = row.split_off(2);
                match event.as_str() {
                    "rescan" => continue,
                    "removed" => _ = self.rows.remove(&row).unwrap_or_else(|| panic!("{row:?} was never there")),
                    "renamed" => _ = self.rows.remove([old, String::new()].as_slice()),
                    _ => {}
                }
                if event != "removed" {
                    came.push((row, rest));
                }
            }
        }
        // What went is taken out first: names may have been swapped.
        self.rows.extend(came);
    }

    /// Take what changes until the copy is the tree; the changes since the last time.
    pub fn converge(&mut self) -> Vec<Told> {
        let began = Instant::now();
        loop {
            let now = truth(&self.options);
            if now == self.rows && !self.take(QUIET) && truth(&self.options) == self.rows {
                return std::mem::take(&mut self.told);
            }
            if began.elapsed() > PATIENCE {
                let wrong: Vec<_> = now.iter().filter(|(path, row)| self.rows.get(*path) != Some(row)).collect();
                let extra: Vec<_> = self.rows.iter().filter(|(path, _)| !now.contains_key(*path)).collect();
                panic!("not the tree: wrong or missing {wrong:?}, extra {extra:?}, told {:?}", self.told);
            }
            self.take(Duration::from_millis(50));
        }
    }

    /// The same, but for changes of folders in which something came or went.
    pub fn changes(&mut self) -> Vec<(String, String)> {
        let told = self.converge();
        let is_folder = |path: &str| Path::new(&format!("{}{path}", self.front)).is_dir();
        let told = told.into_iter().filter(|(event, path, _)| !(event == "modified" && is_folder(path)));
        told.map(|(event, path, _)| (event, path)).collect()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.watch.close();
        if cfg!(windows) {
            // Its folder is removed next, and the system's watch ends a little later. Wine takes a folder of another test,
            // made in between with the number of a removed one, for that one.
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// A change to compare with.
pub fn change(event: &str, path: &str) -> (String, String) {
    (event.to_owned(), path.to_owned())
}
