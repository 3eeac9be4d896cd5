//! Arrays of known content: one formula, which `conversation.py` knows too.

use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;

use bellis::storage::{ArraySpec, Complex, DataType, Element, FillValue, bf16, f16};
use bellis::{Array, Coordinate, Roi};
use ndarray::{ArrayD, IxDyn, Slice};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A type of element, with the formula.
pub trait Voxel: Element + Debug {
    /// What the voxel at `index` in C order holds.
    fn at(index: u64) -> Self;

    /// Its bytes, by which also what is not a number is equal to itself.
    fn bytes(self) -> Vec<u8>;
}

fn mixed(index: u64) -> u64 {
    index.wrapping_mul(2_654_435_761) & 0xffff_ffff
}

macro_rules! voxels {
    ($($type:ty: $at:expr),*) => {$(
        impl Voxel for $type {
            fn at(index: u64) -> Self {
                let at: fn(u64) -> $type = $at;
                at(mixed(index))
            }

            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        }
    )*};
    (integers $($type:ty),*) => { voxels!($($type: |mixed| mixed.wrapping_mul(0x1_0000_0001) as $type),*); };
    (halves $($type:ty),*) => {
        voxels!($($type: |mixed| <$type>::from_f64((mixed % 65521) as f64 / 16.0 - 1000.0)),*);
    };
    (floats $($type:ty),*) => { voxels!($($type: |mixed| (mixed % 65521) as $type / 16.0 - 1000.0),*); };
}
voxels!(integers u8, u16, u32, u64, i8, i16, i32, i64);
voxels!(floats f32, f64);
voxels!(halves f16, bf16);

impl Voxel for bool {
    fn at(index: u64) -> Self {
        mixed(index) % 2 == 1
    }

    fn bytes(self) -> Vec<u8> {
        vec![self.into()]
    }
}

macro_rules! complex_voxels {
    ($($part:ty),*) => {$(
        impl Voxel for Complex<$part> {
            fn at(index: u64) -> Self {
                let real = <$part>::at(index);
                Self::new(real, -real / 2.0)
            }

            fn bytes(self) -> Vec<u8> {
                [self.re.bytes(), self.im.bytes()].concat()
            }
        }
    )*};
}
complex_voxels!(f32, f64);

/// `$body` with `$T` as the type that `$data_type` stands for.
macro_rules! with_type {
    ($data_type:expr, $T:ident => $body:expr) => {{
        macro_rules! arm {
            ($type:ty) => {{
                type $T = $type;
                $body
            }};
        }
        match $data_type {
            bellis::storage::DataType::U8 => arm!(u8),
            bellis::storage::DataType::U16 => arm!(u16),
            bellis::storage::DataType::U32 => arm!(u32),
            bellis::storage::DataType::U64 => arm!(u64),
            bellis::storage::DataType::I8 => arm!(i8),
            bellis::storage::DataType::I16 => arm!(i16),
            bellis::storage::DataType::I32 => arm!(i32),
            bellis::storage::DataType::I64 => arm!(i64),
            bellis::storage::DataType::F32 => arm!(f32),
            bellis::storage::DataType::F64 => arm!(f64),
            bellis::storage::DataType::Bool => arm!(bool),
            bellis::storage::DataType::F16 => arm!(bellis::storage::f16),
            bellis::storage::DataType::BF16 => arm!(bellis::storage::bf16),
            bellis::storage::DataType::C64 => arm!(bellis::storage::Complex<f32>),
            bellis::storage::DataType::C128 => arm!(bellis::storage::Complex<f64>),
            other => panic!("the tests do not know {other}"),
        }
    }};
}
pub(crate) use with_type;

/// An array as it should be: its fill value, and what was written over it.
#[derive(Clone)]
pub struct Volume {
    pub data_type: DataType,
    pub shape: Vec<u64>,
    pub fill: FillValue,
    pub writes: Vec<Write>,
}

/// The formula, counted from `seed`, written to a part of the array.
#[derive(Clone)]
pub struct Write {
    /// Begin and end along each axis, in voxels.
    pub part: Vec<[u64; 2]>,
    pub seed: u64,
}

impl Volume {
    /// An array that is written from a third of each axis on: first chunks are missing or partly filled, last ones are
    /// cut by the end of the array.
    pub fn new(data_type: DataType, shape: &[u64]) -> Self {
        let part = shape.iter().map(|&extent| [extent / 3, extent]).collect();
        let writes = vec![Write { part, seed: 0 }];
        Self { data_type, shape: shape.to_vec(), fill: FillValue::Integer(0), writes }
    }

    pub fn fill(mut self, fill: impl Into<FillValue>) -> Self {
        self.fill = fill.into();
        self
    }

    /// What a script needs to know to write it.
    pub fn request(&self, path: &Path) -> Value {
        let fill = match self.fill {
            FillValue::Integer(value) if self.data_type == DataType::Bool => json!(value != 0),
            FillValue::Integer(value) => json!(i64::try_from(value).unwrap()),
            FillValue::Float(value) if value.is_finite() => json!(value),
            FillValue::Float(value) if value.is_nan() => json!("NaN"),
            FillValue::Complex(..) => panic!("the scripts know real fill values only"),
            FillValue::Float(value) => json!(if value > 0.0 { "Infinity" } else { "-Infinity" }),
        };
        json!({"path": path, "shape": self.shape, "dtype": self.data_type.name(), "fill": fill,
            "part": self.writes[0].part, "attributes": self.attributes()})
    }

    /// Another place in the world and another size along each axis.
    fn place(&self) -> (Coordinate, Coordinate) {
        let n_axes = self.shape.len();
        let offset = Coordinate::from_fn(n_axes, |axis| 35 * axis as i64 - 100);
        (offset, Coordinate::from_fn(n_axes, |axis| axis as i64 + 2))
    }

    fn axis_names(&self) -> Vec<&'static str> {
        ["s", "t", "z", "y", "x"][5 - self.shape.len()..].to_vec()
    }

    /// What says where it lies.
    fn attributes(&self) -> Value {
        let (offset, voxel_size) = self.place();
        json!({"offset": offset.as_slice(), "voxel_size": voxel_size.as_slice(), "axis_names": self.axis_names(),
            "units": vec!["nm"; self.shape.len()]})
    }

    /// What bellis is to create.
    pub fn spec(&self) -> ArraySpec {
        let (offset, voxel_size) = self.place();
        let spec = ArraySpec::new(self.shape.clone()).offset(offset).voxel_size(voxel_size);
        spec.axis_names(self.axis_names()).units("nm").fill_value(self.fill)
    }

    /// A part that begins and ends inside chunks, to be written over what is there.
    pub fn patch(&self, seed: u64) -> Write {
        Write { part: self.shape.iter().map(|&n| [n / 4, n - n / 4]).collect(), seed }
    }

    fn roi(&self, part: &[[u64; 2]]) -> Roi {
        let (offset, voxel_size) = self.place();
        let along = |at: usize| {
            Coordinate::from_fn(part.len(), |axis| {
                offset[axis] + i64::try_from(part[axis][at]).unwrap() * voxel_size[axis]
            })
        };
        Roi::from_bounds(&along(0), &along(1)).unwrap()
    }

    /// bellis creates it.
    pub fn create(&self, path: &Path, spec: &ArraySpec) {
        fn create<T: Voxel>(volume: &Volume, path: &Path, spec: &ArraySpec) {
            Array::<T>::create(path, spec).unwrap_or_else(|error| panic!("{error}"));
            volume.writes.iter().for_each(|write| volume.write::<T>(path, write));
        }
        with_type!(self.data_type, T => create::<T>(self, path, spec));
    }

    /// bellis writes another part of it.
    pub fn patch_by_bellis(&mut self, path: &Path, seed: u64) {
        let patch = self.patch(seed);
        with_type!(self.data_type, T => self.write::<T>(path, &patch));
        self.writes.push(patch);
    }

    fn write<T: Voxel>(&self, path: &Path, write: &Write) {
        let data = voxels::<T>(&self.shape, write.seed);
        let array = Array::<T>::open(path).unwrap();
        array
            .write(&self.roi(&write.part), &data.slice_each_axis(|axis| slice(&write.part, axis.axis)))
            .unwrap();
    }

    fn content<T: Voxel>(&self) -> ArrayD<T> {
        let mut content = ArrayD::from_elem(extents(&self.shape), T::from_fill(self.fill).unwrap());
        for Write { part, seed } in &self.writes {
            let data = voxels::<T>(&self.shape, *seed);
            let data = data.slice_each_axis(|axis| slice(part, axis.axis));
            content.slice_each_axis_mut(|axis| slice(part, axis.axis)).assign(&data);
        }
        content
    }

    /// bellis reads the same, whole and in part, and finds it where it is.
    #[track_caller]
    pub fn require_read_by_bellis(&self, path: &Path) {
        with_type!(self.data_type, T => self.require_read::<T>(path));
    }

    #[track_caller]
    fn require_read<T: Voxel>(&self, path: &Path) {
        let array = Array::<T>::open(path).unwrap_or_else(|error| panic!("{error}"));
        let (shown, info) = (path.display(), array.info());
        let whole: Vec<[u64; 2]> = self.shape.iter().map(|&extent| [0, extent]).collect();
        assert_eq!(array.roi(), self.roi(&whole), "{shown}");
        assert_eq!(array.voxel_size(), &self.place().1, "{shown}");
        assert_eq!(info.axis_names, self.axis_names(), "{shown}");
        assert_eq!(info.units, vec!["nm"; self.shape.len()], "{shown}");
        assert_eq!(
            array.fill_value().bytes(),
            T::from_fill(self.fill).unwrap().bytes(),
            "{shown}: fill value"
        );
        let expected = self.content::<T>();
        let odd: Vec<[u64; 2]> = self.shape.iter().map(|&n| [n / 5, n - n / 6]).collect();
        for part in [whole, odd] {
            let read = array.read(&self.roi(&part)).unwrap_or_else(|error| panic!("{error}"));
            let expected = expected.slice_each_axis(|axis| slice(&part, axis.axis));
            assert_eq!(read.shape(), expected.shape(), "{shown} {part:?}");
            let mut pairs = read.indexed_iter().zip(&expected);
            let wrong = pairs.find(|((_, read), expected)| read.bytes() != expected.bytes());
            assert!(wrong.is_none(), "{shown} {part:?}: {wrong:?}");
        }
    }

    /// What somebody found is what it is.
    #[track_caller]
    pub fn require_found(&self, found: &Value, who: &str) {
        assert_eq!(found["shape"], json!(self.shape), "{who}");
        assert_eq!(found["dtype"], json!(self.data_type.name()), "{who}");
        assert_eq!(found["sha256"], json!(self.sha256()), "{who}: another content");
        for (name, value) in self.attributes().as_object().unwrap() {
            assert_eq!(&found["attributes"][name], value, "{who}: attribute {name}");
        }
    }

    /// Of its bytes, little endian and in C order.
    pub fn sha256(&self) -> String {
        fn bytes<T: Voxel>(volume: &Volume) -> Vec<u8> {
            volume.content::<T>().iter().flat_map(|voxel| voxel.bytes()).collect()
        }
        let digest = Sha256::digest(with_type!(self.data_type, T => bytes::<T>(self)));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn voxels<T: Voxel>(shape: &[u64], seed: u64) -> ArrayD<T> {
    let n_voxels: u64 = shape.iter().product();
    let all = (seed..seed + n_voxels).map(T::at).collect();
    ArrayD::from_shape_vec(extents(shape), all).unwrap()
}

fn extents(shape: &[u64]) -> IxDyn {
    IxDyn(&shape.iter().map(|&extent| extent as usize).collect::<Vec<_>>())
}

fn slice(part: &[[u64; 2]], axis: ndarray::Axis) -> Slice {
    let Range { start, end } = part[axis.index()][0] as usize..part[axis.index()][1] as usize;
    Slice::from(start..end)
}
