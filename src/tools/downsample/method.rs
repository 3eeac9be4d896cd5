//! What several voxels become.

use crate::storage::{Element, FillValue};
use crate::tools::common::number::Number;

/// What several voxels become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Their mean.
    Mean,
    /// The most frequent of them, the smallest of several.
    Mode,
    /// The largest of them.
    Max,
}

/// A type of element of which several can become one.
pub trait Reduce: Number {
    /// The mean of at least one value.
    fn mean(values: &[Self]) -> Self;

    /// Puts values in an order in which equal ones lie together.
    fn sort(values: &mut [Self]);

    /// One of at least one value; they may change their order.
    #[inline]
    fn reduce(values: &mut [Self], method: Method) -> Self {
        match method {
            Method::Mean => Self::mean(values),
            Method::Mode => Self::mode(values),
            Method::Max => values.iter().copied().reduce(Self::larger).unwrap_or_default(),
        }
    }

    /// The most frequent of at least one value, the smallest of several.
    fn mode(values: &mut [Self]) -> Self {
        // Inside of an object all are the same.
        if values.iter().all(|value| *value == values[0]) {
            return values[0];
        }
        Self::sort(values);
        let mut best = (0, values[0]);
        for run in values.chunk_by(|one, other| one == other) {
            if run.len() > best.0 {
                best = (run.len(), run[0]);
            }
        }
        best.1
    }
}

macro_rules! integers {
    ($($type:ty, $wide:ty);*) => {$(
        impl Reduce for $type {
            #[inline]
            fn mean(values: &[Self]) -> Self {
                let n = values.len() as $wide;
                let sum: $wide = values.iter().map(|value| <$wide>::from(*value)).sum();
                let (floor, rest) = (sum.div_euclid(n), sum.rem_euclid(n));
                let is_up = 2 * rest > n || (2 * rest == n && floor % 2 != 0);
                // A mean lies between values of the type.
                (floor + <$wide>::from(is_up)) as $type
            }

            fn sort(values: &mut [Self]) {
                values.sort_unstable();
            }
        }
    )*};
}

impl Reduce for bool {
    /// What most are, and false of as many of both: halfway, the even one.
    #[inline]
    fn mean(values: &[Self]) -> Self {
        2 * values.iter().filter(|value| **value).count() > values.len()
    }

    fn sort(values: &mut [Self]) {
        values.sort_unstable();
    }
}

/// Of 16 bits: no mean lies past the range of the sum.
macro_rules! halves {
    ($($type:ty),*) => {$(
        impl Reduce for $type {
            #[inline]
            fn mean(values: &[Self]) -> Self {
                let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
                let mean = FillValue::Float(sum / values.len() as f64);
                Self::from_fill(mean).unwrap_or_default()
            }

            fn sort(values: &mut [Self]) {
                values.sort_unstable_by(Self::total_cmp);
            }
        }
    )*};
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Reduce for $type {
            #[inline]
            fn mean(values: &[Self]) -> Self {
                let (sum, n) = (values.iter().map(|value| f64::from(*value)).sum::<f64>(), values.len() as f64);
                if sum.is_finite() || !values.iter().all(|value| value.is_finite()) {
                    return (sum / n) as $type;
                }
                // The sum lies beyond the type, the mean does not. A power of two less loses no digit of numbers so large.
                let part = 0.5f64.powi(32);
                let sum: f64 = values.iter().map(|value| f64::from(*value) * part).sum();
                let (least, most) = values.iter().fold((Self::INFINITY, Self::NEG_INFINITY), |(least, most), value| {
                    (least.min(*value), most.max(*value))
                });
                let mean = (sum / n).clamp(f64::from(least) * part, f64::from(most) * part);
                (mean / part) as $type
            }

            fn sort(values: &mut [Self]) {
                values.sort_unstable_by(Self::total_cmp);
            }
        }
    )*};
}

// 1024 voxels along each of 3 axes, and more, in sums without overflow.
integers!(u8, i64; i8, i64; u16, i64; i16, i64; u32, i128; i32, i128; u64, i128; i64, i128);
floats!(f32, f64);
halves!(half::f16, half::bf16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_lies_between_its_values() {
        assert_eq!(f64::mean(&[1.7e308; 4]), 1.7e308);
        assert_eq!(f64::mean(&[f64::MAX; 1000]), f64::MAX);
        assert_eq!(f64::mean(&[f64::MIN, f64::MIN, f64::MIN]), f64::MIN);
        assert_eq!(f64::mean(&[f64::MAX, f64::MAX, f64::MIN, f64::MIN]), 0.0);
        assert_eq!(f32::mean(&[f32::MAX; 7]), f32::MAX);
        assert_eq!(f64::mean(&[1.0, 2.0]), 1.5);
        assert!(f64::mean(&[f64::NAN, f64::MAX, f64::MAX]).is_nan());
        assert_eq!(f64::mean(&[f64::INFINITY, f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(u64::mean(&[u64::MAX; 9]), u64::MAX);
        assert_eq!(i64::mean(&[i64::MIN; 9]), i64::MIN);
    }
}
