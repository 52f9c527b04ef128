//! The Nushell face: `vfo files`, `vfo search` and the rest as commands whose rows are Nushell's own values.
//!
//! A command turns its call into a [`crate::ScanRequest`] and hands the rows over as they come; when Nushell drops the
//! stream (`first 10`) or is interrupted, the workers stop.
//!
//! - `flags`: what a command takes, and the options that it makes of a call.
//! - `sources`: where it looks: arguments, or paths from the pipeline.
//! - `rows`: a running scan as a stream of records.
//! - `values`: a cell of a table as a value of Nushell.
//! - `save`: the rows as a Parquet or Arrow file.
//! - `failure`: an error, and the part of the command line that is to blame.
//! - `command`: what every command is; one file for each, with its description, its flags and its scan.

mod asked;
mod chunks;
mod command;
mod coverage;
mod failure;
mod files;
mod flags;
mod hash;
mod help;
mod info;
mod rows;
mod save;
mod search;
mod sources;
mod values;

use nu_plugin::{MsgPackSerializer, Plugin, PluginCommand, serve_plugin};

/// The plugin.
pub struct VfoPlugin;

impl Plugin for VfoPlugin {
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn commands(&self) -> Vec<Box<dyn PluginCommand<Plugin = Self>>> {
        vec![
            Box::new(help::Vfo),
            Box::new(files::FILES),
            Box::new(search::SEARCH),
            Box::new(coverage::COVERAGE),
            Box::new(chunks::CHUNKS),
            Box::new(info::INFO),
            Box::new(hash::HASH),
        ]
    }
}

/// Talk to Nushell until it has gone.
pub fn serve() {
    serve_plugin(&VfoPlugin, MsgPackSerializer);
}
