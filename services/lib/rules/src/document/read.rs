//! One document from any serde format, keeping the format's positions in errors.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::places::Places;
use super::{
    AccessPolicy, Application, AttributeSchema, Breaker, Bundle, Document, Kind, LifecyclePlan,
    Metadata, Place, SeparationOfDuties, Spec,
};

/// The version of the document format.
pub(super) const API_VERSION: &str = "tenure.dev/v1";

/// A document as it was written, before it is checked.
pub(super) struct Raw {
    metadata: Metadata,
    spec: Spec,
}

impl Raw {
    pub(super) fn into_document(self, place: Place, places: Places) -> Document {
        Document { place, metadata: self.metadata, spec: self.spec, places }
    }
}

#[derive(Deserialize)]
enum ApiVersion {
    #[serde(rename = "tenure.dev/v1")]
    V1,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
    ApiVersion,
    Kind,
    Metadata,
    Spec,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

// Not a derived tagged enum: serde buffers those, and buffered values have lost their position.
impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document with apiVersion, kind, metadata and spec")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut version: Option<ApiVersion> = None;
        let mut kind: Option<Kind> = None;
        let mut metadata: Option<Metadata> = None;
        let mut spec: Option<Spec> = None;
        let mut early: Option<serde_json::Value> = None;
        while let Some(key) = map.next_key()? {
            match key {
                Key::ApiVersion => once("apiVersion", &mut version, map.next_value()?)?,
                Key::Kind => once("kind", &mut kind, map.next_value()?)?,
                Key::Metadata => once("metadata", &mut metadata, map.next_value()?)?,
                Key::Spec => match kind {
                    Some(kind) => once("spec", &mut spec, spec_of(kind, &mut map)?)?,
                    None => once("spec", &mut early, map.next_value()?)?,
                },
            }
        }
        let kind = kind.ok_or_else(|| A::Error::missing_field("kind"))?;
        if let Some(value) = early {
            once("spec", &mut spec, buffered_spec(kind, value).map_err(A::Error::custom)?)?;
        }
        let ApiVersion::V1 = version.ok_or_else(|| A::Error::missing_field("apiVersion"))?;
        Ok(Raw {
            metadata: metadata.ok_or_else(|| A::Error::missing_field("metadata"))?,
            spec: spec.ok_or_else(|| A::Error::missing_field("spec"))?,
        })
    }
}

fn once<T, E: serde::de::Error>(
    name: &'static str,
    slot: &mut Option<T>,
    value: T,
) -> Result<(), E> {
    match slot.replace(value) {
        Some(_) => Err(E::duplicate_field(name)),
        None => Ok(()),
    }
}

fn spec_of<'de, A: MapAccess<'de>>(kind: Kind, map: &mut A) -> Result<Spec, A::Error> {
    Ok(match kind {
        Kind::AttributeSchema => Spec::AttributeSchema(map.next_value::<AttributeSchema>()?),
        Kind::Application => Spec::Application(Box::new(map.next_value::<Application>()?)),
        Kind::Bundle => Spec::Bundle(map.next_value::<Bundle>()?),
        Kind::AccessPolicy => Spec::AccessPolicy(Box::new(map.next_value::<AccessPolicy>()?)),
        Kind::SeparationOfDuties => {
            Spec::SeparationOfDuties(Box::new(map.next_value::<SeparationOfDuties>()?))
        }
        Kind::LifecyclePlan => Spec::LifecyclePlan(Box::new(map.next_value::<LifecyclePlan>()?)),
        Kind::Breaker => Spec::Breaker(map.next_value::<Breaker>()?),
    })
}

/// For a `spec` that stands before the `kind` that says how to read it.
fn buffered_spec(kind: Kind, value: serde_json::Value) -> Result<Spec, serde_json::Error> {
    Ok(match kind {
        Kind::AttributeSchema => Spec::AttributeSchema(serde_json::from_value(value)?),
        Kind::Application => Spec::Application(Box::new(serde_json::from_value(value)?)),
        Kind::Bundle => Spec::Bundle(serde_json::from_value(value)?),
        Kind::AccessPolicy => Spec::AccessPolicy(Box::new(serde_json::from_value(value)?)),
        Kind::SeparationOfDuties => {
            Spec::SeparationOfDuties(Box::new(serde_json::from_value(value)?))
        }
        Kind::LifecyclePlan => Spec::LifecyclePlan(Box::new(serde_json::from_value(value)?)),
        Kind::Breaker => Spec::Breaker(serde_json::from_value(value)?),
    })
}
