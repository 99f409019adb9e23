//! The reader: lets packets pass and hands copies of them on. It waits for packets, and for nothing else.

use std::{
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
};

use super::{
    outlet::{Outlet, PAUSE, Sheaf},
    page::Page,
    queue::{Queue, batch},
    word::Word,
};
use crate::{
    clock,
    decode::nfqueue::packet_id,
    sys::{
        batch::Batch,
        poll::{For, wait},
    },
};

/// So many reads before it is looked whether watchdog and helper are still there.
const READS_A_TURN: usize = 16;
/// The exit code of a reader whose queue failed.
const FAILED: u8 = 1;

/// Reads until the watchdog is gone, which is seen by the end of `leash`, or the helper; then it gives the queue back. The watchdog does
/// so too when the helper is gone; but it may be the one that was stopped.
pub(super) fn read(queue: &Queue, page: &Page, leash: &UnixStream, outlet: &Outlet) -> u8 {
    let mut reader = Reader {
        queue,
        page,
        leash,
        outlet,
        batch: batch(),
        sheaf: Sheaf::new(outlet),
    };
    loop {
        match reader.turn() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return FAILED,
        }
    }
    if queue.leave(page.read()).is_err() {
        return FAILED;
    }
    reader.sheaf.write(clock::moment());
    outlet.say(Word::Left);
    0
}

struct Reader<'a> {
    queue: &'a Queue,
    page: &'a Page,
    leash: &'a UnixStream,
    outlet: &'a Outlet,
    batch: Batch,
    sheaf: Sheaf<'a>,
}

impl Reader<'_> {
    /// Waits for packets and works on those that are there; false when the watchdog is gone, or the helper.
    fn turn(&mut self) -> io::Result<bool> {
        let ends = [
            (self.queue.as_fd(), For::Input),
            (self.leash.as_fd(), For::Gone),
            (self.outlet.as_fd(), For::Gone),
        ];
        let [packets, alone, unheard] = wait(ends, self.sheaf.waits().then_some(PAUSE))?;
        if alone || unheard {
            return Ok(false);
        }
        if !packets {
            self.sheaf.write(clock::moment());
            return Ok(true);
        }
        for _ in 0..READS_A_TURN {
            // From here on the watchdog knows that packets may be in our hands alone.
            self.page.beat();
            let worked = self.work();
            self.page.beat();
            if !worked? {
                break;
            }
        }
        Ok(true)
    }

    /// Reads what is there, lets it pass, and only then hands it on; false when nothing was there.
    fn work(&mut self) -> io::Result<bool> {
        if !self.queue.receive(&mut self.batch)? {
            return Ok(false);
        }
        let (mut last, mut cut) = (None, false);
        for (datagram, bytes) in self.batch.iter() {
            cut |= datagram.truncated;
            last = packet_id(bytes).or(last);
        }
        if let Some(last) = last {
            self.page.set_read(last);
        }
        if cut {
            // The number of what was cut is not known.
            self.queue.accept_all(self.page.read())?;
        } else if let Some(last) = last {
            self.queue.accept(last)?;
        }
        self.sheaf.hand_on(&self.batch, clock::moment());
        Ok(true)
    }
}
