//! A root becomes files, and files become hits.
//!
//! - [`filter`]: what is kept of a walk: globs, types, hidden names, ignore files.
//! - [`walk`]: one folder at a time, listed and sorted.
//! - [`pattern`]: what is looked for.
//! - [`window`]: the stretch of text that is searched.
//! - [`text`]: patterns over text.

mod braces;
pub mod filter;
mod folder_rules;
mod glob;
mod ignore_files;
pub mod pattern;
mod rules;
pub mod text;
pub mod walk;
mod wildmatch;
pub mod window;

pub use filter::{Filter, FilterOptions, Present, Verdict, type_names};
pub use folder_rules::{FolderRules, RuleRef};
pub use ignore_files::{GlobalExcludes, Problem};
