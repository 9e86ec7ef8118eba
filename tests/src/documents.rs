//! Documents that several tests apply.

/// Gives everybody the entitlement `staff` of the application `directory`; both have to be described
/// before it.
pub const EVERYBODY_IS_STAFF: &str = "
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: everyone}
spec:
  description: What everybody has
  entitlements: [{application: directory, entitlement: staff}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: everyone}
spec:
  description: Everybody who works here
  condition: \"true\"
  grants: [{bundle: everyone}]
";
