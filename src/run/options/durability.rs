//! When what a block wrote has to be on the disk.

use std::fmt;
use std::str::FromStr;

/// When what a block wrote has to be on the disk, and so what the end of a process or of a node takes.
///
/// | | with a run directory, a block is done | a process that ends takes | a node that goes down takes |
/// | --- | --- | --- | --- |
/// | `epoch` | when the workers have synced, every few seconds | its blocks since then: they run again | the same |
/// | `block` | when it is synced, before its worker answers | the blocks that it was at: they run again | the same |
/// | `none` | when its worker answers | the blocks that it was at: they run again | data of the last minute or so, also of blocks that stay done: begin anew |
///
/// Without a run directory nothing is remembered. Then `epoch` syncs nothing, as `none`, and with `block` a block counts as
/// completed once it is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// Every [epoch](crate::Options::epoch), all that was written since the last one, at once: a few percent of the time.
    #[default]
    Epoch,
    /// Before each block is reported: some milliseconds for each.
    Block,
    /// Never: for scratch data, and for measuring what the others cost.
    None,
}

impl FromStr for Durability {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Epoch, Self::Block, Self::None].into_iter().find(|it| it.to_string() == text).ok_or(())
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Epoch => "epoch",
            Self::Block => "block",
            Self::None => "none",
        })
    }
}
