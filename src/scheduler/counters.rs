//! How many dependencies are left, for those blocks of a chunk some of whose dependencies are done and some are not.
//!
//! They exist while there are such blocks: a chunk all of whose blocks are ready, or wait for nothing that is done, has
//! none. Their width follows from the largest count.

/// The width of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Byte,
    Short,
    Word,
    Long,
}

/// Counters that are all 0, one for each block of a chunk.
#[derive(Debug)]
enum Cells {
    Byte(Box<[u8]>),
    Short(Box<[u16]>),
    Word(Box<[u32]>),
    Long(Box<[u64]>),
}

/// Where the counters of the chunks of a task come from and go to.
#[derive(Debug)]
pub(super) struct CounterPool {
    width: Width,
    n_cells: usize,
    /// A few that are not in use: the next chunk that the frontier reaches takes them.
    spare: Vec<Cells>,
}

/// As many as are kept.
const MAX_SPARE: usize = 4;

/// The counters of a chunk.
#[derive(Debug, Default)]
pub(super) struct Counters {
    cells: Option<Cells>,
    /// How many of them are not 0.
    n_counting: u32,
}

impl CounterPool {
    /// For chunks of `n_cells` blocks none of which waits for more than `max_count` others.
    pub fn new(n_cells: usize, max_count: u64) -> Self {
        let width = match max_count {
            0..=0xff => Width::Byte,
            0x100..=0xffff => Width::Short,
            0x1_0000..=0xffff_ffff => Width::Word,
            _ => Width::Long,
        };
        Self { width, n_cells, spare: Vec::new() }
    }

    fn take(&mut self) -> Cells {
        let n_cells = self.n_cells;
        self.spare.pop().unwrap_or_else(|| match self.width {
            Width::Byte => Cells::Byte(vec![0; n_cells].into()),
            Width::Short => Cells::Short(vec![0; n_cells].into()),
            Width::Word => Cells::Word(vec![0; n_cells].into()),
            Width::Long => Cells::Long(vec![0; n_cells].into()),
        })
    }

    #[cold]
    fn give_back(&mut self, cells: Cells) {
        if self.spare.len() < MAX_SPARE {
            self.spare.push(cells);
        }
    }
}

impl Counters {
    /// What is left for a block, if some of it is done and some is not.
    pub fn get(&self, within: usize) -> Option<u64> {
        let left = match self.cells.as_ref()? {
            Cells::Byte(cells) => cells[within].into(),
            Cells::Short(cells) => cells[within].into(),
            Cells::Word(cells) => cells[within].into(),
            Cells::Long(cells) => cells[within],
        };
        (left > 0).then_some(left)
    }

    /// One fewer for a block, which had `first_count` when it was never counted down before; whether none is left.
    #[inline]
    pub fn count_down(
        &mut self,
        pool: &mut CounterPool,
        within: usize,
        first_count: impl FnOnce() -> u64,
    ) -> bool {
        let Some(cells) = &mut self.cells else {
            let first_count = first_count();
            if first_count > 1 {
                self.begin(pool, within, first_count - 1);
            }
            return first_count <= 1;
        };
        let n_counting = &mut self.n_counting;
        // The width was chosen so that every count fits.
        match cells {
            Cells::Byte(cells) => count(&mut cells[within], n_counting, |left| left as u8, first_count),
            Cells::Short(cells) => count(&mut cells[within], n_counting, |left| left as u16, first_count),
            Cells::Word(cells) => count(&mut cells[within], n_counting, |left| left as u32, first_count),
            Cells::Long(cells) => count(&mut cells[within], n_counting, |left| left, first_count),
        }
    }

    #[cold]
    fn begin(&mut self, pool: &mut CounterPool, within: usize, left: u64) {
        let mut cells = pool.take();
        match &mut cells {
            Cells::Byte(cells) => cells[within] = left as u8,
            Cells::Short(cells) => cells[within] = left as u16,
            Cells::Word(cells) => cells[within] = left as u32,
            Cells::Long(cells) => cells[within] = left,
        }
        (self.cells, self.n_counting) = (Some(cells), 1);
    }

    /// Gives them back when no block needs them any longer.
    #[inline]
    pub fn release(&mut self, pool: &mut CounterPool) {
        if self.n_counting == 0
            && let Some(cells) = self.cells.take()
        {
            pool.give_back(cells);
        }
    }

    /// Gives them back whatever they hold.
    pub fn reset(&mut self, pool: &mut CounterPool) {
        match &mut self.cells {
            _ if self.n_counting == 0 => {}
            None => {}
            Some(Cells::Byte(cells)) => cells.fill(0),
            Some(Cells::Short(cells)) => cells.fill(0),
            Some(Cells::Word(cells)) => cells.fill(0),
            Some(Cells::Long(cells)) => cells.fill(0),
        }
        self.n_counting = 0;
        self.release(pool);
    }

    /// Whether there are any.
    #[cfg(test)]
    pub fn exist(&self) -> bool {
        self.cells.is_some()
    }
}

/// One fewer in a cell; whether none is left.
#[inline]
fn count<T: Copy + Into<u64>>(
    cell: &mut T,
    n_counting: &mut u32,
    narrow: impl FnOnce(u64) -> T,
    first_count: impl FnOnce() -> u64,
) -> bool {
    let mut before: u64 = (*cell).into();
    if before == 0 {
        before = first_count();
        if before <= 1 {
            return true;
        }
        *n_counting += 1;
    }
    *cell = narrow(before - 1);
    if before == 1 {
        *n_counting -= 1;
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_any_width_count() {
        for first in [2, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32] {
            let mut pool = CounterPool::new(4, first);
            let mut counters = Counters::default();
            assert!(!counters.count_down(&mut pool, 3, || first));
            assert_eq!((counters.get(3), counters.get(2)), (Some(first - 1), None));
            assert!(counters.count_down(&mut pool, 2, || 1), "it waited for one alone");
            for _ in 0..(first - 2).min(70_000) {
                assert!(!counters.count_down(&mut pool, 3, || unreachable!("it was counted before")));
            }
            if first <= 70_000 {
                assert!(counters.count_down(&mut pool, 3, || unreachable!("it was counted before")));
            }
            counters.release(&mut pool);
            assert_eq!(counters.exist(), first > 70_000, "{first}");
            counters.reset(&mut pool);
            assert!(!counters.exist() && pool.spare.len() == 1);
            assert!(!counters.count_down(&mut pool, 0, || 2));
            assert_eq!((counters.get(0), counters.get(3)), (Some(1), None), "what comes back is clean");
        }
    }

    #[test]
    fn who_waits_for_one_needs_no_counter() {
        let (mut pool, mut counters) = (CounterPool::new(4, 9), Counters::default());
        assert!((0..4).all(|within| counters.count_down(&mut pool, within, || 1)));
        assert!(!counters.exist());
    }
}
