//! How far something is to be feared: the heading of a sentence, which says the same.

use wallwatch_dbus::words;

words! {
    /// How far something is to be feared.
    pub enum Outlook {
        /// The headers alone show it to be a part of every network.
        Fine = "nothing to fear",
        /// It is harmless if it is what it looks like.
        Likely = "probably nothing to fear",
        /// It breaks rules, so that nobody takes it.
        Void = "odd, but harmless",
        /// No attack by itself; who sent it ought to be known.
        Odd = "odd, worth a look",
        /// A piece of an attack, where more of it come.
        Probe = "probe",
    }
}
