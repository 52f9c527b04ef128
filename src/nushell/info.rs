//! `vfo info`: everything that is known of an entry.

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, PipelineData, Signature};

use super::asked::Asked;
use super::command::Command;
use super::flags::{Given, add_output, add_walk};
use crate::scan::{DescribeOptions, Operation};
use crate::table::Table;

const COLUMNS: &[&str] = &[
    "path",
    "name",
    "extension",
    "kind",
    "size",
    "allocated",
    "modified",
    "changed",
    "accessed",
    "created",
    "mode",
    "uid",
    "gid",
    "links",
    "inode",
    "device",
    "hidden",
    "strategy",
    "error",
];

/// The command.
pub const INFO: Command = Command {
    name: "vfo info",
    description: "Describe files and folders themselves, one row each, with all that is known.",
    more: "A folder is described, not entered.",
    search_terms: &["stat", "metadata", "inode"],
    sources: "files or folders",
    flags,
    examples: &[
        ("What is known of a file", "vfo info src/app.py | select kind size links"),
        ("A folder is described, not entered", "vfo info src | get 0.kind"),
    ],
    run,
};

fn flags(signature: Signature) -> Signature {
    let signature = signature;
    add_output(add_walk(signature.switch("blake3", "the hash of each file's content", Some('b'))))
}

fn run(engine: &EngineInterface, call: &EvaluatedCall, input: PipelineData) -> Result<PipelineData, LabeledError> {
    let asked = Asked { engine, call, table: Table::Files, columns: COLUMNS, only_files: false };
    let sources = asked.sources(input)?;
    let describe = DescribeOptions { blake3: Given(call).flag("blake3")?, observed: false };
    let mut options = asked.options()?;
    options.describe_only = true;
    asked.answer(options, Operation::Describe(describe), &sources)
}
