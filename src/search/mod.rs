//! A root becomes files, and files become hits.

pub mod pattern;
pub mod text;
pub mod window;
