//! A worker: acquires blocks, processes them, releases them.
//!
//! There is one loop for all: `while let Some(block) = worker.acquire()? { ..; worker.release(block, outcome)?; }`.
//! The closures of tasks run in it (`processing`), and so do programs that own their loop. Behind it stands one of
//! two sources of blocks: with one slot, the thread that processes also talks to rank 0 (`single_slot`); with several,
//! a communication thread does (`pool`).

pub(super) mod block_source;
pub(super) mod body;
mod outcome;
mod pool;
mod processing;
pub(super) mod shared_helper;
mod single_slot;
pub(super) mod slot;
mod sync;
#[cfg(test)]
mod tests;
mod timeouts;
pub(super) mod uplink;
mod watch;
pub(super) mod work;
