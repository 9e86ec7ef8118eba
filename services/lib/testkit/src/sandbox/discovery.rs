//! What the application says about itself: its configuration, resource types and schemas.

use serde_json::{Value, json};

use super::schema::{
    Attribute, ENTERPRISE, ENTERPRISE_ATTRIBUTES, GROUP, GROUP_ATTRIBUTES, Kind, Mutability, USER,
    USER_ATTRIBUTES,
};

/// The most resources one page of a list carries.
pub(super) const PAGE_MAX: usize = 1_000;

pub(super) fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": PAGE_MAX},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token that the application was started with",
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

pub(super) fn resource_types(base: &str) -> Vec<Value> {
    let resource_type = |name: &str, schema: &str, extensions: Value| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": format!("/{name}s"),
            "schema": schema,
            "schemaExtensions": extensions,
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{base}/ResourceTypes/{name}"),
            },
        })
    };
    vec![
        resource_type("User", USER, json!([{"schema": ENTERPRISE, "required": false}])),
        resource_type("Group", GROUP, json!([])),
    ]
}

pub(super) fn schemas(base: &str) -> Vec<Value> {
    [
        (USER, "User", USER_ATTRIBUTES),
        (ENTERPRISE, "EnterpriseUser", ENTERPRISE_ATTRIBUTES),
        (GROUP, "Group", GROUP_ATTRIBUTES),
    ]
    .into_iter()
    .map(|(id, name, attributes)| {
        // The attributes common to all resources belong to no schema.
        let own = attributes.iter().filter(|own| !["id", "meta", "externalId"].contains(&own.name));
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": id,
            "name": name,
            "attributes": own.map(describe).collect::<Vec<_>>(),
            "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{id}")},
        })
    })
    .collect()
}

/// Wraps a complete set of resources into a list answer.
pub(super) fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

fn describe(attribute: &Attribute) -> Value {
    let required = ["userName"].contains(&attribute.name);
    let (mutability, returned) = match attribute.mutability {
        Mutability::ReadWrite => ("readWrite", "default"),
        Mutability::ReadOnly => ("readOnly", "default"),
        Mutability::WriteOnly => ("writeOnly", "never"),
    };
    let mut described = json!({
        "name": attribute.name,
        "multiValued": attribute.many,
        "required": required,
        "caseExact": false,
        "mutability": mutability,
        "returned": returned,
        "uniqueness": if required { "server" } else { "none" },
    });
    described["type"] = match attribute.kind {
        Kind::Text => "string".into(),
        Kind::Boolean => "boolean".into(),
        Kind::Complex(parts) => {
            described["subAttributes"] = parts.iter().map(describe).collect();
            "complex".into()
        }
    };
    described
}
