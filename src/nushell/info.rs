//! `vfo info`: everything that is known of an entry.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::VfoPlugin;
use super::asked::{Asked, signature};
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
pub struct Info;

impl PluginCommand for Info {
    type Plugin = VfoPlugin;

    fn name(&self) -> &'static str {
        "vfo info"
    }

    fn description(&self) -> &'static str {
        "Describe files and folders themselves, one row each, with all that is known."
    }

    fn extra_description(&self) -> &'static str {
        "A folder is described, not entered."
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["stat", "metadata", "inode"]
    }

    fn signature(&self) -> Signature {
        let signature = signature(self.name(), "files or folders");
        add_output(add_walk(signature.switch("blake3", "the hash of each file's content", Some('b'))))
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                description: "What is known of a file",
                example: "vfo info src/app.py | select kind size links",
                result: None,
            },
            Example {
                description: "A folder is described, not entered",
                example: "vfo info src | get 0.kind",
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
        let sources = asked.sources(input)?;
        let describe = DescribeOptions { blake3: Given(call).flag("blake3")?, observed: false };
        let mut options = asked.options()?;
        options.describe_only = true;
        asked.answer(options, Operation::Describe(describe), &sources)
    }
}
