use super::{Format, Problems};
use crate::mapping::authority::{Authority, RANK_DEFAULT, Role};
use crate::mapping::document::Authority as Document;

const RANKS: std::ops::RangeInclusive<u16> = 1..=1_000;

/// Checks what the word of a source that publishes these attributes is worth.
///
/// A supplement has to name humans by what others name them by: it knows no other people.
pub(super) fn check(
    document: Document,
    attributes: &[String],
    matches: bool,
    format: Option<Format>,
    problems: &mut Problems,
) -> Authority {
    let role = Role::ALL.into_iter().find(|role| role.as_str() == document.role);
    if role.is_none() {
        let known = Role::ALL.map(Role::as_str).join(" or ");
        problems.add("spec.authority.role", format_args!("must be {known}"));
    }
    let role = role.unwrap_or(Role::Employer);
    if role.is_supplement() && !matches {
        problems.add(
            "spec.authority.role",
            "a supplement needs spec.match, with a scope, to find whom others employ",
        );
    }
    if role.is_supplement() && format == Some(Format::Scim) {
        problems.add(
            "spec.authority.role",
            "a SCIM source is an employer: ending a user ends an engagement",
        );
    }
    let ranks = document.attributes.values().copied().chain(document.rank);
    if ranks.into_iter().any(|rank| !RANKS.contains(&rank)) {
        let problem =
            format_args!("ranks are {} to {}, and 1 is the highest", RANKS.start(), RANKS.end());
        problems.add("spec.authority", problem);
    }
    let is_published = |name: &&String| attributes.contains(name);
    let named = document.attributes.keys().chain(&document.personal);
    for name in named.filter(|name| !is_published(name)) {
        problems.add("spec.authority", format_args!("{name:?} is not among the attributes"));
    }
    if role.is_supplement() && !document.personal.is_empty() {
        problems.add("spec.authority.personal", "of a supplement, every attribute is");
    }
    Authority {
        role,
        rank: document.rank.unwrap_or(RANK_DEFAULT),
        attributes: document.attributes,
        personal: document.personal.into_iter().collect(),
    }
}
