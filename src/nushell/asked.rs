//! What a command asks of the pipeline, and how its rows leave.

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, ListStream, PipelineData, PipelineMetadata, Record, Span, Value};

use super::failure::labeled;
use super::flags::{Given, span_of};
use super::rows::Rows;
use super::save::{Format, save};
use super::sources::{NamedSource, named};
use super::values::Column;
use crate::scan::{Operation, ScanOptions, ScanRequest, Selection};
use crate::table::{Layout, Projection, Table, TimeUnit};

/// One call of a command.
pub struct Asked<'a> {
    /// Where it comes from.
    pub engine: &'a EngineInterface,
    /// Its arguments.
    pub call: &'a EvaluatedCall,
    /// The table whose rows it gives.
    pub table: Table,
    /// The columns that it gives where the user names none.
    pub columns: &'static [&'static str],
    /// Only files, of a table of entries, and what is wrong.
    pub only_files: bool,
}

impl Asked<'_> {
    /// What the call names, from its argument number `first` on; the folder that the user is in where it names nothing.
    ///
    /// # Errors
    /// What came through the pipeline holds no paths.
    pub fn sources_or_folder(&self, first: usize, input: PipelineData) -> Result<Vec<NamedSource>, LabeledError> {
        let here = || {
            vec![NamedSource { spec: ScanOptions::default().sources.remove(0), span: self.call.head, is_typed: true }]
        };
        Ok(named(self.call, first, input)?.unwrap_or_else(here))
    }

    /// The same, of a command that needs to be told.
    ///
    /// # Errors
    /// The same, and that it was not.
    pub fn sources(&self, input: PipelineData) -> Result<Vec<NamedSource>, LabeledError> {
        named(self.call, 0, input)?.ok_or_else(|| {
            LabeledError::new("no path was given").with_label("name a file or folder, or pipe paths in", self.call.head)
        })
    }

    /// The options of the walk.
    ///
    /// # Errors
    /// A flag cannot be used.
    pub fn options(&self) -> Result<ScanOptions, LabeledError> {
        Given(self.call).walk(&self.engine.get_current_dir()?)
    }

    /// Run it.
    ///
    /// # Errors
    /// What is wrong with the call, labelled where.
    pub fn answer(
        &self,
        mut options: ScanOptions,
        operation: Operation,
        sources: &[NamedSource],
    ) -> Result<PipelineData, LabeledError> {
        let (call, head) = (self.call, self.call.head);
        if sources.is_empty() {
            return Ok(self.stream(std::iter::empty()));
        }
        let failed = |error| labeled(&error, call, sources);
        options.sources = sources.iter().map(|source| source.spec.clone()).collect();
        // What was typed and is not there is a mistake; of what comes through the pipeline, it is a row.
        options.sources_are_list = sources.len() > 1 && !sources.iter().all(|source| source.is_typed);
        if self.only_files && options.filter.include.is_empty() {
            // What is taken by name is files, and folders that could not be listed.
            options.filter.include.push("*".to_owned());
        }
        let request = ScanRequest::new(options, operation).map_err(failed)?;
        let target = call.get_flag::<String>("save")?;
        let projection = self.projection(&request, target.is_some())?;
        let mask_columns = self.only_files.then(|| vec!["kind".to_owned()]);
        let selection = Selection { tables: vec![projection.clone()], n_rows: None, mask_columns };
        if let Some(target) = target {
            let path = nu_path::expand_path_with(target, self.engine.get_current_dir()?, true);
            Format::of(path.as_ref()).map_err(failed)?;
            let replaces = call.has_flag("force")?;
            if !replaces && path.exists() {
                let text = format!("{}: there is such a file", path.display());
                return Err(LabeledError::new(text).with_label("--force replaces it", span_of(call, "save")));
            }
            let scan = request.start(&selection).map_err(failed)?;
            let saved = save(scan, self.table, &projection.schema(), path.as_ref(), replaces, self.engine.signals())
                .map_err(|error| {
                    LabeledError::new(error.to_string()).with_label("was not written", span_of(call, "save"))
                })?;
            return Ok(PipelineData::value(row_of_saved(&path.to_string_lossy(), &saved, head), None));
        }
        let scan = request.start(&selection).map_err(failed)?;
        let columns = self.in_order(&projection)?;
        Ok(self.stream(Rows::new(scan, self.table, columns, self.engine.signals().clone(), head)))
    }

    fn stream(&self, rows: impl Iterator<Item = Value> + Send + 'static) -> PipelineData {
        let span = self.call.head;
        let metadata = PipelineMetadata { path_columns: vec!["path".into()], ..PipelineMetadata::default() }
            .with_table_width_priority_columns(span, ["path", "line", "text"]);
        PipelineData::list_stream(ListStream::new(rows, span, self.engine.signals().clone()), Some(metadata))
    }

    /// The columns of a projection as a reader wants them: in the order in which they were named.
    fn in_order(&self, projection: &Projection) -> Result<Vec<Column>, LabeledError> {
        let named = Given(self.call).texts("columns")?;
        let wanted: Vec<&str> = named.iter().map(String::as_str).chain(self.columns.iter().copied()).collect();
        let place = |name| wanted.iter().position(|wanted| *wanted == name).unwrap_or(usize::MAX);
        let mut columns: Vec<Column> = projection.specs().enumerate().collect();
        columns.sort_by_key(|(_, spec)| place(spec.name));
        Ok(columns)
    }

    fn projection(&self, request: &ScanRequest, for_file: bool) -> Result<Projection, LabeledError> {
        let given = Given(self.call);
        // A file is for programs that may not know Arrow's views.
        let layout = Layout { views: !for_file, timestamps: TimeUnit::Nanoseconds };
        let all = request.projection(self.table, layout);
        let named = given.texts("columns")?;
        if !named.is_empty() {
            return all.narrowed(&named).map_err(|error| labeled(&error, self.call, &[]));
        }
        if given.flag("long")? {
            return Ok(all);
        }
        // The columns that an option brings are wanted, too.
        let brought = all.specs().filter(|spec| spec.optional).map(|spec| spec.name);
        let shown: Vec<String> = self.columns.iter().copied().chain(brought).map(str::to_owned).collect();
        all.narrowed(&shown).map_err(|error| labeled(&error, self.call, &[]))
    }
}

fn row_of_saved(path: &str, saved: &super::save::Saved, span: Span) -> Value {
    let mut record = Record::new();
    record.push("path", Value::string(path, span));
    record.push("rows", Value::int(i64::try_from(saved.rows).unwrap_or(i64::MAX), span));
    record.push("size", Value::filesize(i64::try_from(saved.bytes).unwrap_or(i64::MAX), span));
    Value::record(record, span)
}
