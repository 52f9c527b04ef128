//! The one pipeline, compared with a naive oracle and pushed to its bounds.

mod chunks;
mod hostile;
mod large;
mod limits;
mod links;
mod oracle;
mod order;
pub(crate) mod run;
mod sources;
mod stops;
