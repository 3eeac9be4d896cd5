//! From places in the world as files say them to whole world units: exact where a finer metric unit makes them whole.
//!
//! 0.5 micrometer become 500 nanometer, 1.5 angstrom 150 picometer, an inch and a half 38100 micrometer. Numbers are decimal, as they
//! are written, so that nothing is lost far from the origin; what single precision left behind the digits is rounded off.

use serde_json::Value;

use crate::geometry::Coordinate;

/// What finer units are taken from, each 1000 times finer than the one before: long name, bellis's short one, power of ten
/// of a meter.
pub const METRIC: [(&str, &str, i32); 8] = [
    ("kilometer", "km", 3),
    ("meter", "m", 0),
    ("millimeter", "mm", -3),
    ("micrometer", "um", -6),
    ("nanometer", "nm", -9),
    ("picometer", "pm", -12),
    ("femtometer", "fm", -15),
    ("attometer", "am", -18),
];

/// Other lengths, and other spellings: in meters.
const OTHERS: [(&str, Decimal); 22] = [
    ("\u{b5}m", Decimal::new(1, -6)),
    ("\u{3bc}m", Decimal::new(1, -6)),
    ("micron", Decimal::new(1, -6)),
    ("microns", Decimal::new(1, -6)),
    ("micrometers", Decimal::new(1, -6)),
    ("micrometre", Decimal::new(1, -6)),
    ("nanometers", Decimal::new(1, -9)),
    ("nanometre", Decimal::new(1, -9)),
    ("millimeters", Decimal::new(1, -3)),
    ("millimetre", Decimal::new(1, -3)),
    ("meters", Decimal::new(1, 0)),
    ("angstrom", Decimal::new(1, -10)),
    ("\u{c5}", Decimal::new(1, -10)),
    ("\u{212b}", Decimal::new(1, -10)),
    ("centimeter", Decimal::new(1, -2)),
    ("cm", Decimal::new(1, -2)),
    ("decimeter", Decimal::new(1, -1)),
    ("hectometer", Decimal::new(1, 2)),
    ("inch", Decimal::new(254, -4)),
    ("foot", Decimal::new(3048, -4)),
    ("yard", Decimal::new(9144, -4)),
    ("mile", Decimal::new(1_609_344, -3)),
];

/// `digits` times ten to the power of `exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decimal {
    digits: i128,
    exponent: i32,
}

/// What a file says of each spatial axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub units: Vec<String>,
    pub offset: Vec<Decimal>,
    pub voxel_size: Vec<Decimal>,
}

/// The same in whole units.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub units: Vec<String>,
    pub offset: Coordinate,
    pub voxel_size: Coordinate,
}

impl Said {
    /// How many steps finer than said, at least so many, the units must be for all to be whole; `None` where none are.
    pub fn steps(&self, least: usize) -> Option<usize> {
        (least..METRIC.len()).find(|&steps| self.placed(steps).is_some())
    }

    /// In units so many steps finer, if all is whole there and voxels have a size.
    pub fn placed(&self, steps: usize) -> Option<Placed> {
        let n_axes = self.units.len();
        let (mut offset, mut voxel_size) = (Coordinate::zeros(n_axes), Coordinate::zeros(n_axes));
        let mut units = Vec::with_capacity(n_axes);
        for axis in 0..n_axes {
            let (factor, unit) = finer(&self.units[axis], steps);
            let size = self.voxel_size[axis].to_f64() * factor.to_f64();
            voxel_size[axis] = self.voxel_size[axis].whole_times(factor, f64::INFINITY)?;
            offset[axis] = self.offset[axis].whole_times(factor, 1e-3 * size)?;
            units.push(unit);
        }
        voxel_size.all(|size| size > 0).then_some(Placed { units, offset, voxel_size })
    }
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self::new(0, 0);
    /// 1.
    pub const ONE: Self = Self::new(1, 0);

    const fn new(digits: i128, exponent: i32) -> Self {
        Self { digits, exponent }
    }

    /// The number that JSON holds.
    pub fn of_json(value: &Value) -> Option<Self> {
        let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
        whole.map(|whole| Self::new(whole, 0)).or_else(|| Self::of_f64(value.as_f64()?))
    }

    /// The shortest decimal number that becomes `value`.
    pub fn of_f64(value: f64) -> Option<Self> {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e')?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let exponent = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
        Some(Self::new(format!("{whole}{fraction}").parse().ok()?, exponent))
    }

    fn to_f64(self) -> f64 {
        self.digits as f64 * 10f64.powi(self.exponent)
    }

    /// Times `factor`, if that is whole to within single precision, and to within `slack`.
    fn whole_times(self, factor: Self, slack: f64) -> Option<i64> {
        const PRECISION: f64 = 1e-7;
        let digits = self.digits.checked_mul(factor.digits)?;
        let exponent = self.exponent + factor.exponent;
        let power = 10i128.checked_pow(exponent.unsigned_abs());
        if digits == 0 {
            return Some(0);
        }
        if exponent >= 0 {
            return i64::try_from(digits.checked_mul(power?)?).ok();
        }
        let power = power?;
        let (mut whole, rest) = (digits.div_euclid(power), digits.rem_euclid(power));
        let error = rest.min(power - rest);
        whole += i128::from(rest > power - rest);
        let is_close =
            error as f64 <= PRECISION * digits.unsigned_abs() as f64 && error as f64 <= slack * power as f64;
        if error == 0 || is_close { i64::try_from(whole).ok() } else { None }
    }
}

/// What a unit so many steps finer than `unit` takes values times, and its name. What is no length stays as it is.
fn finer(unit: &str, steps: usize) -> (Decimal, String) {
    let as_it_is = (Decimal::ONE, unit.to_owned());
    let Some(length) = length(unit).filter(|_| steps > 0) else { return as_it_is };
    let finer = METRIC.iter().filter(|(_, _, power)| 10f64.powi(*power) < 0.9 * length.to_f64());
    match finer.take(steps).last() {
        Some((_, short, power)) => {
            (Decimal::new(length.digits, length.exponent - power), (*short).to_owned())
        }
        None => as_it_is,
    }
}

/// In meters.
fn length(unit: &str) -> Option<Decimal> {
    let metric = METRIC.iter().find(|(long, short, _)| [*long, *short].contains(&unit));
    let other = || OTHERS.iter().find(|(name, _)| *name == unit).map(|(_, length)| *length);
    metric.map(|(_, _, power)| Decimal::new(1, *power)).or_else(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(unit: &str, voxel_size: f64, offset: f64) -> Option<(i64, i64, String)> {
        let decimal = |value| vec![Decimal::of_f64(value).expect("finite")];
        let units = vec![unit.to_owned()];
        let said = Said { units, offset: decimal(offset), voxel_size: decimal(voxel_size) };
        let placed = said.placed(said.steps(0)?)?;
        Some((placed.voxel_size[0], placed.offset[0], placed.units[0].clone()))
    }

    #[test]
    fn a_finer_unit_makes_whole() {
        for (unit, voxel_size, offset, expected) in [
            ("um", 4.0, -8.0, (4, -8, "um")),
            ("um", 0.5, 10.25, (500, 10_250, "nm")),
            ("\u{b5}m", 0.5, 0.0, (500, 0, "nm")),
            ("angstrom", 1.5, 3.0, (150, 300, "pm")),
            ("angstrom", 2.0, 3.0, (2, 3, "angstrom")),
            ("inch", 1.5, 0.0, (38_100, 0, "um")),
            ("micrometer", 0.108_333_3, 0.0, (108_333_300, 0, "fm")),
            // Far away, and exact.
            ("micrometer", 0.123_456_7, 12_345_678.9, (123_456_700, 12_345_678_900_000_000, "fm")),
            // As single precision has 0.36.
            ("um", 0.360_000_014_305_114_75, 0.0, (360, 0, "nm")),
            ("um", 0.1 + 0.2, 0.0, (300, 0, "nm")),
            ("pixel", 2.0, 1.0, (2, 1, "pixel")),
        ] {
            let (size, begin, name) = expected;
            assert_eq!(placed(unit, voxel_size, offset), Some((size, begin, name.to_owned())), "{unit}");
        }
    }

    #[test]
    fn some_are_never_whole() {
        for (unit, voxel_size) in [("pixel", 1.5), ("", 0.36), ("um", 0.0), ("um", -1.0), ("um", 1e300)] {
            assert_eq!(placed(unit, voxel_size, 0.0), None, "{voxel_size} {unit}");
        }
        assert_eq!(placed("um", 0.123_456_7, 1e15), None);
    }
}
