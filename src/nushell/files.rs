//! `vfo files`: what lies below a folder.

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, PipelineData, Signature};

use super::asked::Asked;
use super::command::Command;
use super::flags::{Given, add_output, add_walk};
use crate::scan::{DescribeOptions, Operation};
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "kind", "size", "modified"];

/// The command.
pub const FILES: Command = Command {
    name: "vfo files",
    description: "List what lies below a folder, one row an entry.",
    more: "Ignore files and hidden names are obeyed as by ripgrep; an entry that could not be described has its reason in the column error.",
    search_terms: &["ls", "find", "fd", "glob", "du"],
    sources: "folders, files or globs (default: the current folder)",
    flags,
    examples: &[
        ("The largest files", "vfo files | where kind == file | sort-by size --reverse | first 3"),
        ("How many Python files there are", "vfo files --types py | length"),
        (
            "Files by extension; nothing is asked of the disk but names",
            "vfo files src --columns [path extension] | group-by extension --to-table | update items { length }",
        ),
        (
            "Files with the same content",
            "vfo files --blake3 | where kind == file | group-by blake3 --to-table | where ($it.items | length) > 1",
        ),
    ],
    run,
};

fn flags(signature: Signature) -> Signature {
    add_output(add_walk(signature.switch("blake3", "the hash of each file's content", Some('b'))))
}

fn run(engine: &EngineInterface, call: &EvaluatedCall, input: PipelineData) -> Result<PipelineData, LabeledError> {
    let asked = Asked { engine, call, table: Table::Files, columns: COLUMNS, only_files: false };
    let sources = asked.sources_or_folder(0, input)?;
    let describe = DescribeOptions { blake3: Given(call).flag("blake3")?, observed: false };
    asked.answer(asked.options()?, Operation::Describe(describe), &sources)
}
