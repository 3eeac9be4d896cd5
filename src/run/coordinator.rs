//! Rank 0: the loop that moves messages, and what it keeps for people.

pub(super) mod event_loop;
mod heartbeats;
mod ledger;
