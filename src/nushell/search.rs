//! `vfo search`: the matches of a pattern.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::VfoPlugin;
use super::asked::{Asked, signature};
use super::flags::{Given, add_output, add_search, add_walk, texts_of};
use crate::scan::Operation;
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "line_number", "matched", "line", "size", "modified"];
const SEVERAL: &[&str] = &["path", "line_number", "pattern", "matched", "line", "size", "modified"];

/// The command.
pub struct Search;

impl Search {
    /// Which pattern a row is of is only a question where there are several.
    fn columns(patterns: &[String]) -> &'static [&'static str] {
        if patterns.len() > 1 { SEVERAL } else { COLUMNS }
    }
}

impl PluginCommand for Search {
    type Plugin = VfoPlugin;

    fn name(&self) -> &'static str {
        "vfo search"
    }

    fn description(&self) -> &'static str {
        "Search the contents of files, one row a match."
    }

    fn extra_description(&self) -> &'static str {
        "Patterns have ripgrep's syntax. Several patterns in a list are several searches in one pass; the column pattern says which one matched. Files that were not searched are told by `vfo coverage`."
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["grep", "rg", "ripgrep", "find"]
    }

    fn signature(&self) -> Signature {
        let pattern = SyntaxShape::OneOf(vec![SyntaxShape::List(Box::new(SyntaxShape::String)), SyntaxShape::String]);
        let signature = signature(self.name(), "folders, files or globs (default: the current folder)");
        let signature = signature.required("pattern", pattern, "a regular expression, or a list of them");
        add_output(add_walk(add_search(signature)))
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                description: "Where something is to be done",
                example: "vfo search TODO | select path line_number line",
                result: None,
            },
            Example {
                description: "By file, of small files, the oldest first",
                example: "vfo search TODO | where size < 10kb | sort-by modified | group-by path --to-table",
                result: None,
            },
            Example {
                description: "The names of all functions",
                example: r"vfo search 'def (?<name>\w+)' src --captures | get captures.name",
                result: None,
            },
            Example {
                description: "Two patterns in one pass",
                example: "vfo search [TODO FIXME] | group-by pattern",
                result: None,
            },
            Example {
                description: "In the files that another command names",
                example: "ls src | where size < 1mb | vfo search TODO",
                result: None,
            },
            Example {
                description: "As a file for Polars or DuckDB",
                example: "vfo search TODO --save hits.parquet",
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
        let patterns = call.positional.first().map(texts_of).transpose()?.unwrap_or_default();
        let columns = Self::columns(&patterns);
        let asked = Asked { engine, call, table: Table::Hits, columns, only_files: false };
        let sources = asked.sources_or_folder(1, input)?;
        let search = Given(call).search(patterns)?;
        asked.answer(asked.options()?, Operation::Search(Box::new(search)), &sources)
    }
}
