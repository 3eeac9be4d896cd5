//! Blosc as zarrs has it, but for parts of a chunk: zarrs takes those for whole elements, and loses what is left over behind a
//! checksum or a filter that made the elements smaller.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use zarrs::array::codec::api::{PartialDecoderCapability, PartialEncoderCapability};
use zarrs::array::codec::{BloscCodec, BloscCodecConfiguration};
use zarrs::array::{
    ArrayBytesRaw, BytesRepresentation, BytesToBytesCodecTraits, CodecError, CodecMetadataOptions,
    CodecOptions, CodecTraits, RecommendedConcurrency,
};
use zarrs::metadata::Configuration;
use zarrs::plugin::{ExtensionName, PluginCreateError, ZarrVersion};

/// Blosc, of which parts are taken out of the whole.
#[derive(Debug, Clone)]
pub(super) struct Blosc {
    name: String,
    codec: BloscCodec,
}

impl Blosc {
    /// The codec of this configuration, as Zarr v3 has it, which zarrs knows by `name`.
    pub(super) fn of(name: &str, configuration: Map<String, Value>) -> Result<Self, PluginCreateError> {
        let configuration: BloscCodecConfiguration = serde_json::from_value(configuration.into())
            .map_err(|error| PluginCreateError::Other(error.to_string()))?;
        Ok(Self { name: name.to_owned(), codec: BloscCodec::new_with_configuration(&configuration)? })
    }
}

impl ExtensionName for Blosc {
    fn name(&self, _: ZarrVersion) -> Option<Cow<'static, str>> {
        Some(self.name.clone().into())
    }
}

impl CodecTraits for Blosc {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn configuration(&self, version: ZarrVersion, options: &CodecMetadataOptions) -> Option<Configuration> {
        self.codec.configuration(version, options)
    }

    fn partial_decoder_capability(&self) -> PartialDecoderCapability {
        self.codec.partial_decoder_capability()
    }

    fn partial_encoder_capability(&self) -> PartialEncoderCapability {
        self.codec.partial_encoder_capability()
    }
}

impl BytesToBytesCodecTraits for Blosc {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn BytesToBytesCodecTraits> {
        self
    }

    fn recommended_concurrency(
        &self,
        decoded: &BytesRepresentation,
    ) -> Result<RecommendedConcurrency, CodecError> {
        self.codec.recommended_concurrency(decoded)
    }

    fn encoded_representation(&self, decoded: &BytesRepresentation) -> BytesRepresentation {
        self.codec.encoded_representation(decoded)
    }

    fn encode<'a>(
        &self,
        decoded: ArrayBytesRaw<'a>,
        options: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        self.codec.encode(decoded, options)
    }

    fn decode<'a>(
        &self,
        encoded: ArrayBytesRaw<'a>,
        decoded: &BytesRepresentation,
        options: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        self.codec.decode(encoded, decoded, options)
    }
}
