//! Codes of what an operator can meet in a connector.

/// A document maps an attribute that the connector does not know.
pub const ATTRIBUTE_UNKNOWN: &str = "PROV-101";
/// Several accounts of the application carry one person's id.
pub const ACCOUNT_AMBIGUOUS: &str = "PROV-102";
/// The account linked to a person carries the id of another one.
pub const ACCOUNT_OF_ANOTHER: &str = "PROV-103";
/// The application understood the request and refuses it.
pub const REFUSED: &str = "PROV-104";
/// The application does not accept the connector's credentials.
pub const CREDENTIALS: &str = "PROV-105";
/// Several groups of the application carry one entitlement's name.
pub const GROUP_AMBIGUOUS: &str = "PROV-106";
/// The application accepted a change, and reading it back shows something else.
pub const NOT_AS_WRITTEN: &str = "PROV-107";
/// The connector cannot bring accounts into that state.
pub const STATE_UNSUPPORTED: &str = "PROV-108";
/// What answers at the application's address does not speak SCIM.
pub const NOT_SCIM: &str = "PROV-109";
/// The directory does not let the connector's account do what is asked.
pub const DIRECTORY_ACCESS: &str = "PROV-110";
/// The directory's schema or rules do not allow what the document asks for.
pub const DIRECTORY_SCHEMA: &str = "PROV-111";
/// A mandatory attribute of an account has no value.
pub const ATTRIBUTE_EMPTY: &str = "PROV-112";
/// The directory has no group of an entitlement's name, and none is made.
pub const GROUP_MISSING: &str = "PROV-113";
/// The entry below which accounts or groups lie is not there.
pub const DIRECTORY_BASE: &str = "PROV-114";
/// The application's address is not one that a connector may speak to.
pub const EGRESS: &str = "PROV-141";
/// The connection to a directory cannot be secured.
pub const DIRECTORY_TLS: &str = "PROV-115";
