//! `vfo chunks`: pieces of files for retrieval.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::VfoPlugin;
use super::asked::{Asked, signature};
use super::flags::{Given, add_chunking, add_output, add_walk};
use crate::scan::Operation;
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "chunk", "start_line", "end_line", "language", "text"];

/// The command.
pub struct Chunks;

impl PluginCommand for Chunks {
    type Plugin = VfoPlugin;

    fn name(&self) -> &'static str {
        "vfo chunks"
    }

    fn description(&self) -> &'static str {
        "Cut files into pieces for retrieval, one row a chunk."
    }

    fn extra_description(&self) -> &'static str {
        "Source code is cut between the nodes of its syntax tree, Markdown between its sections, other text between paragraphs."
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["split", "rag", "embedding"]
    }

    fn signature(&self) -> Signature {
        let signature = signature(self.name(), "folders, files or globs (default: the current folder)");
        add_output(add_walk(add_chunking(signature)))
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                description: "The pieces of a folder",
                example: "vfo chunks src | select path chunk language start_line",
                result: None,
            },
            Example {
                description: "All columns, as a file for an embedder",
                example: "vfo chunks src --chunk-size 400 --long --save chunks.parquet",
                result: None,
            },
        ]
    }

    fn run(
        &self,
        _plugin: &VfoPlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        let asked = Asked { engine, call, table: Table::Chunks, columns: COLUMNS, only_files: false };
        let sources = asked.sources_or_folder(0, input)?;
        let chunking = Given(call).chunking()?;
        asked.answer(asked.options()?, Operation::Chunk(Box::new(chunking)), &sources)
    }
}
