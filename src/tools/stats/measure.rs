//! From the voxels of a block to its figures, and from figures to the summary, for each type of element.
//!
//! Figures travel as words: one count for each value where there are few values, else what [`Figures`] holds.

use crate::storage::ArrayInfo;
use crate::tools::error::Result;
use half::{bf16, f16};
use ndarray::ArrayD;
use num_complex::Complex;

use super::bins::{self, Edges};
use super::figures::{Complexes, Figures, Floats, Integers};
use super::summary::Summary;
use crate::tools::common::number::Value;

/// A type of element that can be measured.
pub trait Measured: Value {
    /// How many values there are, where they are few enough to be counted one by one; else 0.
    const N_VALUES: usize = 0;

    /// What is gathered of this type.
    type Figures: Figures;

    /// Adds `n` voxels of this value.
    fn add(self, figures: &mut Self::Figures, n: u64);

    /// As a floating-point number, rounded; `None` for what is not finite, or has no order.
    fn finite(self) -> Option<f64>;

    /// For each value, a place in the order of values: 0 for the smallest. Where [`N_VALUES`](Self::N_VALUES) is not 0.
    fn place(self) -> usize {
        0
    }

    /// The value at a [`place`](Self::place).
    fn at(_place: usize) -> Self {
        Self::default()
    }

    /// The figures of a block.
    fn measure(data: &ArrayD<Self>) -> Vec<u64> {
        if Self::N_VALUES > 0 {
            let mut counts = vec![0; Self::N_VALUES];
            data.iter().for_each(|value| counts[value.place()] += 1);
            return counts;
        }
        let mut figures = Self::Figures::default();
        data.iter().for_each(|value| value.add(&mut figures, 1));
        figures.words()
    }

    /// Adds the figures of another block.
    fn merge(all: &mut Vec<u64>, more: &[u64]) -> Result {
        if Self::N_VALUES > 0 {
            return bins::add(all, more);
        }
        let mut figures = Self::Figures::from_words(all)?;
        figures.merge(&Self::Figures::from_words(more)?);
        *all = figures.words();
        Ok(())
    }

    /// How many voxels of a block lie in each bin; `total` are the figures of the volume.
    fn count(data: &ArrayD<Self>, total: &[u64], n_bins: usize) -> Result<Vec<u64>> {
        let mut counts = vec![0; n_bins];
        if let Some(edges) = Edges::between(Self::Figures::from_words(total)?.range(), n_bins)? {
            data.iter().filter_map(|value| value.finite()).for_each(|value| counts[edges.bin(value)] += 1);
        }
        Ok(counts)
    }

    /// What is printed.
    fn summary(
        total: &[u64],
        counts: Option<Vec<u64>>,
        n_bins: Option<usize>,
        info: &ArrayInfo,
    ) -> Result<Summary> {
        if Self::N_VALUES == 0 {
            let figures = Self::Figures::from_words(total)?;
            let histogram = match counts {
                Some(counts) => Edges::between(figures.range(), counts.len())?.zip(Some(counts)),
                None => None,
            };
            return Summary::new(&figures, info, histogram);
        }
        let mut figures = Self::Figures::default();
        let values =
            || total.iter().enumerate().filter(|(_, n)| **n > 0).map(|(place, n)| (Self::at(place), *n));
        values().for_each(|(value, n)| value.add(&mut figures, n));
        let range = figures.range();
        if range.is_none() {
            return Summary::new(&figures, info, None);
        }
        let Some((n_bins, edges)) = n_bins.zip(Edges::between(range, n_bins.unwrap_or(1))?) else {
            let first = total.iter().position(|n| *n > 0).unwrap_or(0);
            let last = total.iter().rposition(|n| *n > 0).unwrap_or(0);
            return Ok(Summary::new(&figures, info, None)?.with_values(total[first..=last].to_vec()));
        };
        let mut counts = vec![0; n_bins];
        values().for_each(|(value, n)| counts[edges.bin(value.finite().unwrap_or(0.0))] += n);
        Summary::new(&figures, info, Some((edges, counts)))
    }
}

macro_rules! measured_integers {
    ($($type:ty: $n_values:expr),*) => {$(
        impl Measured for $type {
            const N_VALUES: usize = $n_values;

            type Figures = Integers;

            #[inline]
            fn add(self, figures: &mut Integers, n: u64) {
                figures.add(self.into(), n);
            }

            #[inline]
            fn finite(self) -> Option<f64> {
                Some(self as f64)
            }

            #[inline]
            fn place(self) -> usize {
                // The wider types are not counted one by one.
                (i128::from(self) - i128::from(Self::MIN)) as usize
            }

            fn at(place: usize) -> Self {
                // A place is below the number of values.
                (i128::from(Self::MIN) + place as i128) as Self
            }
        }
    )*};
}

macro_rules! measured_floats {
    ($($type:ty),*) => {$(
        impl Measured for $type {
            type Figures = Floats;

            #[inline]
            fn add(self, figures: &mut Floats, _: u64) {
                figures.add(self.into());
            }

            #[inline]
            fn finite(self) -> Option<f64> {
                self.is_finite().then_some(self.into())
            }        }
    )*};
}

macro_rules! measured_complex {
    ($($type:ty),*) => {$(
        impl Measured for $type {
            type Figures = Complexes;

            #[inline]
            fn add(self, figures: &mut Complexes, _: u64) {
                figures.add([self.re.into(), self.im.into()]);
            }

            #[inline]
            fn finite(self) -> Option<f64> {
                None
            }
        }
    )*};
}

measured_integers!(u8: 1 << 8, i8: 1 << 8, u16: 1 << 16, i16: 1 << 16, u32: 0, i32: 0, u64: 0, i64: 0);
measured_floats!(f16, bf16, f32, f64);
measured_complex!(Complex<f32>, Complex<f64>);

impl Measured for bool {
    const N_VALUES: usize = 2;

    type Figures = Integers;

    #[inline]
    fn add(self, figures: &mut Integers, n: u64) {
        figures.add(self.into(), n);
    }

    #[inline]
    fn finite(self) -> Option<f64> {
        Some(self.into())
    }

    #[inline]
    fn place(self) -> usize {
        self.into()
    }

    fn at(place: usize) -> Self {
        place != 0
    }
}
