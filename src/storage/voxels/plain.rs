//! Types of element as the bytes of a file: which bytes are a value, and what becomes of others.

use bytemuck::NoUninit;
use half::{bf16, f16};
use num_complex::Complex;

/// A type of element that can be made of bytes from anywhere.
///
/// # Safety
/// Once [`make_valid`](Self::make_valid) has seen them, any bytes, as many as a whole number of values takes, are values.
pub unsafe trait Plain: NoUninit {
    /// Replaces bytes that are no value by those of one.
    fn make_valid(_bytes: &mut [u8]) {}

    /// The value whose bytes, at any address, these are.
    fn of_bytes(bytes: &[u8]) -> Self {
        const MAX_SIZE: usize = 16;
        let mut own = [0; MAX_SIZE];
        let own = &mut own[..size_of::<Self>()];
        own.copy_from_slice(bytes);
        Self::make_valid(own);
        // SAFETY: as many bytes as a value takes, which are one.
        unsafe { own.as_ptr().cast::<Self>().read_unaligned() }
    }
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        // SAFETY: plain old data, of which any bytes are values.
        unsafe impl Plain for $type where $type: bytemuck::Pod {}
    )*};
}

plain!(u8, u16, u32, u64, i8, i16, i32, i64, f16, bf16, f32, f64, Complex<f32>, Complex<f64>);

// SAFETY: of one byte, which is made 0 or 1.
unsafe impl Plain for bool {
    fn make_valid(bytes: &mut [u8]) {
        make_bool(bytes);
    }
}

/// Makes each byte that is not 0 a 1: a file may hold any bytes where it says that they are true or false, and a Rust `bool` must
/// not.
pub fn make_bool(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
}

/// Reverses the bytes of numbers of `size` bytes each: from one byte order to the other.
pub fn swap_bytes(bytes: &mut [u8], size: usize) {
    match size {
        1 => {}
        2 => reverse::<2>(bytes),
        4 => reverse::<4>(bytes),
        _ => reverse::<8>(bytes),
    }
}

/// Reverses numbers of a size that the compiler knows, and so many at once.
fn reverse<const SIZE: usize>(bytes: &mut [u8]) {
    let (numbers, _) = bytes.as_chunks_mut::<SIZE>();
    numbers.iter_mut().for_each(|number| number.reverse());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_makes_a_bool() {
        assert!((0..=255).all(|byte| bool::of_bytes(&[byte]) == (byte != 0)));
        assert_eq!(f16::of_bytes(&f16::ONE.to_ne_bytes()), f16::ONE);
        let complex = Complex::new(1.0f64, -2.0);
        assert_eq!(Complex::<f64>::of_bytes(bytemuck::bytes_of(&complex)), complex);
    }
}
