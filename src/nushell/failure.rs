//! An error, and the part of the command line that is to blame.

use nu_plugin::EvaluatedCall;
use nu_protocol::{LabeledError, Span};

use super::sources::NamedSource;
use crate::error::{Error, ErrorKind};

/// What Nushell shows of an error of a call: the flag, the pattern or the path that it is about is underlined.
pub fn labeled(error: &Error, call: &EvaluatedCall, sources: &[NamedSource]) -> LabeledError {
    let text = error.to_string();
    let span = of_flag(&text, call)
        .or_else(|| (error.kind() == ErrorKind::Pattern).then(|| of_pattern(call)).flatten())
        .or_else(|| of_source(error, sources))
        .unwrap_or(call.head);
    let label = match error.kind() {
        ErrorKind::PathNotFound => "nothing is there",
        ErrorKind::AccessDenied => "access denied",
        ErrorKind::OutsideRoot => "leads outside",
        ErrorKind::Pattern => "does not parse, or is too large",
        ErrorKind::Argument => "cannot be used",
        _ => "failed here",
    };
    LabeledError::new(text).with_label(label, span)
}

/// Messages about an argument begin with its name, which is that of the flag.
fn of_flag(text: &str, call: &EvaluatedCall) -> Option<Span> {
    let (name, _) = text.split_once(": ")?;
    let flag = match name {
        "include_hidden" => "all".to_owned(),
        "absolute_paths" => "full-paths".to_owned(),
        name => name.replace('_', "-"),
    };
    call.get_flag_value(&flag).map(|value| value.span()).or_else(|| call.get_flag_span(&flag))
}

/// A pattern that does not parse is the first argument, unless a glob of a flag is what does not.
fn of_pattern(call: &EvaluatedCall) -> Option<Span> {
    call.positional.first().map(nu_protocol::Value::span)
}

fn of_source(error: &Error, sources: &[NamedSource]) -> Option<Span> {
    let about = error.path();
    let named = sources.iter().find(|source| about.is_some_and(|path| source.is(path)));
    named.or(if sources.len() == 1 { sources.first() } else { None }).map(|source| source.span)
}
