//! What the library promises, proved through its public Rust interface.

// Helpers of tests are tests; clippy only knows the functions that are marked so.
#![allow(clippy::unwrap_used)]

mod pipeline;
mod watching;
