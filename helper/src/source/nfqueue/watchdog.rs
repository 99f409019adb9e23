//! The watchdog: a process of its own that holds the queue together with its reader, and sees to it that packets never stand still.
//!
//! The kernel binds a queue to a socket, not to a process. The watchdog opens the socket and starts the reader, which inherits it. So
//! whichever of the two ends, the queue stays, and the other one lets pass what waits in it: the watchdog ends a reader that stands
//! still, lets all pass and starts another; the reader gives the queue back when its watchdog is gone. Both end with the helper, whose
//! pipes they watch. Only where both are killed at once the kernel drops what waits at that instant.

use std::{
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::Duration,
};

use super::{
    outlet::{Outlet, Sheaf},
    page::Page,
    queue::Queue,
    reader,
    vigil::{Tries, Vigil},
    word::{Why, Word},
};
use crate::{
    clock,
    sys::{
        poll::{For, wait},
        process::{Twin, ignore_termination, set_name},
    },
};

/// While a reader ends, what waits is let pass so often.
const PAUSE: Duration = Duration::from_millis(20);

/// Holds the queue until the helper is gone, or no reader lasts.
pub(crate) fn run(number: u16) -> io::Result<()> {
    // systemd sends SIGTERM to the helper and to us at once; we end when it has ended.
    ignore_termination();
    set_name(c"nfqueue-watch");
    let outlet = Outlet::new()?;
    let page = Page::new()?;
    let mut first = Sheaf::new(&outlet);
    let bound = Queue::bind(number, |batch| first.hand_on(batch, clock::moment()));
    first.write(clock::moment());
    let queue = match bound {
        Ok(queue) => queue,
        Err(error) => {
            outlet.say(Word::Refused(error.raw_os_error().unwrap_or_default()));
            return Ok(());
        }
    };
    outlet.say(Word::Bound);
    let watchdog = Watchdog {
        queue,
        page,
        outlet,
    };
    let watched = watchdog.watch();
    // Whatever happened: nothing that waits is lost.
    watchdog.queue.leave(watchdog.page.read())?;
    if !matches!(watched, Ok(Over::Unwanted)) {
        watchdog.outlet.say(Word::GaveUp);
    }
    watched.map(|_| ())
}

/// Why the watch is over.
enum Over {
    /// The helper is gone.
    Unwanted,
    /// No reader lasts.
    GaveUp,
}

/// What one look brought.
enum Look {
    /// All is well.
    Well,
    /// The helper is gone.
    Unwanted,
    /// The reader ended, or has to be ended.
    Reader(Why),
}

struct Watchdog {
    queue: Queue,
    page: Page,
    outlet: Outlet,
}

impl Watchdog {
    /// Keeps a reader at work.
    fn watch(&self) -> io::Result<Over> {
        let mut tries = Tries::default();
        loop {
            let (reader, leash) = self.start()?;
            let mut vigil = Vigil::new(self.page.pulse().0, clock::moment());
            let why = loop {
                match self.look(&leash, &mut vigil) {
                    Ok(Look::Well) => {}
                    Ok(Look::Reader(why)) => break why,
                    Ok(Look::Unwanted) => {
                        self.end(reader, &leash)?;
                        return Ok(Over::Unwanted);
                    }
                    Err(error) => {
                        self.end(reader, &leash)?;
                        return Err(error);
                    }
                }
            };
            self.end(reader, &leash)?;
            let read = self.page.read();
            self.outlet.say(Word::Ended { why, read });
            if !tries.again(clock::moment()) {
                return Ok(Over::GaveUp);
            }
        }
    }

    /// Starts a reader; returns it and what tells of its end.
    fn start(&self) -> io::Result<(Twin, UnixStream)> {
        self.page.rest();
        let (ours, its) = UnixStream::pair()?;
        Twin::start(ours, move |ours| {
            drop(ours); // held here too, its end would never be seen
            set_name(c"nfqueue-read");
            reader::read(&self.queue, &self.page, &its, &self.outlet)
        })
    }

    /// Waits for the next look, or until something happens, and tells what.
    fn look(&self, leash: &UnixStream, vigil: &mut Vigil) -> io::Result<Look> {
        let ends = [(self.outlet.as_fd(), For::Gone), (leash.as_fd(), For::Gone)];
        let [unwanted, ended] = wait(ends, Some(vigil.pause(clock::moment())))?;
        if unwanted {
            return Ok(Look::Unwanted);
        }
        if ended {
            return Ok(Look::Reader(Why::Died));
        }
        let (beat, at_work) = self.page.pulse();
        let [waiting] = wait([(self.queue.as_fd(), For::Input)], Some(Duration::ZERO))?;
        let still = vigil.stands_still(beat, at_work || waiting, clock::moment());
        Ok(if still {
            Look::Reader(Why::Still)
        } else {
            Look::Well
        })
    }

    /// Ends the reader, and lets pass what waits while that takes its time.
    fn end(&self, reader: Twin, leash: &UnixStream) -> io::Result<()> {
        reader.kill();
        loop {
            self.queue.accept_all(self.page.read())?;
            if let [true] = wait([(leash.as_fd(), For::Gone)], Some(PAUSE))? {
                break;
            }
        }
        reader.wait()?;
        // It may have read more before it ended; that is known to the page now.
        self.queue.accept_all(self.page.read())
    }
}
