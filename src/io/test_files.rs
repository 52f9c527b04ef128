//! What tests do to files, on every system.

use std::fs::File;
use std::io;
use std::path::Path;

/// Writes at a place of a file, by one call.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> usize {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, bytes, offset).unwrap();
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, bytes, offset).unwrap();
}

/// The reading end of a pipe as a file, and the writing end.
pub fn pipe() -> (File, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    #[cfg(unix)]
    let reader: std::os::fd::OwnedFd = reader.into();
    #[cfg(windows)]
    let reader: std::os::windows::io::OwnedHandle = reader.into();
    (reader.into(), writer)
}

/// Makes a symbolic link; on Windows one to a file.
pub fn symlink(target: &str, link: &Path) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, link).unwrap();
    #[cfg(windows)]
    std::os::windows::fs::symlink_file(target, link).unwrap();
}

/// Makes a named pipe, which Windows has none of in its folders.
#[cfg_attr(windows, allow(dead_code))]
pub fn fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}
