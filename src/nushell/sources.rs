//! Where a command looks: its arguments, or else the paths that come through the pipeline.

use nu_path::dots::expand_ndots;
use nu_path::expand_tilde;
use nu_plugin::EvaluatedCall;
use nu_protocol::{LabeledError, PipelineData, Span, Value};

use crate::io::root::path_bytes::of_path;
use crate::io::root::spelling::NATIVE;
use crate::scan::SourceSpec;

/// A source, and where it stands on the command line.
#[derive(Debug, Clone)]
pub struct NamedSource {
    /// The path, or the glob.
    pub spec: SourceSpec,
    /// Where it was typed, or where the value came from.
    pub span: Span,
    /// It is an argument of the call, or what stands for one; otherwise it came through the pipeline.
    pub is_typed: bool,
}

impl NamedSource {
    fn new(text: &str, may_be_glob: bool, span: Span) -> Self {
        // As everywhere in Nushell, what is not quoted may begin with `~`, and go up by more dots than two.
        let path = if may_be_glob { of_path(&expand_ndots(expand_tilde(text))) } else { text.as_bytes().to_vec() };
        Self { spec: SourceSpec { path, may_be_glob }, span, is_typed: true }
    }

    /// Whether an error about this path is about this source.
    pub fn is(&self, path: &[u8]) -> bool {
        NATIVE.normalised(&self.spec.path) == NATIVE.normalised(path)
    }
}

/// What a call names, from its argument number `first` on; `None`: nothing at all, not even an empty list.
///
/// # Errors
/// What came through the pipeline holds no paths.
pub fn named(
    call: &EvaluatedCall,
    first: usize,
    input: PipelineData,
) -> Result<Option<Vec<NamedSource>>, LabeledError> {
    let mut sources = Vec::new();
    for value in call.positional.iter().skip(first) {
        add(value, call.head, &mut sources)?;
    }
    if !sources.is_empty() {
        return Ok(Some(sources));
    }
    match input {
        PipelineData::Empty | PipelineData::Value(Value::Nothing { .. }, _) => Ok(None),
        input => {
            for value in input {
                add(&value, call.head, &mut sources)?;
            }
            for source in &mut sources {
                source.is_typed = false;
            }
            Ok(Some(sources))
        }
    }
}

fn add(value: &Value, head: Span, sources: &mut Vec<NamedSource>) -> Result<(), LabeledError> {
    let span = value.span();
    match value {
        Value::Glob { val, no_expand, .. } => sources.push(NamedSource::new(val, !no_expand, span)),
        Value::String { val, .. } => sources.push(NamedSource::new(val, false, span)),
        Value::List { vals, .. } => vals.iter().try_for_each(|value| add(value, head, sources))?,
        Value::Error { error, .. } => return Err(LabeledError::from(error.as_ref().clone())),
        // A row of `ls`, or of one of these commands.
        Value::Record { val, .. } if val.contains("name") || val.contains("path") => {
            let cell = val.get("path").or_else(|| val.get("name"));
            let Some(Value::String { val: path, .. }) = cell else { return Err(no_path(value, head)) };
            sources.push(NamedSource::new(path, false, span));
        }
        other => return Err(no_path(other, head)),
    }
    Ok(())
}

fn no_path(value: &Value, head: Span) -> LabeledError {
    LabeledError::new(format!("expected paths, got {}", value.get_type()))
        .with_label("takes paths as text, or rows with a column path or name", head)
        .with_label("this is none", value.span())
}
