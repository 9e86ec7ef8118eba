//! "Did you mean": the known name that is nearest to what was written.

/// Returns a sentence that names the nearest of `known`, or the empty text when none is near.
pub(crate) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(edits, name)| *edits <= (name.chars().count().max(3) + 1) / 3)
        .min();
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// Counts the insertions, deletions and replacements that lead from one text to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(did_you_mean("agancy", ["title", "agency"]), "; did you mean `agency`?");
        assert_eq!(did_you_mean("titel", ["title", "agency"]), "; did you mean `title`?");
        assert_eq!(did_you_mean("polcie-core", ["police-core"]), "; did you mean `police-core`?");
    }

    #[test]
    fn something_else_altogether_is_not_suggested() {
        assert_eq!(did_you_mean("salary", ["title", "agency"]), "");
    }
}
