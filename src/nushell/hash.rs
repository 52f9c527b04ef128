//! `vfo hash`: the BLAKE3 hash of files.

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, PipelineData, Signature};

use super::asked::Asked;
use super::command::Command;
use super::flags::{add_output, add_walk};
use crate::scan::{DescribeOptions, Operation};
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "size", "error"];

/// The command.
pub const HASH: Command = Command {
    name: "vfo hash",
    description: "Hash the contents of files with BLAKE3, one row a file.",
    more: "Of a folder, all files below it. The hash is that of `b3sum`.",
    search_terms: &["b3sum", "checksum", "blake3", "digest"],
    sources: "files, or folders for all files below",
    flags,
    examples: &[
        ("The hash of a file", "vfo hash src/app.py | get 0.blake3"),
        ("Of the files that another command names", "ls src | vfo hash | select path blake3"),
        ("Files with the same content", "vfo hash src | group-by blake3 --to-table | where ($it.items | length) > 1"),
    ],
    run,
};

fn flags(signature: Signature) -> Signature {
    add_output(add_walk(signature))
}

fn run(engine: &EngineInterface, call: &EvaluatedCall, input: PipelineData) -> Result<PipelineData, LabeledError> {
    let asked = Asked { engine, call, table: Table::Files, columns: COLUMNS, only_files: true };
    let sources = asked.sources(input)?;
    let describe = DescribeOptions { blake3: true, observed: false };
    asked.answer(asked.options()?, Operation::Describe(describe), &sources)
}
