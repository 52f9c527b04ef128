//! `vfo chunks`: pieces of files for retrieval.

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, PipelineData, Signature};

use super::asked::Asked;
use super::command::Command;
use super::flags::{Given, add_chunking, add_output, add_walk};
use crate::scan::Operation;
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "chunk", "start_line", "end_line", "language", "text"];

/// The command.
pub const CHUNKS: Command = Command {
    name: "vfo chunks",
    description: "Cut files into pieces for retrieval, one row a chunk.",
    more: "Source code is cut between the nodes of its syntax tree, Markdown between its sections, other text between paragraphs.",
    search_terms: &["split", "rag", "embedding"],
    sources: "folders, files or globs (default: the current folder)",
    flags,
    examples: &[
        ("The pieces of a folder", "vfo chunks src | select path chunk language start_line"),
        ("All columns, as a file for an embedder", "vfo chunks src --chunk-size 400 --long --save chunks.parquet"),
    ],
    run,
};

fn flags(signature: Signature) -> Signature {
    add_output(add_walk(add_chunking(signature)))
}

fn run(engine: &EngineInterface, call: &EvaluatedCall, input: PipelineData) -> Result<PipelineData, LabeledError> {
    let asked = Asked { engine, call, table: Table::Chunks, columns: COLUMNS, only_files: false };
    let sources = asked.sources_or_folder(0, input)?;
    let chunking = Given(call).chunking()?;
    asked.answer(asked.options()?, Operation::Chunk(Box::new(chunking)), &sources)
}
