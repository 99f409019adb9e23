//! What is said of a queue that does not work, or did not for a while.

use std::io;

use super::{queue::MOST_WAITING, word::Word};
use crate::source::{Trouble, nflog::taken, start_command};

/// Something failed that should not.
pub(super) fn broken(number: u16, error: &io::Error) -> Trouble {
    Trouble::new(
        format!("The reader of NFQUEUE {number} cannot be had: {error}."),
        "",
    )
}

/// The watchdog did not say whether the queue is ours.
pub(super) fn silent(number: u16) -> Trouble {
    Trouble::new(
        format!("The reader of NFQUEUE {number} ended before it began, or takes too long."),
        "",
    )
}

/// The helper has not the right.
pub(super) fn forbidden(number: u16) -> Trouble {
    Trouble::new(
        format!(
            "The helper may not take the packets of NFQUEUE {number}: it was started without the capability CAP_NET_ADMIN."
        ),
        start_command(),
    )
}

/// The kernel refused the queue to somebody who has the right.
pub(super) fn refused(number: u16, errno: i32) -> Trouble {
    match errno {
        libc::EPERM | libc::EBUSY | libc::EEXIST => {}
        // nfnetlink knows no such subsystem
        libc::EINVAL => {
            return Trouble::new(
                "The kernel offers no NFQUEUE: its module nfnetlink_queue is missing.",
                "sudo modprobe nfnetlink_queue",
            );
        }
        errno => return broken(number, &io::Error::from_raw_os_error(errno)),
    }
    Trouble::new(
        format!(
            "NFQUEUE {number} is taken by {}; one program alone can listen to a queue. Name another one in nfqueue.queues and in the \
             firewall's rule.",
            taken::suspects(taken::QUEUES, number)
        ),
        "",
    )
}

/// A reader ended, and another one goes on.
pub(super) fn reader_ended(number: u16, stood_still: bool, unseen: u64) -> Trouble {
    let how = if stood_still {
        "stood still for half a second and was ended"
    } else {
        "was ended from outside"
    };
    let passed = match unseen {
        0 => "none unseen".to_owned(),
        1 => "1 of them unseen".to_owned(),
        more => format!("{more} of them unseen"),
    };
    Trouble::new(
        format!(
            "A reader of NFQUEUE {number} {how}. All packets that waited were let pass, {passed}; a new reader goes on."
        ),
        "",
    )
}

/// Nobody holds the queue any more; `last` is what was said last.
pub(super) fn over(number: u16, last: Option<Word>) -> Trouble {
    let reason = match last {
        Some(Word::GaveUp) => format!(
            "Readers of NFQUEUE {number} ended again and again, so it was given up. All packets that waited were let pass; those \
             that come pass unseen where the rule has --queue-bypass."
        ),
        Some(Word::Left) => format!(
            "The watchdog of NFQUEUE {number} was ended from outside. All packets that waited were let pass; those that come pass \
             unseen where the rule has --queue-bypass."
        ),
        _ => format!(
            "The watchdog of NFQUEUE {number} and its reader were ended from outside. The kernel dropped the packets that waited at \
             that instant, {MOST_WAITING} at most; those that come pass unseen where the rule has --queue-bypass."
        ),
    };
    Trouble::new(reason, "")
}
