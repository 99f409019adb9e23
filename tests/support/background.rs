//! A thread that drives a service of a test, so that the test itself may block.

use std::thread;

use tokio::{
    runtime::{self, Handle},
    sync::oneshot,
};

/// The thread; `Drop` ends it, and every connection made on it.
#[derive(Debug)]
pub struct Background {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Background {
    /// Starts the thread.
    #[must_use]
    pub fn start() -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            // An error is the sender's end: the same wish.
            drop(runtime.block_on(ended));
        });
        Self {
            handle,
            end: Some(end),
            thread: Some(thread),
        }
    }

    /// Runs a future to its end on the caller's thread, while the thread drives what it waits for.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
