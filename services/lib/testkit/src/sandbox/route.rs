//! Which resource a path names.

use super::schema::{GROUP, USER};

/// Where the SCIM interface begins.
pub(super) const ROOT: &str = "/scim/v2";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Users,
    User(&'a str),
    Groups,
    Group(&'a str),
    ServiceProviderConfig,
    ResourceTypes(Option<&'a str>),
    Schemas(Option<&'a str>),
    Unknown,
}

impl<'a> Route<'a> {
    pub(super) fn parse(path: &'a str) -> Self {
        let Some(path) = path.strip_prefix(ROOT).and_then(|path| path.strip_prefix('/')) else {
            return Self::Unknown;
        };
        let (collection, id) = match path.split_once('/') {
            Some((collection, "")) => (collection, None),
            Some((_, id)) if id.contains('/') => return Self::Unknown,
            Some((collection, id)) => (collection, Some(id)),
            None => (path, None),
        };
        match (collection, id) {
            ("Users", None) => Self::Users,
            ("Users", Some(id)) => Self::User(id),
            ("Groups", None) => Self::Groups,
            ("Groups", Some(id)) => Self::Group(id),
            ("ServiceProviderConfig", None) => Self::ServiceProviderConfig,
            ("ResourceTypes", id) => Self::ResourceTypes(id),
            ("Schemas", id) => Self::Schemas(id),
            _ => Self::Unknown,
        }
    }

    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Users => "/Users",
            Self::User(_) => "/Users/{id}",
            Self::Groups => "/Groups",
            Self::Group(_) => "/Groups/{id}",
            Self::ServiceProviderConfig => "/ServiceProviderConfig",
            Self::ResourceTypes(None) => "/ResourceTypes",
            Self::ResourceTypes(Some(_)) => "/ResourceTypes/{id}",
            Self::Schemas(None) => "/Schemas",
            Self::Schemas(Some(_)) => "/Schemas/{id}",
            Self::Unknown => "other",
        }
    }

    /// The id of the user or group that is named.
    pub(super) fn id(self) -> Option<&'a str> {
        match self {
            Self::User(id) | Self::Group(id) => Some(id),
            Self::Users
            | Self::Groups
            | Self::ServiceProviderConfig
            | Self::ResourceTypes(_)
            | Self::Schemas(_)
            | Self::Unknown => None,
        }
    }

    /// The schema of the resources that can be written here, if any can.
    pub(super) fn schema(self) -> Option<&'static str> {
        match self {
            Self::Users | Self::User(_) => Some(USER),
            Self::Groups | Self::Group(_) => Some(GROUP),
            Self::ServiceProviderConfig
            | Self::ResourceTypes(_)
            | Self::Schemas(_)
            | Self::Unknown => None,
        }
    }
}
