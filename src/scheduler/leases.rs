//! The blocks in flight: one entry each, found by lease in O(1), listed by worker.
//!
//! Entries are reused. A lease holds the entry's index and its generation, so that a lease of a former use matches no
//! entry.

use super::event::{Lease, Time, WorkerId};
use crate::plan::{BlockId, TaskId};

/// The index of an entry; `NONE` ends a list.
type EntryIndex = u32;

/// No entry.
const NONE: EntryIndex = EntryIndex::MAX;

/// A block in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub block: BlockId,
    pub worker: WorkerId,
    /// When it was handed out.
    pub since: Time,
    generation: u32,
    previous: EntryIndex,
    next: EntryIndex,
}

/// A worker's blocks in flight, oldest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlightList {
    first: EntryIndex,
    last: EntryIndex,
}

impl Default for FlightList {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

/// All blocks in flight.
#[derive(Debug, Default)]
pub(super) struct Leases {
    entries: Vec<Flight>,
    free: Vec<EntryIndex>,
}

/// In an entry that is free, instead of a worker.
const NOBODY: WorkerId = WorkerId(u32::MAX);

impl Leases {
    #[inline]
    pub fn grant(&mut self, block: BlockId, worker: WorkerId, since: Time, list: &mut FlightList) -> Lease {
        let index = self.free.pop().unwrap_or_else(|| self.new_entry());
        let previous = list.last;
        match self.entries.get_mut(previous as usize) {
            Some(last) => last.next = index,
            None => list.first = index,
        }
        list.last = index;
        let entry = &mut self.entries[index as usize];
        *entry = Flight { block, worker, since, generation: entry.generation, previous, next: NONE };
        lease_of(index, entry.generation)
    }

    /// The block that `worker` was given under `lease`, unless it was taken back.
    #[inline]
    pub fn find(&self, lease: Lease, worker: WorkerId) -> Option<&Flight> {
        // The low half is the index, the high half the generation.
        let (index, generation) = (lease.0 as u32, (lease.0 >> 32) as u32);
        let entry = self.entries.get(index as usize)?;
        (entry.generation == generation && entry.worker == worker).then_some(entry)
    }

    /// Ends a lease that [`find`](Self::find) found.
    #[inline]
    pub fn end(&mut self, lease: Lease, list: &mut FlightList) {
        self.end_at(lease.0 as u32, list);
    }

    /// The oldest block of a list, with its lease.
    #[inline]
    pub fn first(&self, list: &FlightList) -> Option<(Lease, &Flight)> {
        let flight = self.entries.get(list.first as usize)?;
        Some((lease_of(list.first, flight.generation), flight))
    }

    /// Ends the oldest lease of a list.
    pub fn end_first(&mut self, list: &mut FlightList) -> Option<Flight> {
        let flight = *self.entries.get(list.first as usize)?;
        self.end_at(list.first, list);
        Some(flight)
    }

    #[inline]
    fn end_at(&mut self, index: EntryIndex, list: &mut FlightList) {
        let Flight { previous, next, generation, .. } = self.entries[index as usize];
        match self.entries.get_mut(previous as usize) {
            Some(entry) => entry.next = next,
            None => list.first = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(entry) => entry.previous = previous,
            None => list.last = previous,
        }
        let entry = &mut self.entries[index as usize];
        entry.worker = NOBODY;
        entry.generation = generation.wrapping_add(1);
        self.free.push(index);
    }

    /// Returns whether any lease was ever granted.
    pub fn has_granted(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Number of blocks in flight.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// All blocks in flight, in no particular order that matters.
    pub fn iter(&self) -> impl Iterator<Item = &Flight> {
        self.entries.iter().filter(|entry| entry.worker != NOBODY)
    }

    fn new_entry(&mut self) -> EntryIndex {
        let index = EntryIndex::try_from(self.entries.len()).unwrap_or(NONE);
        assert!(index != NONE, "fewer than 2^32 - 1 blocks are in flight");
        let block = BlockId { task: TaskId(0), index: 0 };
        self.entries.push(Flight {
            block,
            worker: NOBODY,
            since: 0,
            generation: 0,
            previous: NONE,
            next: NONE,
        });
        index
    }
}

/// The low half is the index, the high half the generation.
#[inline]
fn lease_of(index: EntryIndex, generation: u32) -> Lease {
    Lease(u64::from(generation) << 32 | u64::from(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn block(index: u64) -> BlockId {
        BlockId { task: TaskId(0), index }
    }

    #[test]
    fn a_lease_is_good_once() {
        let mut leases = Leases::default();
        let mut list = FlightList::default();
        let lease = leases.grant(block(7), WorkerId(1), 0, &mut list);
        assert!(leases.find(lease, WorkerId(2)).is_none(), "another worker's lease");
        assert_eq!(leases.find(lease, WorkerId(1)).map(|f| f.block), Some(block(7)));
        leases.end(lease, &mut list);
        let again = leases.grant(block(8), WorkerId(1), 0, &mut list);
        assert_ne!(lease, again);
        assert!(leases.find(lease, WorkerId(1)).is_none(), "the old lease of an entry that is used again");
        assert!(leases.find(Lease(u64::MAX), WorkerId(1)).is_none());
    }

    #[test]
    fn a_workers_list_keeps_its_order() {
        let mut leases = Leases::default();
        let (mut a, mut b) = (FlightList::default(), FlightList::default());
        let granted: Vec<Lease> = (0..4).map(|i| leases.grant(block(i), WorkerId(0), 0, &mut a)).collect();
        leases.grant(block(9), WorkerId(1), 0, &mut b);
        leases.end(granted[1], &mut a);
        leases.grant(block(5), WorkerId(0), 0, &mut a);
        let mut order = Vec::new();
        while let Some(flight) = leases.end_first(&mut a) {
            order.push(flight.block.index);
        }
        assert_eq!(order, [0, 2, 3, 5]);
        assert_eq!((leases.len(), leases.iter().count()), (1, 1));
    }
}
