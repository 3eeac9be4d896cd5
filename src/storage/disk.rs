//! Files that are replaced as a whole, the JSON in some of them, and locks between the threads that write them.

pub mod count;
pub mod files;
pub mod json;
pub mod links;
pub mod locks;
