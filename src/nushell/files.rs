//! `vfo files`: what lies below a folder.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::VfoPlugin;
use super::asked::{Asked, signature};
use super::flags::{Given, add_output, add_walk};
use crate::scan::{DescribeOptions, Operation};
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "kind", "size", "modified"];

/// The command.
pub struct Files;

impl PluginCommand for Files {
    type Plugin = VfoPlugin;

    fn name(&self) -> &'static str {
        "vfo files"
    }

    fn description(&self) -> &'static str {
        "List what lies below a folder, one row an entry."
    }

    fn extra_description(&self) -> &'static str {
        "Ignore files and hidden names are obeyed as by ripgrep; an entry that could not be described has its reason in the column error."
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["ls", "find", "fd", "glob", "du"]
    }

    fn signature(&self) -> Signature {
        let signature = signature(self.name(), "folders, files or globs (default: the current folder)");
        add_output(add_walk(signature.switch("blake3", "the hash of each file's content", Some('b'))))
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                description: "The largest files",
                example: "vfo files | where kind == file | sort-by size --reverse | first 3",
                result: None,
            },
            Example {
                description: "How many Python files there are",
                example: "vfo files --types py | length",
                result: None,
            },
            Example {
                description: "Files by extension; nothing is asked of the disk but names",
                example: "vfo files src --columns [path extension] | group-by extension --to-table | update items { length }",
                result: None,
            },
            Example {
                description: "Files with the same content",
                example: "vfo files --blake3 | where kind == file | group-by blake3 --to-table | where ($it.items | length) > 1",
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
        let asked = Asked { engine, call, table: Table::Files, columns: COLUMNS, only_files: false };
        let sources = asked.sources_or_folder(0, input)?;
        let describe = DescribeOptions { blake3: Given(call).flag("blake3")?, observed: false };
        asked.answer(asked.options()?, Operation::Describe(describe), &sources)
    }
}
