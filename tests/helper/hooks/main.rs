//! Scripts that run on events of the firewall: the shipped examples with their real peers, the limits, and hostile text.

mod examples;
mod floods;
mod hostile;
mod stage;
mod trouble;
