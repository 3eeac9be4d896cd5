//! Types, compressions and versions as users write them: `uint16`, `zstd:5`, `3`.
//!
//! What is displayed is read again as the same. The errors say what there is, for command lines to put behind what was given.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use super::element::DataType;
use super::spec::{Compression, ZarrVersion};

/// A text that is no type of element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("use one of {}", DataType::ALL.map(DataType::name).join(", "))]
#[non_exhaustive]
pub struct ParseDataTypeError;

/// A text that is no compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseCompressionError {
    /// No compression has this name.
    #[error(
        "use none, zstd, gzip or blosc (in N5 also bzip2, lz4 or xz; in HDF5 none or gzip), with a level behind a colon, \
         such as zstd:5"
    )]
    Name,
    /// A level, where there are none.
    #[error("{name} has no levels")]
    NoLevels {
        /// Of the compression.
        name: &'static str,
    },
    /// A level that there is not.
    #[error("{name} takes levels from {least} to {most}")]
    Level {
        /// Of the compression.
        name: &'static str,
        /// The lowest.
        least: i32,
        /// The highest.
        most: i32,
    },
}

/// A text that is no version of the Zarr format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("use 2 or 3")]
#[non_exhaustive]
pub struct ParseZarrVersionError;

impl FromStr for DataType {
    type Err = ParseDataTypeError;

    /// Reads numpy's name (`uint8`) or Rust's (`u8`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_called = |data_type: &Self| [data_type.name(), data_type.rust_name()].contains(&text);
        Self::ALL.into_iter().find(is_called).ok_or(ParseDataTypeError)
    }
}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    /// Reads a name, such as `gzip`, or a name and a level, such as `zstd:5`. Levels that are not given: 1 of zstd, 6 of gzip
    /// and xz, 5 of blosc, 9 of bzip2.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
        let without_level = match name {
            "none" => Self::None,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd { level: 1 },
            "gzip" => Self::Gzip { level: 6 },
            "blosc" => Self::Blosc { level: 5 },
            "bzip2" => Self::Bzip2 { level: 9 },
            "xz" => Self::Xz { level: 6 },
            _ => return Err(ParseCompressionError::Name),
        };
        let Some(level) = level else { return Ok(without_level) };
        let (name, levels) = (without_level.name(), without_level.levels());
        let levels = levels.ok_or(ParseCompressionError::NoLevels { name })?;
        let (least, most) = (*levels.start(), *levels.end());
        let level = level.parse().ok().filter(|level| levels.contains(level));
        let level = level.ok_or(ParseCompressionError::Level { name, least, most })?;
        Ok(without_level.at_level(level))
    }
}

impl FromStr for ZarrVersion {
    type Err = ParseZarrVersionError;

    /// Reads `2` or `3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "2" => Ok(Self::V2),
            "3" => Ok(Self::V3),
            _ => Err(ParseZarrVersionError),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.level().map_or(Ok(()), |level| write!(f, ":{level}"))
    }
}

impl fmt::Display for ZarrVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "2",
            Self::V3 => "3",
        })
    }
}

impl Compression {
    /// The name, without a level.
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zstd { .. } => "zstd",
            Self::Gzip { .. } => "gzip",
            Self::Blosc { .. } => "blosc",
            Self::Bzip2 { .. } => "bzip2",
            Self::Lz4 => "lz4",
            Self::Xz { .. } => "xz",
        }
    }

    /// The level, where there are any.
    fn level(self) -> Option<i64> {
        match self {
            Self::None | Self::Lz4 => None,
            Self::Zstd { level } => Some(level.into()),
            Self::Gzip { level } | Self::Blosc { level } | Self::Bzip2 { level } | Self::Xz { level } => {
                Some(level.into())
            }
        }
    }

    /// The levels that there are, where there are any.
    fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None | Self::Lz4 => None,
            Self::Zstd { .. } => Some(-131_072..=22),
            Self::Gzip { .. } | Self::Blosc { .. } | Self::Xz { .. } => Some(0..=9),
            Self::Bzip2 { .. } => Some(1..=9),
        }
    }

    /// Whether the level is one that there is.
    pub(in crate::storage) fn is_valid(self) -> bool {
        let within = |level| {
            self.levels()
                .is_some_and(|levels| i32::try_from(level).is_ok_and(|level| levels.contains(&level)))
        };
        self.level().is_none_or(within)
    }

    /// The same at one of its [`levels`](Self::levels).
    fn at_level(self, level: i32) -> Self {
        // Below 0 are levels of zstd only.
        let unsigned = level.unsigned_abs();
        match self {
            Self::None | Self::Lz4 => self,
            Self::Zstd { .. } => Self::Zstd { level },
            Self::Gzip { .. } => Self::Gzip { level: unsigned },
            Self::Blosc { .. } => Self::Blosc { level: unsigned },
            Self::Bzip2 { .. } => Self::Bzip2 { level: unsigned },
            Self::Xz { .. } => Self::Xz { level: unsigned },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_called_as_numpy_or_rust_has_them() {
        for data_type in DataType::ALL {
            assert_eq!(data_type.to_string().parse(), Ok(data_type));
            assert_eq!(data_type.rust_name().parse(), Ok(data_type));
        }
        let refused = "text".parse::<DataType>().map_err(|error| error.to_string());
        assert_eq!(
            refused,
            Err("use one of uint8, uint16, uint32, uint64, int8, int16, int32, int64, float32, float64, bool, \
                float16, bfloat16, complex64, complex128"
                .to_owned())
        );
    }

    #[test]
    fn compressions_there_and_back() {
        let text = |text: &str| text.parse::<Compression>().map(|parsed| parsed.to_string());
        for (given, means) in [
            ("none", "none"),
            ("lz4", "lz4"),
            ("zstd", "zstd:1"),
            ("gzip", "gzip:6"),
            ("blosc", "blosc:5"),
            ("bzip2", "bzip2:9"),
            ("xz", "xz:6"),
            ("zstd:-131072", "zstd:-131072"),
            ("zstd:22", "zstd:22"),
            ("gzip:0", "gzip:0"),
            ("blosc:9", "blosc:9"),
            ("bzip2:1", "bzip2:1"),
            ("xz:9", "xz:9"),
        ] {
            assert_eq!(text(given).as_deref(), Ok(means));
            assert_eq!(text(means).as_deref(), Ok(means));
        }
    }

    #[test]
    fn what_is_no_compression_says_what_is() {
        for (given, said) in [
            (
                "zip",
                "use none, zstd, gzip or blosc (in N5 also bzip2, lz4 or xz; in HDF5 none or gzip), with a level",
            ),
            ("", "use none"),
            ("none:1", "none has no levels"),
            ("lz4:", "lz4 has no levels"),
            ("zstd:23", "zstd takes levels from -131072 to 22"),
            ("zstd:fast", "zstd takes levels from -131072 to 22"),
            ("gzip:10", "gzip takes levels from 0 to 9"),
            ("gzip:-1", "gzip takes levels from 0 to 9"),
            ("blosc:", "blosc takes levels from 0 to 9"),
            ("bzip2:0", "bzip2 takes levels from 1 to 9"),
            ("xz:99999999999", "xz takes levels from 0 to 9"),
        ] {
            let message = given.parse::<Compression>().expect_err("must be refused").to_string();
            assert!(message.starts_with(said), "{given}: {message}");
        }
        assert!(!Compression::Gzip { level: u32::MAX }.is_valid());
        assert!(!Compression::Bzip2 { level: 0 }.is_valid());
        assert!(Compression::Zstd { level: -7 }.is_valid());
    }

    #[test]
    fn versions() {
        assert_eq!("2".parse(), Ok(ZarrVersion::V2));
        assert_eq!(ZarrVersion::V3.to_string().parse(), Ok(ZarrVersion::V3));
        assert_eq!("v3".parse::<ZarrVersion>(), Err(ParseZarrVersionError));
    }
}
