//! How the watcher's thread and its caller wake each other.
//!
//! What each of them waits on is the system's: the thread waits for the bell and for the watches at once, and a caller's
//! event loop takes only what its system lets it wait for.

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
mod portable;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub use linux::{CallerBell, ThreadBell};
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
pub use portable::{CallerBell, ThreadBell};
