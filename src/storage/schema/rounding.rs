//! Wider numbers on their way to floats of 16 bits, which are rounded once: the crate that has those cuts numbers of 64 bits
//! off before it rounds them, or rounds them to 32 bits before.
//!
//! A float of 32 bits that is rounded *to odd* (what is not exact gets the neighbour whose last bit is 1) becomes one of 16 bits as
//! if it had never been rounded: [Boldo and Melquiond, "Emulation of FMA and correctly rounded
//! sums"](https://doi.org/10.1109/TC.2007.70819), section 3.

/// A float, for 16 bits.
#[inline]
pub fn of_float(value: f64) -> f32 {
    let nearest = value as f32;
    to_odd(nearest, f64::from(nearest) == value, f64::from(nearest).abs() > value.abs())
}

/// A whole number, for 16 bits.
#[inline]
pub fn of_integer(value: i128) -> f32 {
    let nearest = value as f32;
    let back = nearest as i128;
    to_odd(nearest, back == value, back.unsigned_abs() > value.unsigned_abs())
}

#[inline]
fn to_odd(nearest: f32, is_exact: bool, is_above: bool) -> f32 {
    if is_exact || !nearest.is_finite() {
        return nearest;
    }
    // The next one towards 0 has the next lower bits.
    f32::from_bits((nearest.to_bits() - u32::from(is_above)) | 1)
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    #[test]
    fn halves_are_rounded_once() {
        let f16_of = |value: f64| f16::from_f32(of_float(value)).to_bits();
        let halfway = 1.0 + 2f64.powi(-11);
        assert_eq!(f16_of(halfway), 0x3C00);
        assert_eq!(f16_of(halfway + 2f64.powi(-40)), 0x3C01);
        assert_eq!(f16_of(halfway - 2f64.powi(-40)), 0x3C00);
        assert_eq!(f16_of(-halfway - 2f64.powi(-40)), 0xBC01);
        assert_eq!(f16_of(65519.99999999), f16::MAX.to_bits());
        assert_eq!(f16_of(65520.0), f16::INFINITY.to_bits());
        assert_eq!(f16_of(2f64.powi(-25) + 2f64.powi(-60)), 1);
        assert_eq!(f16_of(2f64.powi(-25)), 0);
        assert_eq!(f16_of(1e-300), 0);
        assert!(f16::from_f32(of_float(f64::NAN)).is_nan());
        let bf16_of = |value: i128| bf16::from_f32(of_integer(value)).to_bits();
        assert_eq!(bf16_of((1 << 100) + (1 << 92)), bf16_of(1 << 100));
        assert_eq!(bf16_of((1 << 100) + (1 << 92) + 1), bf16_of(1 << 100) + 1);
        assert_eq!(bf16_of(-7), bf16::from_f32(-7.0).to_bits());
    }
}
