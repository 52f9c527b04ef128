//! The mapping reader, and the guard that keeps a map from killing its host.
//!
//! # The hazard
//!
//! A program that touches a mapped page whose file was truncated meanwhile gets SIGBUS and dies. No check before the
//! access helps, because the truncation may come after the check. So a handler stands behind every map: a fault inside
//! one of our ranges puts zeros in place of the whole range and raises that range's flag, and the reader believes
//! nothing that it read from a range whose flag is up.
//!
//! # The signal belongs to everybody
//!
//! Before each map the system is asked whose action is in force; if it is not ours, ours goes on top and remembers the
//! other. A fault outside our ranges puts the other action back and returns, so that the instruction faults again, under
//! its owner. (Calling the other's handler from ours would loop for ever with handlers that end by raising the signal
//! again.) A signal that somebody sent is raised again under the other action, or left alone where that ignores it. The
//! second that is not ours gets the system's default action, so that nothing goes round in a circle.
//!
//! The guard is built on the signals of Linux; on other systems no file is mapped.
//!
//! Nothing here takes a lock, so a child that was forked in the middle of anything can go on mapping files.
//!
//! # The contract of the unsafe code
//!
//! This is the only file with unsafe code in this room. It rests on three facts: the bytes of a map are only ever handed
//! out as `&[u8]` that the borrow checker ends before the map; a page that vanishes is replaced before anybody can see
//! it missing; and the handler calls nothing but `mmap`, `sigaction` and `raise`, and touches nothing but atomics.
//! What it cannot give is immutability: another process may write to the file while it is mapped. So no reader may
//! derive a promise from one look at the bytes that a second look relies on: text is validated on a copy, never in place.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::{mem, ptr};

use memmap2::{Mmap, MmapOptions};

use super::counters;

/// Whether files can be mapped here.
pub const IS_AVAILABLE: bool = true;

/// How many maps may exist at once; more than there will be workers. A file that finds no slot is read instead.
const SLOTS: usize = 1024;
/// Ranges are kept in units of the smallest page, so that start and length fit into one atomic word.
const UNIT: usize = 4096;
/// Bits of the word that hold the length: maps of up to 512 GiB, at addresses of up to 49 bits.
const LENGTH_BITS: u32 = 27;

/// A range in one word (0 is free, `CLAIMED` is being filled). One load sees all of it, so the handler can never
/// combine the start of one range with the end of another.
static RANGES: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];
/// Whether pages of the range in the same slot were lost.
static LOST: [AtomicBool; SLOTS] = [const { AtomicBool::new(false) }; SLOTS];
/// Where the search for a free slot begins.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// The action that was in force before ours; null stands for the default. Never freed: a handler may be reading it.
static OTHER: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());
/// Whether a fault has been handed on since ours was last put on top.
static HANDED_ON: AtomicBool = AtomicBool::new(false);

/// A slot with a length of zero: taken, but matching no address.
const CLAIMED: u64 = 1 << LENGTH_BITS;

/// A file mapped whole, read-only, behind the guard.
#[derive(Debug)]
pub struct MappedFile {
    // Declared first, so that it is dropped first: a range must leave the table before its addresses can be reused.
    slot: Slot,
    map: Mmap,
}

impl MappedFile {
    /// Maps the first `len` bytes of `file`, which must not be zero.
    ///
    /// `None` where it cannot be mapped or cannot be guarded; the caller then reads it, which is always possible.
    #[must_use]
    pub fn open(file: BorrowedFd<'_>, len: u64) -> Option<Self> {
        let bytes = usize::try_from(len).ok().filter(|&bytes| bytes > 0)?;
        if !guard_is_on_top() {
            return None;
        }
        let slot = Slot::claim()?;
        // SAFETY: a mapping of a file may change under its reader and may vanish. The first is allowed for by everyone
        // who is handed these bytes (see the contract above), the second is what the registered range is for.
        let map = unsafe { MmapOptions::new().len(bytes).map(&file) }.ok()?;
        let guarded = slot.guard(map.as_ptr() as usize, bytes).then_some(Self { slot, map })?;
        counters::FILES_MAPPED.add(1);
        Some(guarded)
    }

    /// The bytes of the file, as long as [`Self::intact`] says so after they were looked at.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Whether every byte that was read so far came from the file.
    #[must_use]
    pub fn intact(&self) -> bool {
        !LOST[self.slot.0].load(Ordering::SeqCst)
    }
}

/// A place in the table of guarded ranges.
#[derive(Debug)]
struct Slot(usize);

impl Slot {
    fn claim() -> Option<Self> {
        let first = NEXT.fetch_add(1, Ordering::Relaxed);
        for step in 0..SLOTS {
            let at = first.wrapping_add(step) % SLOTS;
            if RANGES[at].compare_exchange(0, CLAIMED, Ordering::SeqCst, Ordering::Relaxed).is_ok() {
                LOST[at].store(false, Ordering::SeqCst);
                return Some(Self(at));
            }
        }
        None
    }

    /// Publishes the range to the handler; false if it does not fit into the table's word.
    fn guard(&self, start: usize, len: usize) -> bool {
        let page = page_bytes();
        let units = (len.div_ceil(page) * page / UNIT) as u64;
        let first = (start / UNIT) as u64;
        let fits = units < 1 << LENGTH_BITS && first < 1 << (u64::BITS - LENGTH_BITS);
        if fits {
            RANGES[self.0].store(first << LENGTH_BITS | units, Ordering::SeqCst);
        }
        fits
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        RANGES[self.0].store(0, Ordering::SeqCst);
    }
}

/// The system's page size, which is a multiple of the unit.
fn page_bytes() -> usize {
    // SAFETY: a question without arguments in memory.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(UNIT).max(UNIT)
}

/// Sees to it that our handler is the one that a fault of this thread meets.
fn guard_is_on_top() -> bool {
    // SAFETY: all calls are given valid pointers to values of the right type; the actions and the set are plain data
    // for which all zeros are a valid value.
    unsafe {
        // A fault that meets a blocked signal kills the process without asking any handler.
        let mut blocked: libc::sigset_t = mem::zeroed();
        if libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut blocked) != 0
            || libc::sigismember(&raw const blocked, libc::SIGBUS) != 0
        {
            return false;
        }
        let mut current: libc::sigaction = mem::zeroed();
        if libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut current) != 0 {
            return false;
        }
        if current.sa_sigaction == handler_address() {
            return true;
        }
        // Remembered before ours goes on top, so that a fault in between finds it.
        remember(&current);
        HANDED_ON.store(false, Ordering::SeqCst);
        let mut ours: libc::sigaction = mem::zeroed();
        ours.sa_sigaction = handler_address();
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut replaced: libc::sigaction = mem::zeroed();
        if libc::sigaction(libc::SIGBUS, &raw const ours, &raw mut replaced) != 0 {
            return false;
        }
        // Somebody may have come between the question and the answer.
        if replaced.sa_sigaction != handler_address() {
            remember(&replaced);
        }
        true
    }
}

fn handler_address() -> libc::sighandler_t {
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_bus_error;
    handler as libc::sighandler_t
}

/// Keeps `action` as the one below ours. The old one is leaked, because a handler may be reading it: about 150 bytes
/// each time that somebody else takes the signal between two maps.
fn remember(action: &libc::sigaction) {
    let known = OTHER.load(Ordering::SeqCst);
    // SAFETY: `OTHER` is null or points to a leaked box that nobody writes to.
    let same = unsafe { known.as_ref() }
        .is_some_and(|known| known.sa_sigaction == action.sa_sigaction && known.sa_flags == action.sa_flags);
    if !same {
        OTHER.store(Box::into_raw(Box::new(*action)), Ordering::SeqCst);
    }
}

/// Runs wherever a thread touched a page that its file no longer has. Only async-signal-safe calls from here on.
extern "C" fn on_bus_error(_signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel hands a handler that was installed with SA_SIGINFO a valid record; errno is thread-local and
    // restored, because the interrupted code may be about to read it.
    unsafe {
        let errno = *libc::__errno_location();
        let was_sent = (*info).si_code <= 0;
        let other = || OTHER.load(Ordering::SeqCst).cast_const();
        if was_sent && other().as_ref().is_some_and(|other| other.sa_sigaction == libc::SIG_IGN) {
            // Who ignores the signal goes on; under its own action the next fault in a map would kill it.
        } else if was_sent || !give_zeros((*info).si_addr() as usize) {
            fall_back(if HANDED_ON.swap(true, Ordering::SeqCst) { ptr::null() } else { other() });
            if was_sent {
                // It does not come again by itself, as a fault does.
                libc::raise(libc::SIGBUS);
            }
        }
        *libc::__errno_location() = errno;
    }
}

/// If `address` lies in one of our ranges, marks that range as lost and makes it readable again.
fn give_zeros(address: usize) -> bool {
    let unit = (address / UNIT) as u64;
    for (range, lost) in RANGES.iter().zip(&LOST) {
        let word = range.load(Ordering::SeqCst);
        let (first, units) = (word >> LENGTH_BITS, word & ((1 << LENGTH_BITS) - 1));
        if unit < first || unit - first >= units {
            continue;
        }
        lost.store(true, Ordering::SeqCst);
        counters::FAULTS_CAUGHT.add(1);
        // On 64-bit systems these fit; elsewhere the range came from addresses of this width.
        #[allow(clippy::cast_possible_truncation)]
        let (start, len) = (first as usize * UNIT, units as usize * UNIT);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: the range is a live map of ours, because the thread that owns it is, or waits for, the one that
        // faulted; replacing all of it splits no mapping, so the limit on their number cannot refuse it.
        let zeros = unsafe { libc::mmap(start as *mut libc::c_void, len, libc::PROT_READ, flags, -1, 0) };
        return zeros != libc::MAP_FAILED;
    }
    false
}

/// Puts `action` in force, or the default one if it is null.
///
/// # Safety
/// `action` is null or points to a valid action.
unsafe fn fall_back(action: *const libc::sigaction) {
    // SAFETY: all zeros are the default action with no flags and an empty mask.
    unsafe {
        let default: libc::sigaction = mem::zeroed();
        let action = if action.is_null() { &raw const default } else { action };
        libc::sigaction(libc::SIGBUS, action, ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::process::ExitStatusExt;

    fn mapped(len: u64) -> (std::fs::File, MappedFile) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(len).unwrap();
        let map = MappedFile::open(file.as_fd(), len).unwrap();
        (file, map)
    }

    #[test]
    fn a_lost_page_marks_its_own_range_and_no_other() {
        let ((file, map), (_kept, other)) = (mapped(20_000), mapped(20_000));
        file.set_len(0).unwrap();
        assert!(map.intact());
        assert_eq!(std::hint::black_box(map.bytes())[19_999], 0);
        assert_eq!((map.intact(), other.intact()), (false, true));
    }

    /// A process that ignores the signal goes on ignoring it, and its maps stay guarded; tried in a child.
    #[test]
    fn a_sent_signal_that_is_ignored_changes_nothing() {
        const ROLE: &str = "VESPERA_TEST_IGNORED_BUS_ERROR";
        if std::env::var_os(ROLE).is_none() {
            let name = "io::mmap::tests::a_sent_signal_that_is_ignored_changes_nothing";
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let output = child.args([name, "--exact"]).env(ROLE, "child").output().unwrap();
            assert!(output.status.success(), "{output:?}");
            return;
        }
        // SAFETY: no memory is involved.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_IGN) };
        let (file, map) = mapped(4096);
        for _ in 0..3 {
            // SAFETY: no memory is involved.
            unsafe { libc::raise(libc::SIGBUS) };
        }
        file.set_len(0).unwrap();
        assert_eq!(std::hint::black_box(map.bytes())[0], 0);
        assert!(!map.intact());
    }

    /// Another program's bus error, and one that was sent, end the process as if we were not there; tried in a child.
    #[test]
    fn what_is_not_ours_still_ends_the_process_by_its_signal() {
        const ROLE: &str = "VESPERA_TEST_BUS_ERROR";
        // Rust's own action, which a test has and Python has not, takes the first signal that was sent for nothing.
        // SAFETY: no memory is involved.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        match std::env::var(ROLE).as_deref() {
            Ok("fault") => {
                let _ours = mapped(4096);
                let file = tempfile::tempfile().unwrap();
                file.set_len(4096).unwrap();
                // SAFETY: the fault that this map is about to give is what the test is for.
                let foreign = unsafe { Mmap::map(&file) }.unwrap();
                file.set_len(0).unwrap();
                std::hint::black_box(std::hint::black_box(&foreign)[0]);
            }
            Ok(_) => {
                let _ours = mapped(4096);
                // SAFETY: no memory is involved.
                unsafe { libc::raise(libc::SIGBUS) };
            }
            Err(_) => {
                for role in ["fault", "sent"] {
                    let name = "io::mmap::tests::what_is_not_ours_still_ends_the_process_by_its_signal";
                    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
                    let output = child.args([name, "--exact"]).env(ROLE, role).output().unwrap();
                    assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{role}: {output:?}");
                }
            }
        }
    }
}
