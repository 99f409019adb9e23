//! Has the hooks of a configuration listen to detection and their runner be told, until another configuration comes.

use std::{path::Path, path::PathBuf, sync::Arc};

use tokio::task::JoinHandle;

use super::{Hooks, desk::Desk, outlet::Outlet, tap::Taps};
use crate::{board::Board, clock, intake::Intake};

/// The hooks that are in force.
#[derive(Debug)]
pub struct Keeper {
    intake: Arc<Intake>,
    board: Arc<Board>,
    hooks: Hooks,
    socket: PathBuf,
    outlet: Option<JoinHandle<()>>,
}

impl Keeper {
    /// No hooks yet. They will listen to `intake`, and `board` will show how they fare.
    #[must_use]
    pub fn new(intake: Arc<Intake>, board: Arc<Board>) -> Self {
        Self {
            intake,
            board,
            hooks: Hooks::default(),
            socket: PathBuf::new(),
            outlet: None,
        }
    }

    /// Puts these hooks in force, in place of others, whose runner listens at `socket`. Where nothing changes nothing is lost; else
    /// what waits for the others is gone.
    pub fn set(&mut self, hooks: &Hooks, socket: &Path) {
        if self.hooks == *hooks && self.socket == socket {
            return;
        }
        self.hooks = hooks.clone();
        socket.clone_into(&mut self.socket);
        if let Some(outlet) = self.outlet.take() {
            outlet.abort();
        }
        if hooks.is_empty() {
            self.intake.set_taps(None);
            self.board.show_hooks(None);
            return;
        }
        let desk = Arc::new(Desk::new(hooks, clock::moment()));
        let outlet = Outlet::new(Arc::clone(&desk), socket.to_owned());
        self.outlet = Some(tokio::spawn(outlet.run()));
        let taps = Taps::new(hooks, Arc::clone(&desk));
        self.intake.set_taps(Some(Box::new(taps)));
        self.board.show_hooks(Some(desk));
    }
}
