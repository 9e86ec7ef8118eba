//! What can be done to a text between its column and its field.

/// One way of changing a text.
///
/// In a name written as `Family,Given`, the given names stand after the last comma and the family's
/// name before it; further commas part off suffixes, so `Lovelace,Jr.,Ada` is Ada Lovelace Jr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// `Lovelace,Ada M` becomes `Ada M Lovelace`.
    FamilyCommaGiven,
    /// `Lovelace,Ada M` becomes `Ada M`.
    GivenOfFamilyCommaGiven,
    /// `Lovelace,Ada M` becomes `Lovelace`.
    FamilyOfFamilyCommaGiven,
    /// Every letter becomes a small one.
    Lower,
    /// Every letter becomes a capital.
    Upper,
}

impl Transform {
    /// Every transform.
    pub const ALL: [Self; 5] = [
        Self::FamilyCommaGiven,
        Self::GivenOfFamilyCommaGiven,
        Self::FamilyOfFamilyCommaGiven,
        Self::Lower,
        Self::Upper,
    ];

    /// The transform's name in a mapping.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FamilyCommaGiven => "family_comma_given",
            Self::GivenOfFamilyCommaGiven => "given_of_family_comma_given",
            Self::FamilyOfFamilyCommaGiven => "family_of_family_comma_given",
            Self::Lower => "lower",
            Self::Upper => "upper",
        }
    }

    /// Returns the transform of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transform| transform.as_str() == name)
    }

    /// Changes a text; the result is empty when nothing is left of it.
    #[must_use]
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::FamilyCommaGiven => {
                let (family, given) = family_and_given(text);
                collapse(&format!("{given} {family}"))
            }
            Self::GivenOfFamilyCommaGiven => collapse(family_and_given(text).1),
            Self::FamilyOfFamilyCommaGiven => collapse(&family_and_given(text).0),
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
        }
    }
}

/// Trims a text and makes every run of white space one space.
pub(crate) fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

fn family_and_given(text: &str) -> (String, &str) {
    let (family, given) = text.rsplit_once(',').unwrap_or((text, ""));
    (family.replace(',', " "), given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_name_before_the_comma_goes_after_the_given_names() {
        let display = |name| Transform::FamilyCommaGiven.apply(name);
        assert_eq!(display("Aaron,Chantria A"), "Chantria A Aaron");
        assert_eq!(display("AQUAVELLA,"), "AQUAVELLA");
        assert_eq!(display("Cher"), "Cher");
        assert_eq!(display(",Cher"), "Cher");
        assert_eq!(display("Chojnowski,Jr.,edward"), "edward Chojnowski Jr.");
        assert_eq!(display("Blanchard Sr,Ii,hashim"), "hashim Blanchard Sr Ii");
    }

    #[test]
    fn each_half_of_a_name_can_be_had_alone() {
        assert_eq!(Transform::GivenOfFamilyCommaGiven.apply("Aaron, Chantria A"), "Chantria A");
        assert_eq!(Transform::FamilyOfFamilyCommaGiven.apply("Aaron, Chantria A"), "Aaron");
        assert_eq!(Transform::GivenOfFamilyCommaGiven.apply("AQUAVELLA,"), "");
    }

    #[test]
    fn white_space_of_every_kind_collapses() {
        assert_eq!(collapse(" Fire\u{a0}\t Department \r\n"), "Fire Department");
    }
}
