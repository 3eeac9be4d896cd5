//! What every format must do: types, axes, channels, borders, memory orders, parts of chunks.

use std::fs;

use bellis::geometry::WriteTarget;
use bellis::storage::{ArraySpec, Complex, DataType, Element, FillValue, ZarrVersion, bf16, describe, f16};
use bellis::{Array, Border, Coordinate};
use ndarray::{Array3, ArrayD, IxDyn, ShapeBuilder, Slice, s};

use super::{KINDS, Kind, chunk_files, counting, files_below, roi};

#[test]
fn every_type_round_trips() {
    fn check<T: Element>(kind: Kind) {
        let dir = tempfile::tempdir().unwrap();
        let path = kind.path_in(&dir);
        let fill: T = kind.fill(7);
        let spec = ArraySpec::new([7, 9]).fill_value(fill);
        let array = Array::<T>::create(&path, &kind.spec(&spec, [4, 5])).unwrap();
        let data = counting::<T>(&[7, 5]);
        array.write(&roi([0, 0], [7, 5]), &data).unwrap();
        let array = Array::<T>::open(&path).unwrap();
        let read = array.read(&array.roi()).unwrap();
        assert_eq!(read.slice(s![.., ..5]).into_dyn(), data);
        assert!(read.slice(s![.., 5..]).iter().all(|&v| v == fill));
        assert_eq!(array.info().data_type, T::DATA_TYPE);
        assert_eq!(array.info().format, kind.format);
        assert_eq!(array.fill_value(), fill);
    }
    for kind in KINDS {
        check::<u8>(kind);
        check::<u16>(kind);
        check::<u32>(kind);
        check::<u64>(kind);
        check::<i8>(kind);
        check::<i16>(kind);
        check::<i32>(kind);
        check::<i64>(kind);
        check::<f32>(kind);
        check::<f64>(kind);
        if kind.knows(DataType::Bool) {
            check::<bool>(kind);
            check::<f16>(kind);
            check::<Complex<f32>>(kind);
            check::<Complex<f64>>(kind);
        }
        if kind.knows(DataType::BF16) {
            check::<bf16>(kind);
        }
    }
}

/// N5 has bytes for masks, and nothing for the others; Zarr v2 has numpy's types.
#[test]
fn types_that_a_format_lacks_are_refused() {
    for data_type in DataType::ALL.into_iter().skip(10) {
        let refused = ArraySpec::new([4]).resolve("nothing-there.n5", data_type).unwrap_err().to_string();
        assert!(refused.contains(&format!("data type is {data_type} but must be uint8 to")), "{refused}");
    }
    let v2 = ArraySpec::new([4]).zarr_version(ZarrVersion::V2);
    let refused = v2.resolve("nothing-there.zarr", DataType::BF16).unwrap_err().to_string();
    assert!(refused.contains("data type is bfloat16 but must be another one"), "{refused}");
}

/// A file may hold any bytes where it says that they are true or false.
#[test]
fn no_byte_makes_a_bool_that_is_neither() {
    for kind in KINDS.iter().filter(|kind| kind.knows(DataType::Bool) && kind.has_bare_bytes()) {
        let dir = tempfile::tempdir().unwrap();
        let path = kind.path_in(&dir);
        let array = Array::<bool>::create(&path, &kind.spec(&ArraySpec::new([4]), [4])).unwrap();
        array.write(&array.roi(), &ndarray::arr1(&[true, false, true, true])).unwrap();
        drop(array);
        for entry in files_below(dir.path()) {
            let bytes = fs::read(&entry).unwrap();
            let Some(at) = bytes.windows(4).position(|window| window == [1, 0, 1, 1]) else { continue };
            let mut spoilt = bytes;
            spoilt[at..at + 4].copy_from_slice(&[2, 0, 255, 1]);
            fs::write(&entry, spoilt).unwrap();
        }
        let array = Array::<bool>::open(&path).unwrap();
        let read = array.read(&array.roi()).unwrap();
        assert_eq!(read.as_slice().unwrap(), [true, false, true, true], "{}", kind.format);
        assert_eq!(array.as_dyn().read_bytes(&array.roi()).unwrap(), [1, 0, 1, 1]);
        array.as_dyn().write_bytes(&array.roi(), &[0, 7, 1, 0]).unwrap();
        assert_eq!(array.read(&array.roi()).unwrap().as_slice().unwrap(), [false, true, true, false]);
    }
}

#[test]
fn extreme_fill_values_survive() {
    fn check<T: Element>(value: T) {
        for kind in KINDS.iter().filter(|kind| kind.has_fill_value && kind.knows(T::DATA_TYPE)) {
            let dir = tempfile::tempdir().unwrap();
            let path = kind.path_in(&dir);
            let spec = ArraySpec::new([3]).fill_value(value);
            Array::<T>::create(&path, &kind.spec(&spec, [3])).unwrap();
            let read = Array::<T>::open(&path).unwrap().read(&roi([-1], [5])).unwrap();
            assert!(read.iter().all(|&v| format!("{v:?}") == format!("{value:?}")), "{value:?} {read:?}");
        }
    }
    check(u64::MAX);
    check(i64::MIN);
    check(i64::MAX);
    check(i8::MIN);
    check(f32::NAN);
    check(f64::INFINITY);
    check(f32::NEG_INFINITY);
    check(0.1f32);
    check(f64::MIN_POSITIVE);
    check(true);
    check(f16::NAN);
    check(f16::MAX);
    check(bf16::NEG_INFINITY);
    check(Complex::new(0.1f32, f32::INFINITY));
    check(Complex::new(-0.5f64, f64::NAN));
}

#[test]
fn one_to_five_axes_with_and_without_channels() {
    for kind in KINDS {
        for n_axes in 1..=5usize {
            for n_channels in 0..2usize.min(n_axes) {
                let dir = tempfile::tempdir().unwrap();
                let path = kind.path_in(&dir);
                let shape: Vec<u64> = (0..n_axes as u64).map(|axis| 4 + axis % 3).collect();
                let n_spatial = n_axes - n_channels;
                let voxel_size = Coordinate::from_fn(n_spatial, |axis| axis as i64 + 1);
                let offset = Coordinate::from_fn(n_spatial, |axis| -10 + 7 * axis as i64);
                let spec = ArraySpec::new(shape.clone())
                    .channel_axes(n_channels)
                    .offset(offset)
                    .voxel_size(voxel_size)
                    .units("nm");
                let array = Array::<u16>::create(&path, &kind.spec(&spec, vec![3; n_axes])).unwrap();
                let usizes: Vec<usize> = shape.iter().map(|&v| v as usize).collect();
                let data = counting::<u16>(&usizes);
                array.write(&array.roi(), &data).unwrap();

                let array = Array::<u16>::open(&path).unwrap();
                assert_eq!(array.info().n_channel_axes(), n_channels);
                assert_eq!(array.roi().offset(), &offset);
                assert_eq!(array.read(&array.roi()).unwrap(), data);
                // One voxel in from each side along the spatial axes.
                let less = voxel_size.checked_mul(&Coordinate::splat(n_spatial, -1)).unwrap();
                let inner = array.roi().grow(&less, &less).unwrap();
                let expected = data.slice_each_axis(|slot| match slot.axis.index() < n_channels {
                    true => (..).into(),
                    false => Slice::new(1, Some(-1), 1),
                });
                assert_eq!(array.read(&inner).unwrap(), expected);
                let chunk_grid = array.chunk_grid();
                assert_eq!(chunk_grid.extent, array.roi());
                let chunk = if kind.has_chunk_files { 3 } else { 1 };
                assert_eq!(
                    chunk_grid.chunk_shape,
                    voxel_size.checked_mul(&Coordinate::splat(n_spatial, chunk)).unwrap()
                );
                assert_eq!(array.label(), path.display().to_string());
            }
        }
    }
}

/// What `numpy.pad` and scipy say of each voxel, one at a time.
fn oracle(data: &Array3<i32>, roi_in_voxels: [(i64, i64); 2], border: Border<i32>) -> ArrayD<i32> {
    let [(y0, y1), (x0, x1)] = roi_in_voxels;
    let at = |voxel: i64, extent: i64| match border {
        _ if (0..extent).contains(&voxel) => Some(voxel),
        Border::Constant(_) => None,
        Border::Nearest => Some(voxel.clamp(0, extent - 1)),
        Border::Reflect => {
            let mut voxel = voxel;
            while !(0..extent).contains(&voxel) {
                voxel = if voxel < 0 { -1 - voxel } else { 2 * extent - 1 - voxel };
            }
            Some(voxel)
        }
    };
    let (c, h, w) = data.dim();
    let shape = (c, (y1 - y0) as usize, (x1 - x0) as usize);
    Array3::from_shape_fn(shape, |(c, y, x)| {
        match (at(y0 + y as i64, h as i64), at(x0 + x as i64, w as i64), border) {
            (Some(y), Some(x), _) => data[[c, y as usize, x as usize]],
            (_, _, Border::Constant(value)) => value,
            _ => unreachable!(),
        }
    })
    .into_dyn()
}

#[test]
fn borders_are_those_of_the_oracle() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([2, 6, 5])
            .channel_axes(1)
            .offset([-6, 30])
            .voxel_size([2, 10])
            .fill_value(kind.fill::<i32>(-5));
        let array = Array::<i32>::create(kind.path_in(&dir), &kind.spec(&spec, [1, 4, 2])).unwrap();
        let data = counting::<i32>(&[2, 6, 5]).into_dimensionality().unwrap();
        array.write(&array.roi(), &data).unwrap();
        let spans = |extent: i64| {
            [
                (0, extent),
                (-2, 3),
                (3, extent + 2),
                (-1, 1),
                (-20, 20),
                (-4, -1),
                (extent + 1, extent + 3),
                (2, 2),
            ]
        };
        for (y0, y1) in spans(6) {
            for (x0, x1) in spans(5) {
                let roi = roi([-6 + 2 * y0, 30 + 10 * x0], [2 * (y1 - y0), 10 * (x1 - x0)]);
                let expected = |border| oracle(&data, [(y0, y1), (x0, x1)], border);
                assert_eq!(array.read(&roi).unwrap(), expected(Border::Constant(kind.fill(-5))), "{roi}");
                for border in [Border::Constant(9), Border::Nearest, Border::Reflect] {
                    let read = array.read_with(&roi, border).unwrap();
                    assert!(read.is_standard_layout());
                    assert_eq!(read, expected(border), "{roi} {border:?}");
                }
            }
        }
    }
}

#[test]
fn views_in_any_memory_order_are_written_as_they_look() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([6, 8]);
        let array = Array::<f64>::create(kind.path_in(&dir), &kind.spec(&spec, [4, 3])).unwrap();
        let whole = roi([0, 0], [6, 8]);
        let data = counting::<f64>(&[8, 6]).into_dimensionality::<ndarray::Ix2>().unwrap();
        array.write(&whole, &data.t()).unwrap();
        assert_eq!(array.read(&whole).unwrap(), data.t().into_dyn());

        let large = counting::<f64>(&[12, 16]).into_dimensionality::<ndarray::Ix2>().unwrap();
        let strided = large.slice(s![..;2, ..;-2]);
        array.write(&whole, &strided).unwrap();
        assert_eq!(array.read(&whole).unwrap(), strided.into_dyn());

        let fortran = ArrayD::<f64>::from_elem(IxDyn(&[6, 8]).f(), 3.0);
        array.write(&whole, &fortran).unwrap();
        assert_eq!(array.read(&whole).unwrap(), fortran);
    }
}

#[test]
fn parts_of_chunks_keep_the_rest() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([10, 10]).fill_value(kind.fill::<u8>(1));
        let array = Array::<u8>::create(kind.path_in(&dir), &kind.spec(&spec, [4, 4])).unwrap();
        let mut expected = ArrayD::from_elem(IxDyn(&[10, 10]), kind.fill::<u8>(1));
        for (step, (offset, shape)) in
            [([0, 0], [10, 10]), ([3, 3], [2, 2]), ([1, 5], [8, 1]), ([8, 8], [2, 2]), ([9, 0], [1, 10])]
                .into_iter()
                .enumerate()
        {
            let part = roi(offset, shape);
            let data =
                counting::<u8>(&[shape[0] as usize, shape[1] as usize]).mapv(|v| v.wrapping_add(step as u8));
            let [y, x] = offset.map(|v| v as usize);
            expected.slice_mut(s![y..y + shape[0] as usize, x..x + shape[1] as usize]).assign(&data);
            array.write(&part, &data).unwrap();
            assert_eq!(array.read(&array.roi()).unwrap(), expected);
        }
        if kind.has_chunk_files {
            assert_eq!(chunk_files(array.path()).len(), 9);
        }
    }
}

#[test]
fn chunks_of_fill_values_take_no_space() {
    for kind in KINDS.iter().filter(|kind| kind.has_chunk_files) {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([8]).fill_value(kind.fill::<i32>(3));
        let array = Array::<i32>::create(kind.path_in(&dir), &kind.spec(&spec, [4])).unwrap();
        array.write(&roi([0], [4]), &ndarray::arr1(&[1, 2, 3, 4])).unwrap();
        assert_eq!(chunk_files(array.path()).len(), 1);
        array.write(&roi([0], [4]), &ndarray::arr1(&[kind.fill::<i32>(3); 4])).unwrap();
        assert_eq!(chunk_files(array.path()).len(), 0);
        assert_eq!(array.read(&array.roi()).unwrap(), ndarray::arr1(&[kind.fill::<i32>(3); 8]).into_dyn());
    }
}

#[test]
fn a_whole_chunk_is_written_without_reading_the_former_one() {
    for kind in KINDS.iter().filter(|kind| kind.has_chunk_files) {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([10]);
        let array = Array::<u16>::create(kind.path_in(&dir), &kind.spec(&spec, [4])).unwrap();
        array.write(&array.roi(), &counting::<u16>(&[10])).unwrap();
        for chunk in chunk_files(array.path()) {
            fs::write(chunk, b"spoilt").unwrap();
        }
        // Also at the border, where the chunk reaches past the array.
        array.write(&array.roi(), &counting::<u16>(&[10])).unwrap();
        assert_eq!(array.read(&array.roi()).unwrap(), counting::<u16>(&[10]));
        assert_eq!(chunk_files(array.path()).len(), 3);
    }
}

#[test]
fn empty_rois_are_nothing() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([10, 10]), [10, 10]);
        let array = Array::<u8>::create(kind.path_in(&dir), &spec).unwrap();
        for empty in [roi([0, 0], [0, 5]), roi([-100, 7], [3, 0]), roi([10, 10], [0, 0])] {
            let shape: Vec<usize> = empty.shape().iter().map(|v| v as usize).collect();
            for border in [Border::Constant(1), Border::Nearest, Border::Reflect] {
                assert_eq!(array.read_with(&empty, border).unwrap().shape(), shape);
            }
            array.write(&empty, &ArrayD::<u8>::zeros(shape)).unwrap();
        }
        if kind.has_chunk_files {
            assert!(chunk_files(array.path()).is_empty());
        }
    }
}

#[test]
fn like_copies_everything_but_the_type() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([3, 20, 30])
            .channel_axes(1)
            .offset([-4, 8])
            .voxel_size([4, 2])
            .axis_names(["rgb", "y", "x"])
            .units_per_axis(["nm", "um"])
            .fill_value(kind.fill::<u8>(255));
        let input = Array::<u8>::create(kind.path_in(&dir), &kind.spec(&spec, [3, 8, 8])).unwrap();
        let output = Array::<f32>::create(dir.path().join("c.zarr"), &ArraySpec::like(&input)).unwrap();
        let (input, output) = (input.info(), output.info());
        assert_eq!(output.axis_names, ["rgb^", "y", "x"]);
        assert_eq!(output.units, ["nm", "um"]);
        assert_eq!(output.fill_value, FillValue::Float(kind.fill::<u8>(255).into()));
        assert_eq!(output.data_type, DataType::F32);
        assert_eq!(output.shape, input.shape);
        assert!(input.is_contiguous || output.chunks == input.chunks, "{:?}", output.chunks);
        assert_eq!((output.offset, output.voxel_size), (input.offset, input.voxel_size));
        assert_eq!(output.format, "Zarr v3");
        assert_eq!(&describe(&input.path).unwrap(), input);
    }
}
