//! One incident's popup: what it shall say, and when it may say it.

use tokio::time::{Duration, Instant};
use wallwatch_dbus::{Alert, Severity};

/// A popup is replaced at most this often; a flood changes its incident several times a second.
const BETWEEN_UPDATES: Duration = Duration::from_secs(1);

/// What a popup says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) summary: String,
    pub(super) body: String,
    pub(super) severity: Severity,
}

/// Where the popup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// It was never shown, or the server that showed it is gone.
    #[default]
    Nowhere,
    /// On the screen or in the server's list, under this id.
    Shown(u32),
    /// It went by itself, or the user knows of the incident; it comes back only when the incident gets worse than this.
    Gone(Severity),
    /// The user closed it: it never comes back.
    ClosedByUser,
}

/// One incident's popup.
#[derive(Debug, Default)]
pub(super) struct Incident {
    place: Place,
    /// What it shall say and has not said yet.
    wanted: Option<Content>,
    /// Since when there is something that is not shown, be it wanted or in flight.
    wanted_at: Option<Instant>,
    /// What was sent last.
    sent: Option<Content>,
    sent_at: Option<Instant>,
    /// Is a call in flight?
    in_flight: bool,
    /// Is what is in flight not to be said again, should the call fail?
    once_only: bool,
    /// Was it ever on the screen?
    was_shown: bool,
}

impl Incident {
    /// An incident that pops up only when it gets worse than this.
    pub(super) fn known(severity: Severity) -> Self {
        Self {
            place: Place::Gone(severity),
            ..Self::default()
        }
    }

    /// The incident is now so.
    pub(super) fn want(&mut self, alert: &Alert, now: Instant) {
        let content = super::content(alert);
        if self.is_news(&content) {
            self.wanted = Some(content);
            self.wanted_at.get_or_insert(now);
        } else {
            self.wanted = None;
            self.settle();
        }
    }

    /// Forgets since when something is not shown, where everything is.
    const fn settle(&mut self) {
        if self.wanted.is_none() && !self.in_flight {
            self.wanted_at = None;
        }
    }

    /// Would this tell the user more than the popup, or its absence, does?
    fn is_news(&self, content: &Content) -> bool {
        match self.place {
            Place::ClosedByUser => false,
            Place::Gone(severity) => content.severity > severity,
            Place::Nowhere => true,
            Place::Shown(_) => self.sent.as_ref() != Some(content),
        }
    }

    /// Has it something to say?
    pub(super) const fn wants(&self) -> bool {
        self.wanted.is_some()
    }

    /// What it has to say is not to be said, nor said again.
    pub(super) fn drop_wanted(&mut self) {
        self.wanted = None;
        self.wanted_at = None;
        self.once_only = self.in_flight;
    }

    /// When it may be sent; none where there is nothing to send, or a call is in flight.
    pub(super) fn due(&self) -> Option<Instant> {
        let wanted_at = self.wanted_at.filter(|_| self.wants() && !self.in_flight)?;
        Some(self.sent_at.map_or(wanted_at, |sent_at| {
            wanted_at.max(sent_at + BETWEEN_UPDATES)
        }))
    }

    /// Takes what is to be sent, with the id of the popup it replaces (0: a new one).
    pub(super) fn take(&mut self, now: Instant) -> Option<(Content, u32)> {
        let content = self.wanted.take()?;
        self.in_flight = true;
        self.once_only = false;
        self.sent_at = Some(now);
        self.sent = Some(content.clone());
        let replaces = match self.place {
            Place::Shown(popup) => popup,
            _ => 0,
        };
        Some((content, replaces))
    }

    /// The server shows it, under this id; none where that server is gone already. Is it the first time?
    pub(super) fn shown(&mut self, popup: Option<u32>) -> bool {
        self.in_flight = false;
        self.settle();
        // A popup that the user closed while it was being replaced stays closed for what comes next.
        if self.place != Place::ClosedByUser {
            self.place = popup.map_or(Place::Nowhere, Place::Shown);
        }
        !std::mem::replace(&mut self.was_shown, true)
    }

    /// The server did not show it: it shall be said again, as a new popup, unless there is something newer or it is no news now.
    pub(super) fn failed(&mut self, content: Content) {
        self.in_flight = false;
        self.sent = None;
        self.sent_at = None;
        if matches!(self.place, Place::Shown(_)) {
            self.place = Place::Nowhere;
        }
        let again = Some(content).filter(|content| !self.once_only && self.is_news(content));
        self.wanted = self.wanted.take().or(again);
        self.settle();
    }

    /// Is this the id of its popup?
    pub(super) fn is(&self, popup: u32) -> bool {
        self.place == Place::Shown(popup)
    }

    /// Its popup went.
    pub(super) fn closed(&mut self, by_user: bool) {
        let severity = self
            .sent
            .as_ref()
            .map_or(Severity::Critical, |sent| sent.severity);
        self.place = if by_user {
            Place::ClosedByUser
        } else {
            Place::Gone(severity)
        };
        if by_user
            || self
                .wanted
                .as_ref()
                .is_some_and(|wanted| wanted.severity <= severity)
        {
            self.drop_wanted();
        }
    }

    /// The server is gone, and the id with it. A popup that it had shown is not shown again for that.
    pub(super) fn forget_popup(&mut self) {
        if let (Place::Shown(_), Some(sent)) = (self.place, &self.sent) {
            self.place = Place::Gone(sent.severity);
            // What was waiting is no news of this popup any more.
            let severity = sent.severity;
            if self
                .wanted
                .as_ref()
                .is_some_and(|wanted| wanted.severity <= severity)
            {
                self.drop_wanted();
            }
        }
    }

    /// Was it ever on the screen?
    pub(super) const fn was_shown(&self) -> bool {
        self.was_shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(severity: u8, packets: u64) -> Alert {
        Alert {
            id: 1,
            severity,
            packets,
            kind: "tcp-syn-scan".to_owned(),
            ..Alert::default()
        }
    }

    fn shown() -> (Incident, Instant) {
        let start = Instant::now();
        let mut incident = Incident::default();
        incident.want(&alert(3, 1), start);
        assert_eq!(incident.take(start).map(|(_, replaces)| replaces), Some(0));
        assert!(incident.shown(Some(7)));
        (incident, start)
    }

    #[test]
    fn an_update_replaces_the_popup_at_most_once_a_second() {
        let (mut incident, start) = shown();
        incident.want(&alert(3, 2), start);
        incident.want(&alert(3, 3), start);
        assert_eq!(incident.due(), Some(start + BETWEEN_UPDATES));
        let (content, replaces) = incident.take(start + BETWEEN_UPDATES).unwrap();
        assert!(content.body.contains("3 packets"), "{}", content.body);
        assert_eq!(replaces, 7);
    }

    #[test]
    fn what_says_nothing_new_is_not_sent() {
        let (mut incident, start) = shown();
        incident.want(&alert(3, 1), start);
        assert!(!incident.wants());
    }

    #[test]
    fn what_the_user_closed_never_comes_back() {
        let (mut incident, start) = shown();
        incident.closed(true);
        incident.want(&alert(5, 9), start);
        assert!(!incident.wants());
    }

    #[test]
    fn what_went_by_itself_comes_back_only_when_it_gets_worse() {
        let (mut incident, start) = shown();
        incident.closed(false);
        incident.want(&alert(3, 2), start);
        assert!(!incident.wants());
        incident.want(&alert(4, 3), start);
        assert_eq!(incident.take(start + BETWEEN_UPDATES).unwrap().1, 0);
    }

    #[test]
    fn one_call_is_in_flight_at_a_time_and_a_failed_one_is_made_again_anew() {
        let (mut incident, start) = shown();
        incident.want(&alert(3, 2), start);
        let (content, _) = incident.take(start).unwrap();
        incident.want(&alert(3, 3), start);
        assert_eq!(incident.due(), None);
        incident.failed(content);
        let (content, replaces) = incident.take(start).unwrap();
        assert!(
            content.body.contains("3 packets"),
            "the newest is sent: {}",
            content.body
        );
        assert_eq!(replaces, 0);
    }

    #[test]
    fn a_popup_that_fails_again_and_again_is_as_old_as_its_first_try() {
        let start = Instant::now();
        let mut incident = Incident::default();
        incident.want(&alert(3, 1), start);
        for seconds in [0, 2, 4] {
            let (content, _) = incident.take(start + Duration::from_secs(seconds)).unwrap();
            incident.failed(content);
        }
        assert_eq!(incident.due(), Some(start));
    }

    #[test]
    fn a_call_in_flight_that_fails_when_a_pause_began_is_not_made_again() {
        let start = Instant::now();
        let mut incident = Incident::default();
        incident.want(&alert(3, 1), start);
        let (content, _) = incident.take(start).unwrap();
        incident.drop_wanted();
        incident.failed(content);
        assert!(!incident.wants());
        incident.want(&alert(3, 2), start);
        assert!(incident.wants(), "after the pause there is news");
    }

    #[test]
    fn an_update_that_dies_with_its_server_does_not_pop_up_on_the_next_one() {
        let (mut incident, start) = shown();
        incident.want(&alert(3, 2), start);
        let (content, _) = incident.take(start + BETWEEN_UPDATES).unwrap();
        incident.forget_popup();
        incident.failed(content);
        assert!(!incident.wants());
    }

    #[test]
    fn what_the_user_closes_while_it_is_replaced_stays_closed() {
        let (mut incident, start) = shown();
        incident.want(&alert(3, 2), start);
        incident.take(start + BETWEEN_UPDATES).unwrap();
        incident.closed(true);
        incident.shown(Some(7));
        incident.want(&alert(3, 3), start);
        assert!(!incident.wants());
    }
}
