//! What zarrs asks of an element type.

/// An element type that zarrs can store.
pub trait Stored: zarrs::array::ElementOwned {}
impl<T: zarrs::array::ElementOwned> Stored for T {}
