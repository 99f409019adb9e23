//! What is changed while the helper runs: rules are added and removed, and the configuration is read again.
//!
//! One task does it all, one order after the other, so that no two of them meet.

use std::{path::PathBuf, sync::Arc};

use tokio::{
    signal::unix::Signal,
    sync::{mpsc, oneshot},
};
use wallwatch_dbus::Rule as Record;

use crate::{
    board::Board,
    config::Config,
    failure::escape_control,
    hook,
    intake::Intake,
    journal,
    rules::{self, Keeper, Rule},
    sources::Sources,
    store::History,
};

/// So many orders may wait.
pub const MOST_ORDERS: usize = 16;

/// What somebody asks for, who is allowed to, and where the answer goes.
#[derive(Debug)]
pub enum Order {
    /// To add a rule for the account of this number.
    Add(Box<Rule>, u32, oneshot::Sender<Result<u64, rules::Error>>),
    /// To remove the rule of this number.
    Remove(u64, oneshot::Sender<Result<(), rules::Error>>),
    /// To list all rules.
    List(oneshot::Sender<Vec<Record>>),
    /// To read the configuration again; the error is a sentence.
    Reload(oneshot::Sender<Result<(), String>>),
}

/// Whoever carries the orders out.
#[derive(Debug)]
pub struct Steward {
    /// The file that the command line named.
    pub path: Option<PathBuf>,
    /// The configuration that holds.
    pub config: Config,
    /// The rules, those of the configuration and those that were added.
    pub rules: Keeper,
    /// The hooks of the configuration.
    pub hooks: hook::keeper::Keeper,
    /// Detection.
    pub intake: Arc<Intake>,
    /// What is remembered.
    pub history: History,
    /// The sources that are kept open.
    pub sources: Sources,
    /// What is known of the helper itself.
    pub board: Arc<Board>,
}

impl Steward {
    /// Carries out orders for ever; a hangup is the order to read the configuration again.
    pub async fn serve(&mut self, mut orders: mpsc::Receiver<Order>, hangups: &mut Option<Signal>) {
        if let Some(complaint) = self.rules.complaint() {
            self.board.complain_of_rules(complaint);
        }
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                () = hung_up(hangups) => {
                    // Whatever is wrong stands in the journal and in the status.
                    _ = self.reload().await;
                }
            }
        }
    }

    /// Has every source closed but the own table, which its switch closes.
    pub async fn end(self) {
        self.sources.end().await;
    }

    async fn obey(&mut self, order: Order) {
        // Whoever asked may be gone; what was asked for is done all the same.
        match order {
            Order::Add(rule, uid, reply) => {
                let answer = self.rules.add(*rule, uid).await;
                self.take_over_rules();
                _ = reply.send(answer);
            }
            Order::Remove(id, reply) => {
                let answer = self.rules.remove(id).await;
                self.take_over_rules();
                _ = reply.send(answer);
            }
            Order::List(reply) => _ = reply.send(self.rules.list()),
            Order::Reload(reply) => _ = reply.send(self.reload().await),
        }
    }

    /// Has detection go by the present rules.
    fn take_over_rules(&self) {
        let rules = self.rules.rules();
        self.board.know_rules(rules.clone());
        self.intake.set_rules(rules);
    }

    /// Reads the configuration again and goes by it. Where it is wrong the one before goes on.
    async fn reload(&mut self) -> Result<(), String> {
        let answer = match Config::load(self.path.as_deref()) {
            Ok(config) => {
                self.take_over(config).await;
                Ok(())
            }
            Err(error) => {
                let sentence = escape_control(&error.to_string());
                Err(format!(
                    "{sentence} (until it is mended the configuration before it holds)."
                ))
            }
        };
        let complaint = answer.as_ref().err().map_or("", String::as_str);
        self.board.complain_of_config(complaint);
        match &answer {
            Ok(()) => journal::say(&"the configuration was read again, and holds"),
            Err(sentence) => journal::say(sentence),
        }
        answer
    }

    /// Goes by another configuration: each part that changed takes effect at once.
    async fn take_over(&mut self, new: Config) {
        self.rules.fix(new.rules.clone());
        self.take_over_rules();
        if new.detect != self.config.detect {
            self.intake.set_thresholds(new.detect);
        }
        if new.history != self.config.history {
            self.history.limit(new.history);
        }
        self.hooks.set(&new.hooks, &new.hook_socket);
        self.board.capture.fix(new.capture_fixed());
        let started = self.sources.follow(&self.config, &new).await;
        if started {
            self.board.know_sources(self.sources.healths());
        }
        self.config = new;
    }
}

/// Waits for the next hangup; for ever where there can be none.
async fn hung_up(hangups: &mut Option<Signal>) {
    match hangups {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
