//! The SCIM door: an RFC 7643 and RFC 7644 server to which a source's client pushes people.
//!
//! A client sees what it wrote and nothing else, and of that only what the source's document maps: the
//! rest of a request is dropped before anything is stored. What a request means is decided in `filter`,
//! `patch`, `offer` and `resource`, which are pure; `http` and `users` act.

mod error;
pub(crate) mod filter;
mod http;
pub(crate) mod offer;
pub(crate) mod patch;
mod resource;
pub(crate) mod schema;
mod table;
mod users;

pub(crate) use error::Error;
pub(crate) use http::read as read_body;
pub use http::router;

/// The schema of a user.
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Its extension for employers.
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub mod fuzzed {
    //! What a fuzzer may feed: neither may panic, whatever it is given.

    use serde_json::Value;

    use super::filter::{self, Filter};
    use super::offer::Offer;
    use super::patch;
    use crate::mapping::Source;

    /// Reads a filter and asks it of a resource; says whether it was one.
    #[must_use]
    pub fn filter(text: &str, resource: &Value) -> bool {
        let Ok(filter) = Filter::parse(text) else { return false };
        let matches = filter.matches(resource);
        // What it is written as means the same, unless blanks make it too long.
        let written = filter.to_string();
        let again = Filter::parse(&written).map(|again| again.matches(resource));
        assert!(again == Ok(matches) || written.len() > filter::FILTER_BYTES_MAX, "{written}");
        true
    }

    /// Reads a path of a PATCH operation; says whether it was one.
    #[must_use]
    pub fn path(text: &str) -> bool {
        filter::Path::parse(text).is_ok()
    }

    /// Applies a PATCH request to a user of a source; says whether it could be.
    #[must_use]
    pub fn patch(source: &Source, user: &Value, request: &Value) -> bool {
        let offer = Offer::new(source);
        let Ok(mut attributes) = offer.read(user) else { return false };
        patch::apply(&offer, &mut attributes, request).is_ok()
    }
}
