//! Makes the codecs known to zarrs, under names that nobody else has: a program that uses zarrs, too, keeps its own.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, Once};

use serde_json::{Map, Value};
use zarrs::array::codec::api::{
    CodecRuntimePluginV3, PartialDecoderCapability, PartialEncoderCapability, register_codec_v3,
};
use zarrs::array::{
    ArrayBytesRaw, BytesRepresentation, BytesToBytesCodecTraits, Codec, CodecError, CodecMetadataOptions,
    CodecOptions, CodecTraits, RecommendedConcurrency,
};
use zarrs::metadata::Configuration;
use zarrs::plugin::{ExtensionName, PluginCreateError, ZarrVersion};

use super::blosc::Blosc;
use super::step::Step;

/// What the names of these codecs begin with where zarrs is told of them.
pub(in crate::storage::formats::zarr) const PREFIX: &str = "bellis.numcodecs.";

/// Whether there is a codec that numcodecs calls `id`, and whether it can be meant so.
pub(in crate::storage::formats::zarr) fn check(
    id: &str,
    configuration: &Map<String, Value>,
) -> Option<Result<(), String>> {
    Step::of(id, configuration).map(|step| step.map(drop))
}

/// Makes the codecs known to zarrs.
pub(in crate::storage::formats::zarr) fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let is_ours = |name: &str| name.starts_with(PREFIX);
        register_codec_v3(CodecRuntimePluginV3::new(is_ours, |metadata| {
            let (name, configuration) = (metadata.name(), metadata.configuration().cloned());
            let configuration = configuration.unwrap_or_default().into();
            let codec: Arc<dyn BytesToBytesCodecTraits> = match name.strip_prefix(PREFIX) {
                Some("blosc") => Arc::new(Blosc::of(name, configuration)?),
                _ => Arc::new(Numcodec::of(name, configuration)?),
            };
            Ok(Codec::BytesToBytes(codec))
        }));
    });
}

#[derive(Debug, Clone)]
struct Numcodec {
    name: String,
    configuration: Map<String, Value>,
    step: Step,
}

impl Numcodec {
    fn of(name: &str, configuration: Map<String, Value>) -> Result<Self, PluginCreateError> {
        let id = name.strip_prefix(PREFIX).unwrap_or(name);
        let step = Step::of(id, &configuration)
            .ok_or_else(|| PluginCreateError::NameInvalid { name: name.to_owned() })?
            .map_err(PluginCreateError::Other)?;
        Ok(Self { name: name.to_owned(), configuration, step })
    }
}

impl ExtensionName for Numcodec {
    fn name(&self, _: ZarrVersion) -> Option<Cow<'static, str>> {
        Some(self.name.clone().into())
    }
}

impl CodecTraits for Numcodec {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn configuration(&self, _: ZarrVersion, _: &CodecMetadataOptions) -> Option<Configuration> {
        Some(self.configuration.clone().into())
    }

    fn partial_decoder_capability(&self) -> PartialDecoderCapability {
        PartialDecoderCapability { partial_read: false, partial_decode: false }
    }

    fn partial_encoder_capability(&self) -> PartialEncoderCapability {
        PartialEncoderCapability { partial_encode: false }
    }
}

impl BytesToBytesCodecTraits for Numcodec {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn BytesToBytesCodecTraits> {
        self
    }

    fn recommended_concurrency(&self, _: &BytesRepresentation) -> Result<RecommendedConcurrency, CodecError> {
        Ok(RecommendedConcurrency::new_maximum(1))
    }

    fn encoded_representation(&self, decoded: &BytesRepresentation) -> BytesRepresentation {
        let of = |length: &u64| self.step.encoded_length(*length);
        match decoded {
            BytesRepresentation::FixedSize(length) => {
                of(length).map_or(BytesRepresentation::UnboundedSize, BytesRepresentation::FixedSize)
            }
            BytesRepresentation::BoundedSize(length) => {
                of(length).map_or(BytesRepresentation::UnboundedSize, BytesRepresentation::BoundedSize)
            }
            BytesRepresentation::UnboundedSize => BytesRepresentation::UnboundedSize,
        }
    }

    fn encode<'a>(
        &self,
        decoded: ArrayBytesRaw<'a>,
        _: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        self.step.encode(&decoded).map(Cow::Owned).map_err(CodecError::Other)
    }

    fn decode<'a>(
        &self,
        encoded: ArrayBytesRaw<'a>,
        decoded: &BytesRepresentation,
        _: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        let expected = match decoded {
            BytesRepresentation::FixedSize(length) => Some(*length),
            _ => None,
        };
        self.step.decode(&encoded, expected).map(Cow::Owned).map_err(CodecError::Other)
    }
}
