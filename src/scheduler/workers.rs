//! The workers, and which of them gets the next block.
//!
//! A worker with a free slot is *idle*. One whose slots are all busy may still hold a few blocks ahead (its
//! *credits*), so that it never waits for a message. Both kinds queue in order of arrival, each worker at most once
//! in each queue.

use std::collections::VecDeque;

use super::event::{Time, WorkerId};
use super::leases::FlightList;

#[derive(Debug, Default)]
pub(super) struct Worker {
    /// How many blocks it processes at once, but for slots that hang; 0 for a worker that is not there.
    pub slots: u32,
    /// The same, but 0 while it gets no blocks.
    open_slots: u32,
    /// Whether it gets no more blocks, whatever happens.
    is_retired: bool,
    /// How many of its slots hang.
    n_hung: u32,
    /// Whether it came with a single slot.
    pub is_single: bool,
    /// When it answered last for a block.
    pub last_answer: Time,
    pub in_flight: u32,
    pub flights: FlightList,
    /// Whether it was asked to give back what it holds ahead, and has not answered.
    is_recalled: bool,
    is_idle_queued: bool,
    is_ahead_queued: bool,
}

#[derive(Debug, Default)]
pub(super) struct Workers {
    workers: Vec<Worker>,
    idle: VecDeque<WorkerId>,
    ahead: VecDeque<WorkerId>,
    credits: u32,
    n_alive: usize,
    /// Number of workers that get blocks.
    n_active: usize,
    n_slots: u64,
}

impl Workers {
    pub fn new(credits: u32) -> Self {
        Self { credits, ..Self::default() }
    }

    /// Number of workers that are there.
    pub fn n_alive(&self) -> usize {
        self.n_alive
    }

    /// Number of workers that ever joined.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Number of workers with a free slot.
    pub fn n_idle(&self) -> usize {
        self.idle.len()
    }

    /// The worker whose turn it is to be looked at, and moves on to the next.
    pub fn next_in_turn(&self, cursor: &mut usize) -> Option<WorkerId> {
        let index = if *cursor < self.workers.len() { *cursor } else { 0 };
        *cursor = index + 1;
        (index < self.workers.len()).then_some(WorkerId(index as u32))
    }

    /// Number of workers that get blocks.
    #[inline]
    pub fn n_active(&self) -> usize {
        self.n_active
    }

    pub fn is_suspended(&self, id: WorkerId) -> bool {
        self.workers.get(id.0 as usize).is_some_and(|worker| worker.open_slots < worker.slots)
    }

    pub fn is_retired(&self, id: WorkerId) -> bool {
        self.workers.get(id.0 as usize).is_some_and(|worker| worker.is_retired)
    }

    /// Number of slots of all workers that get blocks.
    pub fn n_slots(&self) -> u64 {
        self.n_slots
    }

    pub fn is_alive(&self, id: WorkerId) -> bool {
        self.workers.get(id.0 as usize).is_some_and(|worker| worker.slots + worker.n_hung > 0)
    }

    /// The worker with this id, which must have joined at some time.
    #[inline]
    pub fn worker_mut(&mut self, id: WorkerId) -> &mut Worker {
        &mut self.workers[id.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        (0..).map(WorkerId).zip(&self.workers)
    }

    pub fn join(&mut self, id: WorkerId, slots: u32) {
        let index = id.0 as usize;
        if index >= self.workers.len() {
            self.workers.resize_with(index + 1, Worker::default);
        }
        let slots = slots.max(1);
        let worker = &mut self.workers[index];
        (worker.slots, worker.open_slots, worker.is_retired) = (slots, slots, false);
        worker.is_single = slots == 1;
        self.n_alive += 1;
        self.n_active += 1;
        self.n_slots += u64::from(slots);
        self.enqueue(id);
    }

    /// Forgets a worker whose blocks were taken back. When none is left that gets blocks, those get some again that got none.
    pub fn leave(&mut self, id: WorkerId) {
        self.suspend(id);
        let worker = &mut self.workers[id.0 as usize];
        debug_assert_eq!(worker.in_flight, 0);
        self.n_alive -= 1;
        (worker.slots, worker.n_hung, worker.is_retired) = (0, 0, false);
        worker.is_recalled = false;
        self.resume_if_none_is_left();
    }

    fn resume_if_none_is_left(&mut self) {
        if self.n_active == 0 {
            for index in 0..self.workers.len() {
                self.workers[index].is_retired = false;
                self.resume(WorkerId(index as u32));
            }
        }
    }

    /// Gives a worker no blocks for now.
    pub fn suspend(&mut self, id: WorkerId) {
        let worker = &mut self.workers[id.0 as usize];
        if worker.open_slots > 0 {
            self.n_slots -= u64::from(worker.open_slots);
            self.n_active -= 1;
            worker.open_slots = 0;
            if std::mem::take(&mut worker.is_idle_queued) {
                self.idle.retain(|idle| *idle != id);
            }
        }
    }

    /// Gives a worker no more blocks.
    pub fn retire(&mut self, id: WorkerId) {
        self.suspend(id);
        self.workers[id.0 as usize].is_retired = true;
    }

    /// Gives a worker blocks again, unless it is retired.
    pub fn resume(&mut self, id: WorkerId) {
        let worker = &mut self.workers[id.0 as usize];
        if worker.open_slots < worker.slots && !worker.is_retired {
            worker.open_slots = worker.slots;
            self.n_slots += u64::from(worker.slots);
            self.n_active += 1;
            self.enqueue(id);
        }
    }

    /// A slot of a worker hangs, and gets no more blocks.
    pub fn hang(&mut self, id: WorkerId) {
        let worker = &mut self.workers[id.0 as usize];
        if worker.slots == 0 {
            return;
        }
        if worker.open_slots == 1 {
            self.suspend(id);
        } else if worker.open_slots > 1 {
            worker.open_slots -= 1;
            self.n_slots -= 1;
        }
        let worker = &mut self.workers[id.0 as usize];
        worker.slots -= 1;
        worker.n_hung += 1;
        self.resume_if_none_is_left();
    }

    /// A slot that hung is back.
    pub fn come_back(&mut self, id: WorkerId) {
        let worker = &mut self.workers[id.0 as usize];
        if worker.n_hung == 0 {
            return;
        }
        let gets_blocks = worker.open_slots == worker.slots && !worker.is_retired;
        worker.n_hung -= 1;
        worker.slots += 1;
        if gets_blocks {
            self.n_active += usize::from(worker.open_slots == 0);
            worker.open_slots += 1;
            self.n_slots += 1;
            self.enqueue(id);
        }
    }

    /// Notes that a worker is asked for whatever it has not begun; `false` where it was asked before.
    pub fn recall_anyhow(&mut self, id: WorkerId) -> bool {
        !std::mem::replace(&mut self.workers[id.0 as usize].is_recalled, true)
    }

    /// Notes that a worker is asked for the blocks that it holds ahead. Returns their number; none where it was asked before.
    pub fn recall(&mut self, id: WorkerId) -> u32 {
        let worker = &mut self.workers[id.0 as usize];
        if worker.is_recalled || worker.slots == 0 || worker.in_flight <= worker.slots {
            return 0;
        }
        worker.is_recalled = true;
        worker.in_flight - worker.slots
    }

    /// Notes that a worker has answered a recall.
    pub fn end_recall(&mut self, id: WorkerId) {
        self.workers[id.0 as usize].is_recalled = false;
        self.enqueue(id);
    }

    /// Puts a worker that can take a block into the queue that fits.
    #[inline]
    pub fn enqueue(&mut self, id: WorkerId) {
        let worker = &mut self.workers[id.0 as usize];
        if worker.in_flight < worker.open_slots {
            if !worker.is_idle_queued {
                worker.is_idle_queued = true;
                self.idle.push_back(id);
            }
        } else if worker.in_flight < worker.open_slots + self.credits
            && worker.open_slots > 0
            && !worker.is_ahead_queued
            && !worker.is_recalled
        {
            worker.is_ahead_queued = true;
            self.ahead.push_back(id);
        }
    }

    /// The next worker with a free slot.
    #[inline]
    pub fn next_idle(&mut self) -> Option<WorkerId> {
        while let Some(id) = self.idle.pop_front() {
            let worker = &mut self.workers[id.0 as usize];
            worker.is_idle_queued = false;
            if worker.in_flight < worker.open_slots {
                return Some(id);
            }
        }
        None
    }

    /// The next worker that may hold one more block ahead.
    #[inline]
    pub fn next_ahead(&mut self) -> Option<WorkerId> {
        while let Some(id) = self.ahead.pop_front() {
            let worker = &mut self.workers[id.0 as usize];
            worker.is_ahead_queued = false;
            let may_hold = (worker.open_slots..worker.open_slots + self.credits).contains(&worker.in_flight);
            if may_hold && worker.open_slots > 0 && !worker.is_recalled {
                return Some(id);
            }
        }
        None
    }

    /// Blocks that `worker` may hold at most.
    pub fn capacity(&self, worker: &Worker) -> u32 {
        if worker.slots == 0 { 0 } else { worker.slots + self.credits }
    }
}
