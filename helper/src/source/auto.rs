//! Which sources are read where nobody said so: the best that works.
//!
//! Of what the kernel tells of the firewall the own table shows most, then its log as it is written, then the journal that copies
//! it, then the files that a syslog daemon makes of it. Each is read in the place of those before it, while none of them is to be
//! had. So each has a task of its own that looks at two things: is one before it served, and how does it fare itself.

use std::sync::Arc;

use tokio::sync::watch;
use wallwatch_dbus::SourceState;

use super::{
    health::{Health, Report},
    keeper::Wish,
};
use crate::config::Choice;

/// Says whether the own table serves, for as long as the helper runs.
pub async fn capture(
    mut wishes: watch::Receiver<Wish>,
    health: Arc<Health>,
    next: watch::Sender<bool>,
) {
    let mut reports = health.watch();
    let mut fails = false;
    loop {
        fails = fails_now(&mut reports, fails);
        tell(&next, wishes.borrow_and_update().on && !fails);
        let news =
            tokio::select! { news = wishes.changed() => news, news = reports.changed() => news };
        if news.is_err() {
            return;
        }
    }
}

/// Has a source read as the administrator chose: `auto` is while none before it serves. Says whether it or one before it does.
pub async fn stand_in(
    mut before: watch::Receiver<bool>,
    choice: Choice,
    wish: watch::Sender<Wish>,
    health: Arc<Health>,
    next: watch::Sender<bool>,
) {
    let mut reports = health.watch();
    let mut fails = false;
    loop {
        let covered = *before.borrow_and_update();
        let wanted = match choice {
            Choice::Auto => !covered,
            Choice::On => true,
            Choice::Off => false,
        };
        wish.send_if_modified(|wish| wish.turn(wanted));
        fails = fails_now(&mut reports, fails);
        tell(&next, covered || (wanted && !fails));
        let news =
            tokio::select! { news = before.changed() => news, news = reports.changed() => news };
        if news.is_err() {
            return;
        }
    }
}

/// Does the source fail? While it is tried again it is taken to do as it did before.
fn fails_now(reports: &mut watch::Receiver<Report>, before: bool) -> bool {
    match reports.borrow_and_update().state {
        Some(state) => state == SourceState::Failed,
        None => before,
    }
}

fn tell(next: &watch::Sender<bool>, now: bool) {
    next.send_if_modified(|old| std::mem::replace(old, now) != now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Trouble;

    /// Two sources behind the own table.
    struct Ladder {
        capture: watch::Sender<Wish>,
        nflog: Arc<Health>,
        first: Rung,
        second: Rung,
    }

    struct Rung {
        health: Arc<Health>,
        wish: watch::Receiver<Wish>,
    }

    impl Rung {
        fn new(choice: Choice, before: watch::Receiver<bool>) -> (Self, watch::Receiver<bool>) {
            let health = Arc::new(Health::new("source"));
            let (wish_in, wish) = watch::channel(Wish::default());
            let (next, behind) = watch::channel(false);
            tokio::spawn(stand_in(before, choice, wish_in, Arc::clone(&health), next));
            (Self { health, wish }, behind)
        }

        fn fail(&self) {
            self.health.failed(0, &Trouble::new("It is broken.", ""));
        }
    }

    impl Ladder {
        fn new(on: bool, choices: [Choice; 2]) -> Self {
            let (capture_in, wishes) = watch::channel(Wish { on, number: 1 });
            let nflog = Arc::new(Health::new("nflog"));
            let (next, behind) = watch::channel(on);
            tokio::spawn(capture(wishes, Arc::clone(&nflog), next));
            let (first, behind) = Rung::new(choices[0], behind);
            let (second, _) = Rung::new(choices[1], behind);
            Self {
                capture: capture_in,
                nflog,
                first,
                second,
            }
        }

        /// Which of the two are wanted, once everybody has looked.
        async fn wanted(&self) -> (bool, bool) {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            (self.first.wish.borrow().on, self.second.wish.borrow().on)
        }
    }

    #[tokio::test]
    async fn each_source_stands_in_for_those_before_it() {
        let ladder = Ladder::new(true, [Choice::Auto; 2]);
        assert_eq!(ladder.wanted().await, (false, false));
        ladder.nflog.failed(1, &Trouble::new("No nft.", ""));
        assert_eq!(ladder.wanted().await, (true, false));
        ladder.first.fail();
        assert_eq!(ladder.wanted().await, (true, true));
        ladder.first.health.opening(1);
        assert_eq!(
            ladder.wanted().await,
            (true, true),
            "it is only tried again"
        );
        ladder.first.health.working(1);
        assert_eq!(ladder.wanted().await, (true, false));
        ladder.nflog.working(2);
        assert_eq!(ladder.wanted().await, (false, false));
        ladder.capture.send_modify(|wish| wish.on = false);
        assert_eq!(ladder.wanted().await, (true, false));
    }

    #[tokio::test]
    async fn what_the_administrator_chose_is_kept() {
        let ladder = Ladder::new(true, [Choice::Off, Choice::On]);
        assert_eq!(ladder.wanted().await, (false, true));
        ladder.nflog.failed(1, &Trouble::new("No nft.", ""));
        assert_eq!(ladder.wanted().await, (false, true));
    }

    #[tokio::test]
    async fn one_that_is_off_is_passed_over() {
        let ladder = Ladder::new(false, [Choice::Off, Choice::Auto]);
        assert_eq!(ladder.wanted().await, (false, true));
    }
}
