//! A root becomes files, and files become hits.
