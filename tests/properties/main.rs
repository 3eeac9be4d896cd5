//! Pure parts against brute force and against their words: space, plans, messages.

mod arrays;
mod codec;
mod described;
mod geometry;
mod plan;
mod plan_errors;
mod selection;
mod sharing;
