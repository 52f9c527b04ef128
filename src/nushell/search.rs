//! `vfo search`: the matches of a pattern.

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, PipelineData, Signature, SyntaxShape};

use super::asked::Asked;
use super::command::Command;
use super::flags::{Given, add_output, add_search, add_walk, texts_of};
use crate::scan::Operation;
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "line_number", "matched", "line", "size", "modified"];
const SEVERAL: &[&str] = &["path", "line_number", "pattern", "matched", "line", "size", "modified"];

/// The command.
pub const SEARCH: Command = Command {
    name: "vfo search",
    description: "Search the contents of files, one row a match.",
    more: "Patterns have ripgrep's syntax. Several patterns in a list are several searches in one pass; the column pattern says which one matched. Files that were not searched are told by `vfo coverage`.",
    search_terms: &["grep", "rg", "ripgrep", "find"],
    sources: "folders, files or globs (default: the current folder)",
    flags,
    examples: &[
        ("Where something is to be done", "vfo search TODO | select path line_number line"),
        (
            "By file, of small files, the oldest first",
            "vfo search TODO | where size < 10kb | sort-by modified | group-by path --to-table",
        ),
        ("The names of all functions", r"vfo search 'def (?<name>\w+)' src --captures | get captures.name"),
        ("Two patterns in one pass", "vfo search [TODO FIXME] | group-by pattern"),
        ("In the files that another command names", "ls src | where size < 1mb | vfo search TODO"),
        ("As a file for Polars or DuckDB", "vfo search TODO --save hits.parquet"),
    ],
    run,
};

fn flags(signature: Signature) -> Signature {
    let pattern = SyntaxShape::OneOf(vec![SyntaxShape::List(Box::new(SyntaxShape::String)), SyntaxShape::String]);
    let signature = signature.required("pattern", pattern, "a regular expression, or a list of them");
    add_output(add_walk(add_search(signature)))
}

fn run(engine: &EngineInterface, call: &EvaluatedCall, input: PipelineData) -> Result<PipelineData, LabeledError> {
    let patterns = call.positional.first().map(texts_of).transpose()?.unwrap_or_default();
    // Which pattern a row is of is only a question where there are several.
    let columns = if patterns.len() > 1 { SEVERAL } else { COLUMNS };
    let asked = Asked { engine, call, table: Table::Hits, columns, only_files: false };
    let sources = asked.sources_or_folder(1, input)?;
    let search = Given(call).search(patterns)?;
    asked.answer(asked.options()?, Operation::Search(Box::new(search)), &sources)
}
