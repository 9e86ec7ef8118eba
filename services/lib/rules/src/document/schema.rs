//! The JSON Schema of documents, for editors and for whoever writes documents by program.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::{
    AccessPolicy, Application, AttributeSchema, Breaker, Bundle, Kind, LifecyclePlan, Metadata,
    SeparationOfDuties, read,
};

/// Returns the JSON Schema (draft 2020-12) of one document of any kind.
///
/// It says what a document looks like. What its parts mean together, whether a condition is one, and
/// whether what it names is there, only [`load`](super::load) and a release tell.
#[must_use]
pub fn json_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let metadata = generator.subschema_for::<Metadata>();
    let kinds = [
        (Kind::AttributeSchema, spec::<AttributeSchema>(&mut generator)),
        (Kind::Application, spec::<Application>(&mut generator)),
        (Kind::Bundle, spec::<Bundle>(&mut generator)),
        (Kind::AccessPolicy, spec::<AccessPolicy>(&mut generator)),
        (Kind::SeparationOfDuties, spec::<SeparationOfDuties>(&mut generator)),
        (Kind::LifecyclePlan, spec::<LifecyclePlan>(&mut generator)),
        (Kind::Breaker, spec::<Breaker>(&mut generator)),
    ];
    let documents: Vec<Value> = kinds
        .into_iter()
        .map(|(kind, spec)| {
            json!({
                "title": kind.as_str(),
                "type": "object",
                "properties": {
                    "apiVersion": { "const": read::API_VERSION },
                    "kind": { "const": kind.as_str() },
                    "metadata": metadata,
                    "spec": spec,
                },
                "required": ["apiVersion", "kind", "metadata", "spec"],
                "additionalProperties": false,
            })
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy document of Tenure",
        "oneOf": documents,
        "$defs": generator.take_definitions(true),
    })
}

fn spec<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}
