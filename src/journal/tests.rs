//! Whole run directories: resumed, crashed, damaged, full, and compared with a model.

mod crash;
mod damage;
mod disk;
mod figures;
mod kill;
mod power;
mod resume;
mod support;
