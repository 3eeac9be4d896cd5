//! A block on its way to a worker, in a layout of its own: the one thing that is written and read for every block.

use bincode::de::Decoder;
use bincode::de::read::Reader;
use bincode::enc::Encoder;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

use crate::geometry::{Coordinate, MAX_AXES, Roi};
use crate::plan::{BlockId, TaskId};

/// One block for a worker: coordinates and names, never data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// Which block.
    pub block: BlockId,
    /// To be given back with the answer.
    pub lease: u64,
    /// What it may read.
    pub read_roi: Roi,
    /// What it may write.
    pub write_roi: Roi,
}

/// An [`Assigned`] is task, index, lease, number of axes, and the four coordinates of its ROIs, each number in its full
/// width, little endian: what is written and read once for every block is worth a few bytes.
const ASSIGNED_HEAD: usize = 4 + 8 + 8 + 1;
const ASSIGNED_MOST: usize = ASSIGNED_HEAD + 4 * 8 * MAX_AXES;

impl Encode for Assigned {
    #[inline]
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let n_axes = self.read_roi.n_axes();
        let mut bytes = [0; ASSIGNED_MOST];
        bytes[..4].copy_from_slice(&self.block.task.0.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.block.index.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.lease.to_le_bytes());
        // Read and write ROI have the same number of axes, at most 8.
        bytes[20] = n_axes as u8;
        let (read, write) = (&self.read_roi, &self.write_roi);
        let mut end = ASSIGNED_HEAD;
        for coordinate in [read.offset(), read.shape(), write.offset(), write.shape()] {
            for value in coordinate.as_slice() {
                bytes[end..end + 8].copy_from_slice(&value.to_le_bytes());
                end += 8;
            }
        }
        encoder.writer().write(&bytes[..end])
    }
}

impl<Context> Decode<Context> for Assigned {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let mut bytes = [0; ASSIGNED_MOST];
        decoder.claim_bytes_read(ASSIGNED_HEAD)?;
        decoder.reader().read(&mut bytes[..ASSIGNED_HEAD])?;
        let end = ASSIGNED_HEAD + 4 * 8 * usize::from(bytes[ASSIGNED_HEAD - 1]);
        let rest = bytes.get_mut(ASSIGNED_HEAD..end).ok_or(DecodeError::Other(AXES))?;
        decoder.claim_bytes_read(rest.len())?;
        decoder.reader().read(rest)?;
        Ok(read_assigned(&bytes)?.0)
    }
}

const AXES: &str = "a ROI has 1 to 8 axes";
const SHORT: &str = "a block is cut off";

/// Reads a block from the begin of `bytes`, and how many bytes it takes. A worker does so for every block: straight
/// from the message that it came in.
#[inline]
pub(super) fn read_assigned(bytes: &[u8]) -> Result<(Assigned, usize), DecodeError> {
    let (head, rest) = bytes.split_at_checked(ASSIGNED_HEAD).ok_or(DecodeError::Other(SHORT))?;
    let n_axes = usize::from(head[ASSIGNED_HEAD - 1]);
    if !(1..=MAX_AXES).contains(&n_axes) {
        return Err(DecodeError::Other(AXES));
    }
    let (numbers, _) = rest.as_chunks::<8>();
    let numbers = numbers.get(..4 * n_axes).ok_or(DecodeError::Other(SHORT))?;
    let coordinate =
        |which: usize| Coordinate::from_fn(n_axes, |axis| i64::from_le_bytes(numbers[which * n_axes + axis]));
    let roi = |which: usize| {
        Roi::new(coordinate(which), coordinate(which + 1))
            .map_err(|_| DecodeError::Other("a ROI is not a box"))
    };
    let (task, [index, lease]) =
        (u32::from_le_bytes(fixed(head, 0)), [4, 12].map(|begin| fixed(head, begin)));
    let assigned = Assigned {
        block: BlockId { task: TaskId(task), index: u64::from_le_bytes(index) },
        lease: u64::from_le_bytes(lease),
        read_roi: roi(0)?,
        write_roi: roi(2)?,
    };
    Ok((assigned, ASSIGNED_HEAD + 4 * 8 * n_axes))
}

/// `N` bytes from `begin` on, which are known to be there.
#[inline]
fn fixed<const N: usize>(bytes: &[u8], begin: usize) -> [u8; N] {
    let mut result = [0; N];
    result.copy_from_slice(&bytes[begin..begin + N]);
    result
}

bincode::impl_borrow_decode!(Assigned);
