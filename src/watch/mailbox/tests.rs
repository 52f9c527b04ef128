//! The caller's bell rings as long as there is something to take, and no longer.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn rings(mailbox: &Mailbox) -> bool {
    mailbox.for_caller.rings()
}

#[test]
fn an_answer_rings_until_it_is_taken() {
    let mailbox = Mailbox::new().unwrap();
    assert!(!rings(&mailbox));
    assert!(matches!(mailbox.take(Duration::ZERO), Ok(WatchStep::Idle)));
    for _ in 0..3 {
        mailbox.put(Vec::new());
        assert!(rings(&mailbox));
        assert!(mailbox.wait_ready(Duration::ZERO));
        assert!(matches!(mailbox.take(Duration::ZERO), Ok(WatchStep::Batch(_))));
        assert!(!rings(&mailbox));
        assert!(!mailbox.wait_ready(Duration::ZERO));
    }
    mailbox.put(Vec::new());
    mailbox.close(Duration::ZERO);
    assert!(rings(&mailbox) && matches!(mailbox.take(Duration::ZERO), Ok(WatchStep::End)) && rings(&mailbox));
}

#[test]
fn what_was_put_before_the_end_is_taken_and_then_the_end() {
    let mailbox = Mailbox::new().unwrap();
    mailbox.put(Vec::new());
    mailbox.end(None);
    assert!(rings(&mailbox) && matches!(mailbox.take(Duration::ZERO), Ok(WatchStep::Batch(_))));
    assert!(rings(&mailbox) && matches!(mailbox.take(Duration::ZERO), Ok(WatchStep::End)));
}

/// One thread takes an answer the moment that it is there, while the other is still about to ring.
#[test]
fn the_bell_does_not_ring_for_an_answer_that_is_taken() {
    const TURNS: usize = 2_000;
    let mailbox = Mailbox::new().unwrap();
    let (put, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut wrong = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..TURNS {
                mailbox.put(Vec::new());
                put.store(turn + 1, Ordering::SeqCst);
                while taken.load(Ordering::SeqCst) <= turn {
                    std::hint::spin_loop();
                }
            }
        });
        for turn in 0..TURNS {
            while !matches!(mailbox.take(Duration::ZERO), Ok(WatchStep::Batch(_))) {}
            while put.load(Ordering::SeqCst) <= turn {
                std::hint::spin_loop();
            }
            wrong += usize::from(rings(&mailbox));
            mailbox.for_caller.silence();
            taken.store(turn + 1, Ordering::SeqCst);
        }
    });
    assert_eq!(wrong, 0, "of {TURNS} answers that were taken, so many left the bell ringing");
}
