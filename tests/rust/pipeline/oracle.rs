//! The same answers by the simplest means: a recursive walk, sorted, and a search byte by byte.

use std::path::Path;

use vespera_file_ops::io::root::path_bytes::{of_name, to_path};

/// An entry as the oracle sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path from the source, repaired as the tables show it.
    pub relative: String,
    /// Its path from the source, exactly.
    pub exact: Vec<u8>,
    /// Whether it is a folder, a link or a file.
    pub kind: &'static str,
    /// Its depth.
    pub depth: u64,
}

/// Every entry below `root` that is not hidden, a folder before its contents, names in byte order. No link is followed.
pub fn walk(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    below(root, &mut Vec::new(), 1, &mut found);
    found
}

fn below(folder: &Path, relative: &mut Vec<u8>, depth: u64, found: &mut Vec<Found>) {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_by(|a, b| of_name(a).cmp(&of_name(b)));
    for name in names.iter().filter(|name| of_name(name)[0] != b'.') {
        let path = folder.join(name);
        let kind = path.symlink_metadata().unwrap().file_type();
        let kind = if kind.is_dir() {
            "dir"
        } else if kind.is_symlink() {
            "symlink"
        } else {
            "file"
        };
        let length = relative.len();
        relative.extend_from_slice(&of_name(name));
        let shown = String::from_utf8_lossy(relative).into_owned();
        found.push(Found { relative: shown, exact: relative.clone(), kind, depth });
        if kind == "dir" {
            relative.push(b'/');
            below(&path, relative, depth + 1, found);
        }
        relative.truncate(length);
    }
}

/// The files among them.
pub fn files(root: &Path) -> Vec<Found> {
    walk(root).into_iter().filter(|found| found.kind == "file").collect()
}

/// Where `needle` lies in a file: line and offset. A file with a NUL has no hits.
pub fn hits_in(content: &[u8], needle: &[u8]) -> Vec<(u64, u64)> {
    let mut hits = Vec::new();
    if content.contains(&0) {
        return hits;
    }
    let (mut at, mut line) = (0, 1);
    while at < content.len() {
        if content[at..].starts_with(needle) {
            hits.push((line, at as u64));
            at += needle.len();
        } else {
            line += u64::from(content[at] == b'\n');
            at += 1;
        }
    }
    hits
}

/// A path from its source, and how many hits the file has.
pub type HitCount = (String, u64);

/// The hits of a tree as rows of relative path, line and offset; and how many each file has.
pub fn hits(root: &Path) -> (Vec<Vec<String>>, Vec<HitCount>) {
    let (mut rows, mut counts) = (Vec::new(), Vec::new());
    for found in files(root) {
        let content = std::fs::read(root.join(to_path(&found.exact).unwrap())).unwrap();
        let hits = hits_in(&content, b"needle");
        counts.push((found.relative.clone(), hits.len() as u64));
        rows.extend(
            hits.iter().map(|(line, offset)| vec![found.relative.clone(), line.to_string(), offset.to_string()]),
        );
    }
    (rows, counts)
}
