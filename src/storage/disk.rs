//! Files that are replaced as a whole, the JSON in some of them, locks between the threads that write them, and
//! warnings about what is there.

pub mod count;
pub mod files;
pub mod json;
pub mod links;
pub mod locks;
pub mod notice;
pub mod unsynced;
