//! A root becomes files, and files become hits.

mod braces;
pub mod filter;
mod folder_rules;
mod glob;
mod ignore_files;
pub mod pattern;
mod rules;
pub mod text;
pub mod walk;
pub mod window;

pub use filter::{Filter, FilterOptions, Present, Verdict};
pub use folder_rules::{FolderRules, RuleRef};
pub use ignore_files::{GlobalExcludes, Problem};
