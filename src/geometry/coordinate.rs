//! A point, a shape or a step in integer space.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::str::FromStr;

use super::axes::MAX_AXES;
use super::error::{GeometryError, Result};

/// One signed 64-bit number per axis, 1 to [`MAX_AXES`] of them, stored inline: copying one never allocates.
///
/// Arithmetic is checked: [`checked_add`](Self::checked_add) and its siblings return
/// [`GeometryError::Overflow`] instead of wrapping and [`GeometryError::AxesDiffer`] instead of guessing.
///
/// ```
/// use bellis::Coordinate;
/// let a = Coordinate::from([1, 2, 3]);
/// assert_eq!(a.checked_add(&Coordinate::from([1, 1, 1]))?, Coordinate::from([2, 3, 4]));
/// assert!(a.checked_add(&Coordinate::from([1])).is_err());
/// assert_eq!("1, 2, 3".parse::<Coordinate>()?, a);
/// # Ok::<(), bellis::GeometryError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Coordinate {
    /// Unused axes hold 0, so that the derived comparisons hold.
    axes: [i64; MAX_AXES],
    len: u8,
}

impl Coordinate {
    /// A coordinate with these values.
    ///
    /// # Errors
    /// [`GeometryError::AxisCount`] for no values or more than [`MAX_AXES`].
    pub fn new(values: &[i64]) -> Result<Self> {
        if values.is_empty() || values.len() > MAX_AXES {
            return Err(GeometryError::AxisCount(values.len()));
        }
        let mut axes = [0; MAX_AXES];
        axes[..values.len()].copy_from_slice(values);
        Ok(Self { axes, len: values.len() as u8 })
    }

    /// The same value along each of `n_axes` axes.
    ///
    /// # Panics
    /// When `n_axes` is 0 or more than [`MAX_AXES`].
    pub fn splat(n_axes: usize, value: i64) -> Self {
        assert!((1..=MAX_AXES).contains(&n_axes), "a coordinate has 1 to {MAX_AXES} axes, not {n_axes}");
        let mut axes = [0; MAX_AXES];
        axes[..n_axes].fill(value);
        Self { axes, len: n_axes as u8 }
    }

    /// Zero along each of `n_axes` axes.
    ///
    /// # Panics
    /// As [`splat`](Self::splat).
    #[inline]
    pub fn zeros(n_axes: usize) -> Self {
        assert!((1..=MAX_AXES).contains(&n_axes), "a coordinate has 1 to {MAX_AXES} axes, not {n_axes}");
        Self { axes: [0; MAX_AXES], len: n_axes as u8 }
    }

    /// One value per axis, computed from the axis.
    ///
    /// # Panics
    /// As [`splat`](Self::splat).
    #[inline]
    pub fn from_fn(n_axes: usize, mut value: impl FnMut(usize) -> i64) -> Self {
        let mut result = Self::zeros(n_axes);
        for axis in 0..n_axes {
            result.axes[axis] = value(axis);
        }
        result
    }

    /// Number of axes.
    #[inline]
    pub fn n_axes(&self) -> usize {
        usize::from(self.len)
    }

    /// The values, first axis first.
    #[inline]
    pub fn as_slice(&self) -> &[i64] {
        &self.axes[..usize::from(self.len)]
    }

    /// The values, for changing.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [i64] {
        &mut self.axes[..usize::from(self.len)]
    }

    /// The values, first axis first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + DoubleEndedIterator + '_ {
        self.as_slice().iter().copied()
    }

    /// `self + other` along each axis.
    ///
    /// # Errors
    /// Overflow, or a different number of axes.
    pub fn checked_add(&self, other: &Self) -> Result<Self> {
        self.zip("sum", other, i64::checked_add)
    }

    /// `self - other` along each axis.
    ///
    /// # Errors
    /// Overflow, or a different number of axes.
    pub fn checked_sub(&self, other: &Self) -> Result<Self> {
        self.zip("difference", other, i64::checked_sub)
    }

    /// `self * other` along each axis.
    ///
    /// # Errors
    /// Overflow, or a different number of axes.
    pub fn checked_mul(&self, other: &Self) -> Result<Self> {
        self.zip("product", other, i64::checked_mul)
    }

    /// `self / other` along each axis, rounded down.
    ///
    /// # Errors
    /// A divisor that is not positive, or a different number of axes.
    pub fn div_floor(&self, other: &Self) -> Result<Self> {
        other.require_positive("divisor")?;
        self.zip("quotient", other, |a, b| Some(a.div_euclid(b)))
    }

    /// `self / other` along each axis, rounded up.
    ///
    /// # Errors
    /// A divisor that is not positive, or a different number of axes.
    pub fn div_ceil(&self, other: &Self) -> Result<Self> {
        other.require_positive("divisor")?;
        self.zip("quotient", other, |a, b| Some(a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)))
    }

    /// `self mod other` along each axis, never negative.
    ///
    /// # Errors
    /// A divisor that is not positive, or a different number of axes.
    pub fn rem_floor(&self, other: &Self) -> Result<Self> {
        other.require_positive("divisor")?;
        self.zip("remainder", other, |a, b| Some(a.rem_euclid(b)))
    }

    /// The smaller value along each axis.
    ///
    /// # Errors
    /// A different number of axes.
    pub fn min(&self, other: &Self) -> Result<Self> {
        self.zip("minimum", other, |a, b| Some(a.min(b)))
    }

    /// The larger value along each axis.
    ///
    /// # Errors
    /// A different number of axes.
    pub fn max(&self, other: &Self) -> Result<Self> {
        self.zip("maximum", other, |a, b| Some(a.max(b)))
    }

    /// The product of all values: of a shape, the number of elements.
    ///
    /// # Errors
    /// Overflow.
    pub fn product(&self) -> Result<i64> {
        self.iter().try_fold(1i64, i64::checked_mul).ok_or_else(|| overflow("product", self))
    }

    /// Whether `test` holds along every axis.
    pub fn all(&self, test: impl Fn(i64) -> bool) -> bool {
        self.iter().all(test)
    }

    /// An error that calls this coordinate `what` unless it is at least 1 along every axis.
    ///
    /// # Errors
    /// [`GeometryError::NotPositive`].
    pub fn require_positive(&self, what: &'static str) -> Result<()> {
        if self.all(|v| v > 0) {
            Ok(())
        } else {
            Err(GeometryError::NotPositive { what, value: self.to_string() })
        }
    }

    /// An error unless both have the same number of axes.
    ///
    /// # Errors
    /// [`GeometryError::AxesDiffer`].
    pub fn require_same_axes(&self, other: &Self) -> Result<()> {
        if self.len == other.len {
            Ok(())
        } else {
            Err(GeometryError::AxesDiffer { left: self.n_axes(), right: other.n_axes() })
        }
    }

    fn zip(
        &self,
        operation: &'static str,
        other: &Self,
        combine: impl Fn(i64, i64) -> Option<i64>,
    ) -> Result<Self> {
        self.require_same_axes(other)?;
        let mut result = *self;
        for axis in 0..self.n_axes() {
            result.axes[axis] = combine(self.axes[axis], other.axes[axis]).ok_or_else(|| {
                GeometryError::Overflow { operation, operands: format!("{self} and {other}") }
            })?;
        }
        Ok(result)
    }
}

fn overflow(operation: &'static str, of: &Coordinate) -> GeometryError {
    GeometryError::Overflow { operation, operands: of.to_string() }
}

impl<const N: usize> From<[i64; N]> for Coordinate {
    /// A coordinate with these values. The number of axes is checked when the program is compiled.
    fn from(values: [i64; N]) -> Self {
        const { assert!(N >= 1 && N <= MAX_AXES, "a coordinate has 1 to 8 axes") };
        Self::from_fn(N, |axis| values[axis])
    }
}

impl TryFrom<&[i64]> for Coordinate {
    type Error = GeometryError;

    fn try_from(values: &[i64]) -> Result<Self> {
        Self::new(values)
    }
}

impl TryFrom<Vec<i64>> for Coordinate {
    type Error = GeometryError;

    fn try_from(values: Vec<i64>) -> Result<Self> {
        Self::new(&values)
    }
}

impl Index<usize> for Coordinate {
    type Output = i64;

    #[inline]
    fn index(&self, axis: usize) -> &i64 {
        &self.as_slice()[axis]
    }
}

impl IndexMut<usize> for Coordinate {
    #[inline]
    fn index_mut(&mut self, axis: usize) -> &mut i64 {
        &mut self.as_mut_slice()[axis]
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (axis, value) in self.iter().enumerate() {
            write!(f, "{}{value}", if axis == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Coordinate {
    type Err = GeometryError;

    /// Reads `1,2,3`, with or without spaces and one pair of round or square brackets.
    fn from_str(text: &str) -> Result<Self> {
        let unreadable = || GeometryError::Parse {
            text: text.to_owned(),
            expected: "a coordinate: 1 to 8 whole numbers, such as 64,64,64",
        };
        let trimmed = text.trim();
        let bare = match (trimmed.strip_prefix(['(', '[']), trimmed.strip_suffix([')', ']'])) {
            (Some(_), Some(_)) => &trimmed[1..trimmed.len() - 1],
            (None, None) => trimmed,
            _ => return Err(unreadable()),
        };
        let values = bare.strip_suffix(',').unwrap_or(bare).split(',').map(|part| part.trim().parse::<i64>());
        let values = values.collect::<std::result::Result<Vec<_>, _>>().map_err(|_| unreadable())?;
        Self::new(&values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_per_axis_and_rounds_down() {
        let a = Coordinate::from([-7, 7]);
        let b = Coordinate::from([2, 2]);
        assert_eq!(a.div_floor(&b), Ok(Coordinate::from([-4, 3])));
        assert_eq!(a.div_ceil(&b), Ok(Coordinate::from([-3, 4])));
        assert_eq!(a.rem_floor(&b), Ok(Coordinate::from([1, 1])));
        assert_eq!(a.checked_mul(&b), Ok(Coordinate::from([-14, 14])));
        assert_eq!(a.min(&b), Ok(Coordinate::from([-7, 2])));
        assert_eq!(a.max(&b), Ok(Coordinate::from([2, 7])));
        assert_eq!(a.product(), Ok(-49));
    }

    #[test]
    fn overflow_and_mismatch_are_errors() {
        let big = Coordinate::from([i64::MAX]);
        assert!(matches!(big.checked_add(&Coordinate::from([1])), Err(GeometryError::Overflow { .. })));
        assert!(matches!(big.checked_add(&Coordinate::from([1, 1])), Err(GeometryError::AxesDiffer { .. })));
        assert!(matches!(Coordinate::from([i64::MAX, 2]).product(), Err(GeometryError::Overflow { .. })));
        assert!(matches!(big.div_floor(&Coordinate::from([0])), Err(GeometryError::NotPositive { .. })));
        assert_eq!(Coordinate::new(&[]), Err(GeometryError::AxisCount(0)));
        assert_eq!(Coordinate::new(&[1; 9]), Err(GeometryError::AxisCount(9)));
    }

    #[test]
    fn text_round_trips() {
        for text in ["(1, -2, 3)", "(5)"] {
            assert_eq!(text.parse::<Coordinate>().map(|c| c.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("[4,5]".parse(), Ok(Coordinate::from([4, 5])));
        assert_eq!("(4,)".parse(), Ok(Coordinate::from([4])));
        for text in ["", "(1", "1)", "a", "1,,2", "1,,", "1.5"] {
            assert!(text.parse::<Coordinate>().is_err(), "{text:?} must not parse");
        }
    }
}
