//! A root becomes files, and files become hits.

mod braces;
mod filter;
mod folder_rules;
mod glob;
mod ignore_files;
mod rules;
mod wildmatch;

pub use filter::{Filter, FilterOptions, Present, Verdict};
pub use folder_rules::{FolderRules, RuleRef};
pub use ignore_files::{GlobalExcludes, Problem};
