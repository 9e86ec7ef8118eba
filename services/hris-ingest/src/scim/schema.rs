//! What discovery says: the features, the one type of resources, and the schemas. Pure.

use serde_json::{Value, json};

use super::offer::{Leaf, LeafKind, Offer, USER_NAME};
use super::patch::OPERATIONS_MAX;
use super::{ENTERPRISE, USER};

/// The most resources of one page.
pub(crate) const PAGE_MAX: u64 = 200;

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// What is supported.
pub(crate) fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": [CONFIG],
        "documentationUri": "https://www.rfc-editor.org/rfc/rfc7644",
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": PAGE_MAX},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": format!(
                "A token of one source, made by an operator. A PATCH has {OPERATIONS_MAX} operations at most."
            ),
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// The one type of resources.
pub(crate) fn resource_type(offer: &Offer, base: &str) -> Value {
    let extension = |schema: &str| json!({"schema": schema, "required": false});
    let extensions: Vec<Value> = offer.schemas().into_iter().skip(1).map(extension).collect();
    json!({
        "schemas": [TYPE],
        "id": "User",
        "name": "User",
        "description": "One engagement of a person, as the source says it",
        "endpoint": "/Users",
        "schema": USER,
        "schemaExtensions": extensions,
        "meta": {"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/User")},
    })
}

/// The schemas: those of users with what is on offer, and those of discovery itself.
pub(crate) fn schemas(offer: &Offer, base: &str) -> Vec<Value> {
    let mut schemas: Vec<Value> = offer
        .schemas()
        .into_iter()
        .map(|schema| {
            let name = match schema {
                USER => "User",
                ENTERPRISE => "EnterpriseUser",
                _ => "Extension",
            };
            wrap(schema, name, attributes(offer, schema), base)
        })
        .collect();
    schemas.push(wrap(CONFIG, "ServiceProviderConfig", config_attributes(), base));
    schemas.push(wrap(TYPE, "ResourceType", type_attributes(), base));
    schemas.push(wrap(SCHEMA, "Schema", schema_attributes(), base));
    schemas
}

fn wrap(id: &str, name: &str, attributes: Vec<Value>, base: &str) -> Value {
    json!({
        "schemas": [SCHEMA],
        "id": id,
        "name": name,
        "description": format!("{name} as this source has it"),
        "attributes": attributes,
        "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{id}")},
    })
}

fn attributes(offer: &Offer, schema: &str) -> Vec<Value> {
    let leaves: Vec<&Leaf> =
        offer.leaves.iter().filter(|leaf| leaf.place.schema == schema).collect();
    let mut names: Vec<&str> = Vec::new();
    for leaf in &leaves {
        if !names.contains(&leaf.place.name.as_str()) {
            names.push(&leaf.place.name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let own: Vec<&Leaf> =
                leaves.iter().copied().filter(|leaf| leaf.place.name == name).collect();
            attribute(name, &own)
        })
        .collect()
}

fn attribute(name: &str, leaves: &[&Leaf]) -> Value {
    let [first, ..] = leaves else { return Value::Null };
    let required = leaves.iter().any(|leaf| leaf.required);
    match (&first.place.of_type, &first.place.sub) {
        (None, None) => {
            let mut attribute = simple(name, first.kind, required);
            if name == USER_NAME {
                attribute["uniqueness"] = "server".into();
            }
            if name == "externalId" {
                attribute["caseExact"] = true.into();
            }
            attribute
        }
        (None, Some(_)) => {
            let sub = |leaf: &&Leaf| {
                let sub = leaf.place.sub.as_deref().unwrap_or("value");
                simple(sub, leaf.kind, leaf.required)
            };
            complex(name, false, required, leaves.iter().map(sub).collect())
        }
        (Some(_), _) => {
            let (mut subs, mut types) = (Vec::<Value>::new(), Vec::<&str>::new());
            for leaf in leaves {
                let sub = leaf.place.sub.as_deref().unwrap_or("value");
                if !subs.iter().any(|known| known["name"] == *sub) {
                    subs.push(simple(sub, leaf.kind, false));
                }
                let of_type = leaf.place.of_type.as_deref().unwrap_or_default();
                if !types.contains(&of_type) {
                    types.push(of_type);
                }
            }
            let mut of_type = simple("type", LeafKind::Text, false);
            of_type["canonicalValues"] = json!(types);
            subs.push(of_type);
            complex(name, true, required, subs)
        }
    }
}

fn simple(name: &str, kind: LeafKind, required: bool) -> Value {
    let kind = match kind {
        LeafKind::Text => "string",
        LeafKind::Boolean => "boolean",
        LeafKind::Integer => "integer",
    };
    let mut attribute = bare(name, kind, false, required, "readWrite");
    if kind == "string" {
        attribute["caseExact"] = false.into();
        attribute["uniqueness"] = "none".into();
    }
    attribute
}

fn complex(name: &str, several: bool, required: bool, subs: Vec<Value>) -> Value {
    let mut attribute = bare(name, "complex", several, required, "readWrite");
    attribute["subAttributes"] = subs.into();
    attribute
}

fn bare(name: &str, kind: &str, several: bool, required: bool, mutability: &str) -> Value {
    json!({
        "name": name,
        "type": kind,
        "multiValued": several,
        "description": format!("The user's {name}"),
        "required": required,
        "mutability": mutability,
        "returned": "default",
    })
}

/// An attribute of discovery itself, which clients only read.
fn told(name: &str, kind: &str, several: bool, subs: &[Value]) -> Value {
    let mut attribute = bare(name, kind, several, false, "readOnly");
    attribute["description"] = format!("RFC 7643: {name}").into();
    match kind {
        "complex" => attribute["subAttributes"] = json!(subs),
        "string" | "reference" => {
            attribute["caseExact"] = false.into();
            attribute["uniqueness"] = "none".into();
        }
        _ => {}
    }
    if kind == "reference" {
        attribute["referenceTypes"] = json!(["external"]);
    }
    attribute
}

fn config_attributes() -> Vec<Value> {
    let text = |name: &str| told(name, "string", false, &[]);
    let number = |name: &str| told(name, "integer", false, &[]);
    let supported = || told("supported", "boolean", false, &[]);
    let feature = |name: &str| told(name, "complex", false, &[supported()]);
    let link = |name: &str| told(name, "reference", false, &[]);
    let scheme = [
        text("type"),
        text("name"),
        text("description"),
        link("specUri"),
        link("documentationUri"),
        told("primary", "boolean", false, &[]),
    ];
    let bulk = [supported(), number("maxOperations"), number("maxPayloadSize")];
    vec![
        link("documentationUri"),
        feature("patch"),
        told("bulk", "complex", false, &bulk),
        told("filter", "complex", false, &[supported(), number("maxResults")]),
        feature("changePassword"),
        feature("sort"),
        feature("etag"),
        told("authenticationSchemes", "complex", true, &scheme),
    ]
}

fn type_attributes() -> Vec<Value> {
    let text = |name: &str| told(name, "string", false, &[]);
    let extension =
        [told("schema", "reference", false, &[]), told("required", "boolean", false, &[])];
    vec![
        text("id"),
        text("name"),
        text("description"),
        told("endpoint", "reference", false, &[]),
        told("schema", "reference", false, &[]),
        told("schemaExtensions", "complex", true, &extension),
    ]
}

fn schema_attributes() -> Vec<Value> {
    let text = |name: &str| told(name, "string", false, &[]);
    let flag = |name: &str| told(name, "boolean", false, &[]);
    let shape = || {
        vec![
            text("name"),
            text("type"),
            flag("multiValued"),
            text("description"),
            flag("required"),
            told("canonicalValues", "string", true, &[]),
            flag("caseExact"),
            text("mutability"),
            text("returned"),
            text("uniqueness"),
            told("referenceTypes", "string", true, &[]),
        ]
    };
    let mut outer = shape();
    outer.push(told("subAttributes", "complex", true, &shape()));
    vec![text("id"), text("name"), text("description"), told("attributes", "complex", true, &outer)]
}
