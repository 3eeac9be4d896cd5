//! Before any work: whether there are other ranks, a transport to them, and whether all would run the same.

pub(super) mod handshake;
pub(super) mod launcher;
pub(super) mod losses;
pub(super) mod membership;
