"""The columns of the tables, as their documentation tells them: name, type and meaning, each written down once.

The schema itself is the Rust core's; a test compares it with these lists. Rules for every column: text is valid UTF-8
(bytes that are not become U+FFFD, and the exact ones stand in a `*_bytes` column); counts, sizes, lines and offsets are
Int64; times are UTC in nanoseconds; labels are lower-case strings.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CHUNKS", "COVERAGE", "EVENTS", "FILES", "HITS", "REASON", "Column", "column_lines"]


class Column(NamedTuple):
    """One column as the documentation shows it."""

    name: str
    type: str
    meaning: str
    option: str | None = None


_PATH = (
    Column("path", "String", "the source as given, joined with the relative path by `/`; the key that tables join by"),
    Column("path_bytes", "Binary", "the exact bytes of `path`; null where it is UTF-8"),
    Column("relative_path", "String", "the path from its source"),
)

FILES = (
    *_PATH,
    Column("name", "String", "the last component"),
    Column("extension", "String", "of the name, without the dot; null if none"),
    Column("kind", "String", "file, dir, symlink, fifo, socket, block_device or char_device"),
    Column("size", "Int64", "bytes"),
    Column("allocated", "Int64", "bytes on disk"),
    Column("modified", "Datetime", "when the content changed"),
    Column("changed", "Datetime", "when the inode changed"),
    Column("accessed", "Datetime", "when it was last read, as far as the system keeps that"),
    Column("created", "Datetime", "null where the file system does not say"),
    Column("mode", "Int64", "type and permission bits; null on Windows, like the next three"),
    Column("uid", "Int64", "the owner's number"),
    Column("gid", "Int64", "the group's number"),
    Column("links", "Int64", "the number of hard links"),
    Column("inode", "UInt64", "the file's number on its device"),
    Column("device", "UInt64", "the device's number"),
    Column("depth", "Int64", "1 for what lies directly in the source; 0 for a source that is a file"),
    Column("hidden", "Boolean", "whether the name begins with a dot"),
    Column("strategy", "String", "how its content would be read: buffered, mmap or stream; null without content"),
    Column("error", "String", "why the entry could not be described or entered; null if it could"),
    Column("blake3", "String", "the content's hash in hexadecimal, of regular files", "blake3"),
    Column("observed", "Datetime", "when the scan began; null for what it did not reach", "observed"),
)

HITS = (
    *_PATH,
    Column("extension", "String", "of the file, without the dot; null if none"),
    Column("size", "Int64", "bytes of the file"),
    Column("modified", "Datetime", "when the file's content changed"),
    Column("line_number", "Int64", "1-based line in which the match starts"),
    Column("column_number", "Int64", "1-based, in characters"),
    Column("start_byte", "Int64", "0-based offset in the raw file"),
    Column("end_byte", "Int64", "where the match ends: `raw[start_byte:end_byte]` decodes to `matched`"),
    Column("matched", "String", "the matched text"),
    Column("line", "String", "the line or lines that hold it, without the final line terminator"),
    Column("line_truncated", "Boolean", "whether `line` was cut at `max_line_bytes`"),
    Column("pattern", "Int64", "which of the given patterns matched, 0-based; null with `invert_match`"),
    Column("captures", "List[Struct]", "name, text, start_byte and end_byte of each group", "captures"),
    Column("before", "List[String]", "the lines before", "context"),
    Column("after", "List[String]", "the lines after", "context"),
    Column("matched_bytes", "Binary", "exact bytes of `matched`, where it had to be repaired", "raw_bytes"),
    Column("line_bytes", "Binary", "exact bytes of `line`, where it had to be repaired", "raw_bytes"),
)

COVERAGE = (
    *_PATH,
    Column("kind", "String", "as in the files table"),
    Column("extension", "String", "of the name, without the dot; null if none"),
    Column("size", "Int64", "bytes"),
    Column("modified", "Datetime", "when the content changed"),
    Column(
        "status",
        "String",
        "searched, binary, too_large, unreadable, vanished, changed, limit or not_reached; "
        "with `include_ignored` also ignored or hidden",
    ),
    Column("hits", "Int64", "rows that the file has in the hits table"),
    Column("matched_lines", "Int64", "lines with a match"),
    Column("bytes_searched", "Int64", "bytes of its text that were searched"),
    Column("binary_offset", "Int64", "where its first NUL byte stands"),
    Column("encoding", "String", "what it was decoded from"),
    Column("strategy", "String", "how it was read: buffered, mmap or stream"),
    Column("excluded_by", "String", "the rule that left it out: file, line and text"),
    Column("error", "String", "what went wrong, or where it was cut"),
)

CHUNKS = (
    *_PATH,
    Column("extension", "String", "of the file, without the dot; null if none"),
    Column("size", "Int64", "bytes of the file"),
    Column("modified", "Datetime", "when the file's content changed"),
    Column("chunk", "Int64", "0-based number of the chunk in its file"),
    Column(
        "chunk_id",
        "String",
        "the BLAKE3 hash of `relative_path`, a NUL, `chunk` in 8 bytes (little-endian) and `text`, in hexadecimal",
    ),
    Column("text_blake3", "String", "the hash of `text` alone: the key of an embedding cache"),
    Column("text", "String", "the chunk, without the blank lines around it"),
    Column("start_byte", "Int64", "0-based offset in the raw file; null where the text does not stand there as it is"),
    Column("end_byte", "Int64", "where it ends: `raw[start_byte:end_byte]` decodes to `text`"),
    Column("start_line", "Int64", "1-based line of its first character; null likewise"),
    Column("end_line", "Int64", "1-based line of its last character; null likewise"),
    Column("language", "String", "what it was split as: python, markdown, ...; null for plain text"),
    Column("file_blake3", "String", "the hash of the file's content in hexadecimal"),
)

DIFFERENCES = (
    *_PATH,
    Column("old_path", "String", "the path before, of what was renamed"),
    Column("status", "String", "added, removed, modified, touched, renamed, unchanged or unknown"),
    Column("kind", "String", "as in the files table; of what was removed, what it was"),
    Column("size", "Int64", "bytes; of what was removed, when it was saved"),
    Column("modified", "Datetime", "when the content changed; likewise"),
    Column("blake3", "String", "the content's hash, where the saved table or this comparison knows it"),
    Column("error", "String", "why it could not be compared"),
)

REASON = Column("reason", "String", "what became of the path, and what would change it")
"""What `explain` adds to the coverage table."""

EVENTS = (
    Column("time", "Datetime", "when it was observed, the same for all rows of a frame"),
    Column("event", "String", "created, modified, removed, renamed or rescan"),
    *_PATH,
    Column("old_path", "String", "the path before, of what was renamed"),
    Column("kind", "String", "as in the files table; of what was removed, what it was"),
    Column("size", "Int64", "bytes; of what was removed, when it was last seen"),
    Column("modified", "Datetime", "when the content changed; likewise"),
)


def column_lines(columns: tuple[Column, ...]) -> list[str]:
    """The columns as lines of a docstring."""
    return [
        f"{column.name} ({column.type}): {column.meaning}"
        + (f"; with `{column.option}`." if column.option is not None else ".")
        for column in columns
    ]
