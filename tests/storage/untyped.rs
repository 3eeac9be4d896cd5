//! Arrays whose type of element is a value: the same voxels, as bytes.

use bellis::storage::{ArraySpec, DataType, DynArray, Element, StorageError};
use bellis::{Array, Roi};

use super::{KINDS, Kind, counting, roi};

/// The voxels of an array in bytes that do not lie where elements would.
fn bytes_of<T: Element + bytemuck::Pod>(array: &Array<T>, roi: &Roi) -> Vec<u8> {
    bytemuck::cast_slice(array.read(roi).unwrap().as_slice().unwrap()).to_vec()
}

#[test]
fn bytes_are_what_the_typed_view_sees() {
    fn check<T: Element + bytemuck::Pod>(kind: Kind) {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([2, 7, 9]).channel_axes(1).fill_value(kind.fill::<T>(7)).voxel_size([2, 3]);
        let spec = kind.spec(&spec, [2, 4, 5]);
        let array = DynArray::create(kind.path_in(&dir), T::DATA_TYPE, &spec).unwrap();
        assert_eq!(array.data_type(), T::DATA_TYPE);
        let typed = array.clone().typed::<T>().unwrap();
        assert_eq!(array.fill_value(), bytemuck::bytes_of(&typed.fill_value()));

        let (block, size) = (roi([2, 6], [8, 15]), array.data_type().size());
        let data = counting::<T>(&[2, 4, 5]);
        // No element is aligned.
        let mut shifted = vec![0];
        shifted.extend_from_slice(bytemuck::cast_slice(data.as_slice().unwrap()));
        array.write_bytes(&block, &shifted[1..]).unwrap();
        assert_eq!(typed.read(&block).unwrap(), data);

        let array = DynArray::open(array.path()).unwrap();
        for roi in [
            block,
            array.roi(),
            roi([4, 9], [2, 3]),
            roi([-4, -3], [30, 60]),
            roi([-2, 6], [6, 3]),
            roi([12, 24], [4, 6]),
            roi([20, 0], [4, 3]),
            roi([-40, -60], [4, 3]),
            roi([4, 9], [0, 3]),
        ] {
            let bytes = array.read_bytes(&roi).unwrap();
            assert_eq!(bytes, bytes_of(&typed, &roi), "{} {} {roi}", kind.format, array.data_type());
            assert_eq!(bytes.len() as i64, 2 * size as i64 * roi.size().unwrap() / 6);
        }
    }
    for kind in KINDS {
        check::<u8>(kind);
        check::<i16>(kind);
        check::<f32>(kind);
        check::<u64>(kind);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([4, 6]), [2, 3]);
        let array = DynArray::create(kind.path_in(&dir), DataType::I16, &spec).unwrap();
        let refused = array.write_bytes(&roi([0, 0], [2, 3]), &[0; 6]).unwrap_err();
        assert!(matches!(refused, StorageError::SizeDiffers { actual: 6, expected: 12, .. }), "{refused}");
        assert!(refused.to_string().contains("cannot write 6 bytes to ROI [0:2, 0:3]"), "{refused}");
        let refused = array.write_bytes(&roi([3, 0], [2, 3]), &[0; 12]).unwrap_err();
        assert!(matches!(refused, StorageError::OutsideArray { .. }), "{refused}");
        let refused = array.read_bytes(&roi([0], [1])).unwrap_err();
        assert!(matches!(refused, StorageError::AxesDiffer { .. }), "{refused}");
        let refused = array.read_bytes(&roi([0, 0], [i64::MAX, i64::MAX])).unwrap_err();
        assert!(matches!(refused, StorageError::TooLarge { .. }), "{refused}");
        array.write_bytes(&roi([1, 1], [0, 3]), &[]).unwrap();

        let refused = array.clone().typed::<u16>().map(drop).unwrap_err();
        assert!(matches!(refused, StorageError::DataTypeDiffers { .. }), "{refused}");
        let refused = DynArray::create(array.path(), DataType::U16, &spec).map(drop).unwrap_err();
        assert!(refused.to_string().contains("exists with data type int16"), "{refused}");
    }
}
