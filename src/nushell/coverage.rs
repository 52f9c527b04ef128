//! `vfo coverage`: what became of each file in a search.

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, PipelineData, Signature, SyntaxShape};

use super::asked::Asked;
use super::command::Command;
use super::flags::{Given, add_output, add_search, add_walk, texts_of};
use crate::scan::Operation;
use crate::table::Table;

const COLUMNS: &[&str] = &["path", "status", "hits", "matched_lines", "size", "excluded_by", "error"];

/// The command.
pub const COVERAGE: Command = Command {
    name: "vfo coverage",
    description: "Tell of each file whether it was searched, and if not, why not; one row a file.",
    more: "Found is searched plus not searched, each with a reason: binary, unreadable, too_large, ignored and so on.",
    search_terms: &["why", "skipped", "ignored", "binary"],
    sources: "folders, files or globs (default: the current folder)",
    flags,
    examples: &[
        (
            "How many files were searched, and how many were not",
            "vfo coverage TODO | group-by status --to-table | update items { length }",
        ),
        (
            "Which rule excludes a file",
            "vfo coverage TODO --include-ignored | where status == ignored | select path excluded_by",
        ),
    ],
    run,
};

fn flags(signature: Signature) -> Signature {
    let pattern = SyntaxShape::OneOf(vec![SyntaxShape::List(Box::new(SyntaxShape::String)), SyntaxShape::String]);
    let signature = signature.required("pattern", pattern, "a regular expression, or a list of them").switch(
        "include-ignored",
        "what ignore files and hidden names exclude as well",
        Some('I'),
    );
    add_output(add_walk(add_search(signature)))
}

fn run(engine: &EngineInterface, call: &EvaluatedCall, input: PipelineData) -> Result<PipelineData, LabeledError> {
    let asked = Asked { engine, call, table: Table::Coverage, columns: COLUMNS, only_files: false };
    let patterns = call.positional.first().map(texts_of).transpose()?.unwrap_or_default();
    let sources = asked.sources_or_folder(1, input)?;
    let search = Given(call).search(patterns)?;
    let mut options = asked.options()?;
    options.include_ignored = Given(call).flag("include-ignored")?;
    asked.answer(options, Operation::Search(Box::new(search)), &sources)
}
