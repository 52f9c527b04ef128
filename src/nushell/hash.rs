//! `vfo hash`: the BLAKE3 hash of files.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::VfoPlugin;
use super::asked::{Asked, signature};
use super::flags::{add_output, add_walk};
use crate::scan::{DescribeOptions, Operation};
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "size", "error"];

/// The command.
pub struct Hash;

impl PluginCommand for Hash {
    type Plugin = VfoPlugin;

    fn name(&self) -> &'static str {
        "vfo hash"
    }

    fn description(&self) -> &'static str {
        "Hash the contents of files with BLAKE3, one row a file."
    }

    fn extra_description(&self) -> &'static str {
        "Of a folder, all files below it. The hash is that of `b3sum`."
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["b3sum", "checksum", "blake3", "digest"]
    }

    fn signature(&self) -> Signature {
        add_output(add_walk(signature(self.name(), "files, or folders for all files below")))
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example { description: "The hash of a file", example: "vfo hash src/app.py | get 0.blake3", result: None },
            Example {
                description: "Of the files that another command names",
                example: "ls src | vfo hash | select path blake3",
                result: None,
            },
            Example {
                description: "Files with the same content",
                example: "vfo hash src | group-by blake3 --to-table | where ($it.items | length) > 1",
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
        let asked = Asked { engine, call, table: Table::Files, columns: COLUMNS, only_files: true };
        let sources = asked.sources(input)?;
        let describe = DescribeOptions { blake3: true, observed: false };
        asked.answer(asked.options()?, Operation::Describe(describe), &sources)
    }
}
