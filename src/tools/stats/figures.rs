//! What is gathered of voxels one after the other, and of blocks one after the other.

use crate::tools::error::Result;
use serde_json::Value;

use super::error::StatsError;
use super::long_numbers::integer;

/// Minimum, maximum and sums of some voxels.
pub trait Figures: Default {
    /// As words, for other ranks.
    fn words(&self) -> Vec<u64>;
    /// From words.
    fn from_words(words: &[u64]) -> Result<Self>;
    /// Adds other voxels.
    fn merge(&mut self, more: &Self);
    /// Voxels that count in minimum, maximum and sums.
    fn n_finite(&self) -> u64;
    /// Voxels that are not a number, negative infinity and positive infinity.
    fn not_finite(&self) -> [u64; 3];
    /// Minimum and maximum, `None` without finite voxels.
    fn range(&self) -> Option<(f64, f64)>;
    /// Minimum, maximum, sum and sum of squares, for printing.
    fn values(&self) -> [Value; 4];
    /// The sum, rounded.
    fn sum(&self) -> f64;

    /// The mean of what is finite, rounded.
    fn rounded_mean(&self) -> f64 {
        self.sum() / self.n_finite() as f64
    }

    /// The mean of what is finite, for printing.
    fn mean(&self) -> Value {
        self.rounded_mean().into()
    }
}

fn words<const N: usize>(words: &[u64]) -> Result<[u64; N]> {
    Ok(words.try_into().map_err(|_| StatsError::NoFigures { n_words: words.len() })?)
}

fn split(value: u128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

fn join(low: u64, high: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// Figures of whole numbers: exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integers {
    n: u64,
    min: i128,
    max: i128,
    sum: i128,
    /// `None` past 128 bits.
    squares: Option<u128>,
}

impl Default for Integers {
    fn default() -> Self {
        Self { n: 0, min: i128::MAX, max: i128::MIN, sum: 0, squares: Some(0) }
    }
}

impl Integers {
    /// Adds `n` voxels of a value.
    #[inline]
    pub fn add(&mut self, value: i128, n: u64) {
        self.n += n;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        // 2^64 voxels of less than 2^64 each fit; of their squares only one each does for sure.
        self.sum += value * i128::from(n);
        let square = value.unsigned_abs() * value.unsigned_abs();
        let squares = square.checked_mul(n.into()).and_then(|more| self.squares?.checked_add(more));
        self.squares = squares;
    }
}

impl Figures for Integers {
    fn words(&self) -> Vec<u64> {
        let values = [self.min, self.max, self.sum].map(i128::cast_unsigned);
        let squares = [u128::from(self.squares.is_some()), self.squares.unwrap_or(0)];
        let split = values.into_iter().chain(squares).flat_map(split);
        std::iter::once(self.n).chain(split).collect()
    }

    fn from_words(from: &[u64]) -> Result<Self> {
        let [n, rest @ ..] = words::<11>(from)?;
        let value = |at: usize| join(rest[2 * at], rest[2 * at + 1]);
        let squares = (value(3) != 0).then_some(value(4));
        let [min, max, sum] = [value(0), value(1), value(2)].map(u128::cast_signed);
        Ok(Self { n, min, max, sum, squares })
    }

    fn merge(&mut self, more: &Self) {
        self.n += more.n;
        self.min = self.min.min(more.min);
        self.max = self.max.max(more.max);
        self.sum += more.sum;
        self.squares = self.squares.and_then(|squares| squares.checked_add(more.squares?));
    }

    fn n_finite(&self) -> u64 {
        self.n
    }

    fn not_finite(&self) -> [u64; 3] {
        [0; 3]
    }

    fn range(&self) -> Option<(f64, f64)> {
        (self.n > 0).then_some((self.min as f64, self.max as f64))
    }

    fn values(&self) -> [Value; 4] {
        let squares = self.squares.map_or(Value::Null, |squares| integer(&squares));
        // Of no value there is none that is the least.
        let range = |value: &i128| if self.n > 0 { integer(value) } else { Value::Null };
        [range(&self.min), range(&self.max), integer(&self.sum), squares]
    }

    fn sum(&self) -> f64 {
        self.sum as f64
    }
}

/// A sum with what rounding took from it: Neumaier's, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
/// Summen", 1974.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sum {
    sum: f64,
    rest: f64,
}

impl Sum {
    #[inline]
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let (large, small) =
            if self.sum.abs() >= value.abs() { (self.sum, value) } else { (value, self.sum) };
        self.rest += (large - sum) + small;
        self.sum = sum;
    }

    fn value(self) -> f64 {
        // What is too large to be added has no rest.
        if self.sum.is_finite() { self.sum + self.rest } else { self.sum }
    }
}

/// Fewer than 2^64 voxels below this have a sum of less than a digit of the largest number.
const LARGE: f64 = f64::from_bits((1023 + 900) << 52);

/// 2^-64: so much of each of 2^64 numbers has a sum.
const PART: f64 = f64::from_bits((1023 - 64) << 52);

/// Figures of floating-point numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Floats {
    n: u64,
    not_finite: [u64; 3],
    min: f64,
    max: f64,
    sum: Sum,
    /// The sum of those from [`LARGE`] on, times [`PART`]: where the sum itself lies beyond the type, all others are nothing to them.
    large: Sum,
    squares: Sum,
}

impl Default for Floats {
    fn default() -> Self {
        let (sum, large, squares) = Default::default();
        Self { n: 0, not_finite: [0; 3], min: f64::INFINITY, max: f64::NEG_INFINITY, sum, large, squares }
    }
}

impl Floats {
    /// Adds a voxel.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.not_finite[if value.is_nan() { 0 } else { 1 + usize::from(value > 0.0) }] += 1;
            return;
        }
        self.n += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum.add(value);
        if value.abs() >= LARGE {
            self.large.add(value * PART);
        }
        self.squares.add(value * value);
    }
}

impl Figures for Floats {
    fn words(&self) -> Vec<u64> {
        let sums = [
            self.sum.sum,
            self.sum.rest,
            self.large.sum,
            self.large.rest,
            self.squares.sum,
            self.squares.rest,
        ];
        let floats = [self.min, self.max].into_iter().chain(sums).map(f64::to_bits);
        std::iter::once(self.n).chain(self.not_finite).chain(floats).collect()
    }

    fn from_words(from: &[u64]) -> Result<Self> {
        let [n, nan, negative, positive, rest @ ..] = words::<12>(from)?;
        let [min, max, sum, sum_rest, large, large_rest, squares, squares_rest] = rest.map(f64::from_bits);
        let sum = Sum { sum, rest: sum_rest };
        let large = Sum { sum: large, rest: large_rest };
        let squares = Sum { sum: squares, rest: squares_rest };
        Ok(Self { n, not_finite: [nan, negative, positive], min, max, sum, large, squares })
    }

    fn merge(&mut self, more: &Self) {
        self.n += more.n;
        self.not_finite.iter_mut().zip(more.not_finite).for_each(|(n, more)| *n += more);
        self.min = self.min.min(more.min);
        self.max = self.max.max(more.max);
        let (all, others) =
            ([&mut self.sum, &mut self.large, &mut self.squares], [more.sum, more.large, more.squares]);
        for (sum, more) in all.into_iter().zip(others) {
            sum.add(more.sum);
            sum.rest += more.rest;
        }
    }

    fn n_finite(&self) -> u64 {
        self.n
    }

    fn not_finite(&self) -> [u64; 3] {
        self.not_finite
    }

    fn range(&self) -> Option<(f64, f64)> {
        (self.n > 0).then_some((self.min, self.max))
    }

    fn values(&self) -> [Value; 4] {
        let range = |value| if self.n > 0 { Value::from(value) } else { Value::Null };
        [range(self.min), range(self.max), self.sum.value().into(), self.squares.value().into()]
    }

    fn sum(&self) -> f64 {
        self.sum.value()
    }

    fn rounded_mean(&self) -> f64 {
        let mean = self.sum() / self.n as f64;
        if mean.is_finite() || self.n == 0 {
            return mean;
        }
        // It lies between its values, wherever the sum does.
        (self.large.value() / self.n as f64 / PART).clamp(self.min, self.max)
    }
}

/// Figures of complex numbers, which have no order, so neither minimum nor maximum. Values are printed as both parts; the square of
/// one is that of its magnitude.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Complexes {
    n: u64,
    /// With a part that is not a number, and others with an infinite one.
    not_finite: [u64; 2],
    sums: [Sum; 2],
    squares: Sum,
}

impl Complexes {
    /// Adds a voxel.
    #[inline]
    pub fn add(&mut self, parts: [f64; 2]) {
        if parts.iter().any(|part| !part.is_finite()) {
            self.not_finite[usize::from(!parts.iter().any(|part| part.is_nan()))] += 1;
            return;
        }
        self.n += 1;
        for (sum, part) in self.sums.iter_mut().zip(parts) {
            sum.add(part);
            self.squares.add(part * part);
        }
    }
}

impl Figures for Complexes {
    fn words(&self) -> Vec<u64> {
        let sums = [self.sums[0], self.sums[1], self.squares].into_iter();
        let floats = sums.flat_map(|sum| [sum.sum, sum.rest]).map(f64::to_bits);
        std::iter::once(self.n).chain(self.not_finite).chain(floats).collect()
    }

    fn from_words(from: &[u64]) -> Result<Self> {
        let [n, nan, infinite, rest @ ..] = words::<9>(from)?;
        let sum =
            |at: usize| Sum { sum: f64::from_bits(rest[2 * at]), rest: f64::from_bits(rest[2 * at + 1]) };
        Ok(Self { n, not_finite: [nan, infinite], sums: [sum(0), sum(1)], squares: sum(2) })
    }

    fn merge(&mut self, more: &Self) {
        self.n += more.n;
        self.not_finite.iter_mut().zip(more.not_finite).for_each(|(n, more)| *n += more);
        let all = self.sums.iter_mut().chain([&mut self.squares]);
        for (sum, more) in all.zip(more.sums.into_iter().chain([more.squares])) {
            sum.add(more.sum);
            sum.rest += more.rest;
        }
    }

    fn n_finite(&self) -> u64 {
        self.n
    }

    /// An infinite one has no sign: it counts as positive.
    fn not_finite(&self) -> [u64; 3] {
        [self.not_finite[0], 0, self.not_finite[1]]
    }

    fn range(&self) -> Option<(f64, f64)> {
        None
    }

    fn values(&self) -> [Value; 4] {
        let sum = self.sums.map(Sum::value).to_vec();
        [Value::Null, Value::Null, sum.into(), self.squares.value().into()]
    }

    fn sum(&self) -> f64 {
        self.sums[0].value()
    }

    fn mean(&self) -> Value {
        self.sums.map(|sum| sum.value() / self.n as f64).to_vec().into()
    }
}
