//! How a source writes its dates: `M/D/YY`, `YYYY-MM-DD`, `DD.MM.YYYY` and the like.

use std::fmt;
use std::str::FromStr;

use domain::Date;

/// A way of writing dates, built of YYYY or YY, MM or M, DD or D, and punctuation between them.
///
/// M and D take one or two digits; the others take exactly as many as they have letters. YY means
/// the latest year that does not put the date after the snapshot date, at most the century before
/// the snapshot's: a two-digit year can say when somebody was hired, never that somebody will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat {
    pattern: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    Month { digits_min: usize },
    Day { digits_min: usize },
    Literal(char),
}

/// A pattern that is no way of writing dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It holds something else than the parts of a date.
    #[error("may hold only YYYY, YY, MM, M, DD, D, spaces and punctuation")]
    Vocabulary,
    /// A part of the date is missing, or there twice.
    #[error("must hold the year, the month and the day once each")]
    Parts,
    /// Two readings are possible.
    #[error("M and D need a character after them that is not part of the date")]
    Ambiguous,
}

impl DateFormat {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not built of the known parts, each once, so that one reading is possible.
    pub fn parse(pattern: &str) -> Result<Self, Error> {
        let parts = parts(pattern)?;
        let count = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count();
        let years = count(|part| matches!(part, Part::Year | Part::ShortYear));
        let months = count(|part| matches!(part, Part::Month { .. }));
        let days = count(|part| matches!(part, Part::Day { .. }));
        if (years, months, days) != (1, 1, 1) {
            return Err(Error::Parts);
        }
        let open = |part: &Part| {
            matches!(part, Part::Month { digits_min: 1 } | Part::Day { digits_min: 1 })
        };
        let literal = |part: &Part| matches!(part, Part::Literal(_));
        if parts.windows(2).any(|pair| open(&pair[0]) && !literal(&pair[1])) {
            return Err(Error::Ambiguous);
        }
        Ok(Self { pattern: pattern.to_owned(), parts })
    }

    /// `YYYY-MM-DD`.
    #[must_use]
    pub fn iso() -> Self {
        let (dash, month, day) =
            (Part::Literal('-'), Part::Month { digits_min: 2 }, Part::Day { digits_min: 2 });
        Self { pattern: "YYYY-MM-DD".to_owned(), parts: vec![Part::Year, dash, month, dash, day] }
    }

    /// Whether what a text means depends on the snapshot date.
    #[must_use]
    pub fn depends_on_snapshot(&self) -> bool {
        self.parts.contains(&Part::ShortYear)
    }

    /// Returns the date that the text means, if it is written this way and exists.
    #[must_use]
    pub fn read(&self, text: &str, snapshot_date: Date) -> Option<Date> {
        let mut rest = text;
        let (mut year, mut short, mut month, mut day) = (None, None, 0, 0);
        for part in &self.parts {
            match *part {
                Part::Year => year = Some(digits(&mut rest, 4, 4)?),
                Part::ShortYear => short = Some(digits(&mut rest, 2, 2)?),
                Part::Month { digits_min } => month = digits(&mut rest, digits_min, 2)?,
                Part::Day { digits_min } => day = digits(&mut rest, digits_min, 2)?,
                Part::Literal(literal) => rest = rest.strip_prefix(literal)?,
            }
        }
        if !rest.is_empty() {
            return None;
        }
        if let Some(year) = year {
            return Date::new(year, month, day).ok();
        }
        let short: i16 = short?;
        let century = snapshot_date.year() - snapshot_date.year().rem_euclid(100);
        [century, century - 100]
            .into_iter()
            .filter_map(|century| Date::new(century + short, month, day).ok())
            .find(|date| *date <= snapshot_date)
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

fn parts(pattern: &str) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let run = rest.chars().take_while(|next| *next == first).count();
        let (part, taken) = match (first, run) {
            ('Y', 4) => (Part::Year, 4),
            ('Y', 2) => (Part::ShortYear, 2),
            ('M', 1 | 2) => (Part::Month { digits_min: run }, run),
            ('D', 1 | 2) => (Part::Day { digits_min: run }, run),
            (literal, _) if literal == ' ' || literal.is_ascii_punctuation() => {
                (Part::Literal(literal), 1)
            }
            _ => return Err(Error::Vocabulary),
        };
        parts.push(part);
        rest = &rest[taken..];
    }
    Ok(parts)
}

/// Takes as many digits as there are, between `min` and `max`, off the front of the text.
fn digits<T: FromStr>(rest: &mut &str, min: usize, max: usize) -> Option<T> {
    let count = rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(count);
    *rest = after;
    if count < min { None } else { number.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn read(pattern: &str, text: &str) -> Option<String> {
        let format = DateFormat::parse(pattern).unwrap();
        format.read(text, date("2012-06-30")).map(|date| date.to_string())
    }

    #[test]
    fn a_two_digit_year_is_the_latest_that_is_not_after_the_snapshot() {
        let read = |text| read("M/D/YY", text).unwrap();
        assert_eq!(read("6/30/12"), "2012-06-30");
        assert_eq!(read("7/1/12"), "1912-07-01");
        assert_eq!(read("12/13/11"), "2011-12-13");
        assert_eq!(read("1/6/86"), "1986-01-06");
        assert_eq!(read("3/1/52"), "1952-03-01");
        assert_eq!(read("2/29/00"), "2000-02-29");
    }

    #[test]
    fn the_usual_ways_of_writing_a_date_are_read() {
        assert_eq!(read("YYYY-MM-DD", "2030-01-02").as_deref(), Some("2030-01-02"));
        assert_eq!(read("M/D/YYYY", "1/2/2030").as_deref(), Some("2030-01-02"));
        assert_eq!(read("DD.MM.YYYY", "02.01.2030").as_deref(), Some("2030-01-02"));
        assert_eq!(read("YYYYMMDD", "20300102").as_deref(), Some("2030-01-02"));
        assert_eq!(DateFormat::iso(), DateFormat::parse("YYYY-MM-DD").unwrap());
    }

    #[test]
    fn a_text_that_is_not_exactly_such_a_date_is_refused() {
        for (pattern, text) in [
            ("M/D/YY", "13/1/12"),
            ("M/D/YY", "2/30/12"),
            ("M/D/YY", "2/29/01"),
            ("M/D/YY", "1/6/1986"),
            ("M/D/YY", "1/6/8"),
            ("M/D/YY", "1-6-86"),
            ("M/D/YY", ""),
            ("M/D/YY", "+1/6/86"),
            ("M/D/YY", "\u{661}/6/86"),
            ("YYYY-MM-DD", "2012-6-30"),
            ("YYYY-MM-DD", "2012-06-30 "),
        ] {
            assert_eq!(read(pattern, text), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_has_each_part_once_and_one_reading() {
        assert_eq!(DateFormat::parse("dd/mm/yyyy"), Err(Error::Vocabulary));
        assert_eq!(DateFormat::parse("MMM D, YYYY"), Err(Error::Vocabulary));
        assert_eq!(DateFormat::parse("M/YY"), Err(Error::Parts));
        assert_eq!(DateFormat::parse("M/D/YY YYYY"), Err(Error::Parts));
        assert_eq!(DateFormat::parse(""), Err(Error::Parts));
        assert_eq!(DateFormat::parse("MDYY"), Err(Error::Ambiguous));
    }
}
