//! Blocks next to each other, written by all ranks at the same time, again and again.

use std::path::Path;

use bellis::{Array, Result, Roi, Runner};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

use super::kinds::{KINDS, Kind};
use super::noise::{noise, round_of};

/// No multiple of the blocks along two axes.
const SHAPE: [i64; 3] = [44, 48, 41];
const BLOCK: i64 = 16;
const N_ROUNDS: u16 = 12;

pub fn write(directory: &Path) -> Result {
    Runner::new().mpi_io()?.ok_or("there is only one rank")?;
    let world = SimpleCommunicator::world();
    let mut outcome = Ok(());
    for kind in KINDS.iter().filter(|kind| kind.is_for_ranks()) {
        // Whoever fails comes here all the same: the others would wait for it forever.
        world.barrier();
        outcome = outcome.and(write_kind(kind, directory, &world));
    }
    outcome
}

fn write_kind(kind: &Kind, directory: &Path, world: &SimpleCommunicator) -> Result {
    let path = directory.join(format!("{}.{}/raw", kind.name, kind.suffix));
    // All at once, too.
    let array = Array::<u16>::create(&path, &kind.spec(SHAPE.map(i64::unsigned_abs)))?;
    let (rank, size) = (world.rank(), world.size());
    let blocks = blocks(&array)?;
    let mine = |(index, _): &(usize, &Roi)| *index as i32 % size == rank;
    for round in 0..N_ROUNDS {
        for (index, roi) in blocks.iter().enumerate().filter(mine) {
            array.write(roi, &noise(roi.begin().as_slice(), roi.shape().as_slice(), round))?;
            // The next one is another rank's.
            let next = &blocks[(index + 1) % blocks.len()];
            let data = array.read(next)?;
            let is_whole = round_of(next.begin().as_slice(), &data).is_some() || data.iter().all(|v| *v == 0);
            if kind.is_replaced() && !is_whole {
                return Err(format!("{}: {next} was read half written", kind.name).into());
            }
        }
    }
    Ok(())
}

fn blocks(array: &Array<u16>) -> Result<Vec<Roi>> {
    let along = |axis: usize| (0..SHAPE[axis]).step_by(BLOCK as usize);
    let mut blocks = Vec::new();
    for z in along(0) {
        for y in along(1) {
            for x in along(2) {
                blocks.push(Roi::new([z, y, x], [BLOCK; 3])?.intersect(&array.roi())?);
            }
        }
    }
    Ok(blocks)
}
