//! Pure parts against brute force and against their words: space, plans, messages.

mod codec;
mod geometry;
mod plan;
mod plan_errors;
