//! How values become bytes: the version, the limit, the encoding.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};

/// The version of what ranks say to each other: the first byte of every message.
pub const PROTOCOL: u8 = 5;

/// Maximum size of a message in bytes.
const MAX_BYTES: usize = 16 << 20;

/// The encoding of everything behind the version.
pub(super) const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_BYTES>> =
    bincode::config::standard().with_limit::<MAX_BYTES>();
