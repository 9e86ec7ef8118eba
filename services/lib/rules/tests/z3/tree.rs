//! Random conditions, as CEL and as SMT-LIB.

pub(crate) const SCHEMA: &str = r#"{"attributes": {
    "title": {"type": "string"}, "code": {"type": "string"},
    "status": {"type": "string", "values": ["ab", "aab", "b", "x"]},
    "level": {"type": "integer"}, "hired": {"type": "date"}, "remote": {"type": "boolean"},
    "teams": {"type": "list"}}}"#;

const TEXTS: [&str; 10] = ["", "a", "b", "ab", "ba", "abc", "bc", "aab", "abab", "x"];
const STATUSES: [&str; 4] = ["ab", "aab", "b", "x"];
const TEAMS: [&str; 3] = ["a", "b", "c"];
/// Dates with the number of days since the beginning of 1970.
const DATES: [(&str, i64); 6] = [
    ("-009999-01-01", -4_371_587),
    ("-009999-01-02", -4_371_586),
    ("2020-01-01", 18_262),
    ("2020-01-02", 18_263),
    ("2020-01-04", 18_265),
    ("9999-12-31", 2_932_896),
];

/// Numbers that look random and are the same for the same seed (`SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).expect("it is below a length")]
    }
}

pub(crate) enum Tree {
    Leaf(Leaf),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

/// A question about one attribute.
pub(crate) struct Leaf {
    attribute: &'static str,
    cel: String,
    /// What it says of the attribute's value; nothing when it asks whether there is one.
    smt: Option<String>,
}

impl Tree {
    /// A few conditions that all have to hold, so that about half of them contradict each other.
    pub(crate) fn any(random: &mut Random) -> Self {
        let attributes: Vec<u64> = (0..=random.below(2)).map(|_| random.below(8)).collect();
        let parts = 2 + random.below(5);
        Self::All((0..parts).map(|_| Self::part(random, &attributes, 2)).collect())
    }

    fn part(random: &mut Random, attributes: &[u64], depth: u64) -> Self {
        match random.below(if depth == 0 { 5 } else { 8 }) {
            0..=2 => Self::Leaf(Leaf::any(random, attributes)),
            3 | 4 => Self::Not(Box::new(Self::Leaf(Leaf::any(random, attributes)))),
            5 => Self::Not(Box::new(Self::part(random, attributes, depth - 1))),
            6 => Self::All((0..2).map(|_| Self::part(random, attributes, depth - 1)).collect()),
            _ => Self::Any((0..2).map(|_| Self::part(random, attributes, depth - 1)).collect()),
        }
    }

    pub(crate) fn cel(&self) -> String {
        let joined = |parts: &[Self], operator| {
            let parts: Vec<_> = parts.iter().map(Self::cel).collect();
            format!("({})", parts.join(operator))
        };
        match self {
            Self::Leaf(leaf) => leaf.cel.clone(),
            Self::Not(part) => format!("!({})", part.cel()),
            Self::All(parts) => joined(parts, " && "),
            Self::Any(parts) => joined(parts, " || "),
        }
    }

    /// SMT-LIB that says that it is true, or that it is false.
    fn smt(&self, wanted: bool) -> String {
        let joined = |parts: &[Self], operator| {
            let parts: Vec<_> = parts.iter().map(|part| part.smt(wanted)).collect();
            format!("({operator} {})", parts.join(" "))
        };
        match (self, wanted) {
            (Self::Leaf(leaf), _) => leaf.smt(wanted),
            (Self::Not(part), _) => part.smt(!wanted),
            (Self::All(parts), true) | (Self::Any(parts), false) => joined(parts, "and"),
            (Self::All(parts), false) | (Self::Any(parts), true) => joined(parts, "or"),
        }
    }
}

impl Leaf {
    fn any(random: &mut Random, attributes: &[u64]) -> Self {
        match *random.one(attributes) {
            0 | 1 => Self::text(random, "title", &TEXTS),
            2 => Self::text(random, "code", &TEXTS),
            3 => Self::text(random, "status", &STATUSES),
            4 | 5 if random.below(10) == 0 => Self::known(random),
            4 => {
                let number = *random.one(&[-1, 0, 1, 2, 3, i64::MAX, i64::MIN]);
                let cel = match number {
                    i64::MIN => "(-9223372036854775807 - 1)".to_owned(),
                    number => number.to_string(),
                };
                Self::ordered(random, "level", &cel, number)
            }
            5 => {
                let (cel, days) = random.one(&DATES);
                Self::ordered(random, "hired", &format!("\"{cel}\""), *days)
            }
            6 => Self {
                attribute: "remote",
                cel: "person.remote".to_owned(),
                smt: Some("remote".to_owned()),
            },
            _ if random.below(2) == 0 => {
                let (one, other) = (random.one(&TEAMS), random.one(&TEAMS));
                Self {
                    attribute: "teams",
                    cel: format!("person.teams.exists(t, t in [\"{one}\", \"{other}\"])"),
                    smt: Some(format!("(or teams_{one} teams_{other})")),
                }
            }
            _ => {
                let team = random.one(&TEAMS);
                let (cel, smt) = (format!("\"{team}\" in person.teams"), format!("teams_{team}"));
                Self { attribute: "teams", cel, smt: Some(smt) }
            }
        }
    }

    fn known(random: &mut Random) -> Self {
        let attribute = *random.one(&["title", "status", "level", "hired", "remote", "teams"]);
        Self { attribute, cel: format!("has(person.{attribute})"), smt: None }
    }

    fn text(random: &mut Random, attribute: &'static str, values: &[&str]) -> Self {
        let (value, part) = (random.one(values), random.one(&TEXTS));
        let (cel, smt) = match random.below(8) {
            0 => (format!("has(person.{attribute})"), None),
            1 => {
                let other = random.one(values);
                let cel = format!("person.{attribute} in [\"{value}\", \"{other}\"]");
                let equal = |text: &str| format!("(= {attribute} \"{text}\")");
                (cel, Some(format!("(or {} {})", equal(value), equal(other))))
            }
            2 => (
                format!("person.{attribute} == \"{value}\""),
                Some(format!("(= {attribute} \"{value}\")")),
            ),
            3 => (
                format!("person.{attribute} != \"{value}\""),
                Some(format!("(not (= {attribute} \"{value}\"))")),
            ),
            4 => (
                format!("person.{attribute}.startsWith(\"{part}\")"),
                Some(format!("(str.prefixof \"{part}\" {attribute})")),
            ),
            5 => (
                format!("person.{attribute}.endsWith(\"{part}\")"),
                Some(format!("(str.suffixof \"{part}\" {attribute})")),
            ),
            _ => (
                format!("person.{attribute}.contains(\"{part}\")"),
                Some(format!("(str.contains {attribute} \"{part}\")")),
            ),
        };
        Self { attribute, cel, smt }
    }

    fn ordered(random: &mut Random, attribute: &'static str, cel: &str, value: i64) -> Self {
        let value = number(value);
        let (operator, smt) = *random.one(&[
            ("==", "="),
            ("!=", "distinct"),
            ("<", "<"),
            ("<=", "<="),
            (">", ">"),
            (">=", ">="),
        ]);
        Self {
            attribute,
            cel: format!("person.{attribute} {operator} {cel}"),
            smt: Some(format!("({smt} {attribute} {value})")),
        }
    }

    fn smt(&self, wanted: bool) -> String {
        let known = format!("known_{}", self.attribute);
        match (&self.smt, wanted) {
            (None, true) => known,
            (None, false) => format!("(not {known})"),
            (Some(says), true) => format!("(and {known} {says})"),
            (Some(says), false) => format!("(and {known} (not {says}))"),
        }
    }
}

fn number(value: i64) -> String {
    if value < 0 { format!("(- {})", value.unsigned_abs()) } else { value.to_string() }
}

/// Facts of which every second question makes use.
pub(crate) fn facts() -> Vec<(Tree, Tree)> {
    let leaf = |attribute, cel: &str, smt: &str| {
        Tree::Leaf(Leaf { attribute, cel: cel.to_owned(), smt: Some(smt.to_owned()) })
    };
    vec![
        (
            leaf("title", "person.title.startsWith(\"a\")", "(str.prefixof \"a\" title)"),
            leaf("level", "person.level >= 2", "(>= level 2)"),
        ),
        (
            leaf("status", "person.status == \"x\"", "(= status \"x\")"),
            leaf("remote", "!person.remote", "(not remote)"),
        ),
    ]
}

/// The attributes of anybody, with what the schema says of their values.
fn declarations() -> String {
    let mut script = "(set-logic ALL)\n".to_owned();
    for (name, sort) in [
        ("title", "String"),
        ("code", "String"),
        ("status", "String"),
        ("level", "Int"),
        ("hired", "Int"),
        ("remote", "Bool"),
        ("teams_a", "Bool"),
        ("teams_b", "Bool"),
        ("teams_c", "Bool"),
    ] {
        script += &format!("(declare-const {name} {sort})\n");
    }
    for name in ["title", "code", "status", "level", "hired", "remote", "teams"] {
        script += &format!("(declare-const known_{name} Bool)\n");
    }
    let status = STATUSES.map(|text| format!("(= status \"{text}\")")).join(" ");
    script += &format!("(assert (or {status}))\n");
    let (first, last) = (number(DATES[0].1), number(DATES[5].1));
    script += &format!("(assert (<= {first} hired {last}))\n");
    let (first, last) = (number(i64::MIN), number(i64::MAX));
    script += &format!("(assert (<= {first} level {last}))\n");
    script
}

pub(crate) fn question(tree: &Tree, mode: u64, facts: &[(Tree, Tree)]) -> String {
    // Each on its own: with earlier questions around it z3 takes another, much slower way.
    let mut script = format!("(reset)\n{}", declarations());
    for (one, then) in facts {
        script += &format!("(assert (or (not {}) {}))\n", one.smt(true), then.smt(true));
    }
    let claim = match mode {
        0 => tree.smt(false),
        1 => format!("(not {})", tree.smt(true)),
        2 => format!("(not {})", tree.smt(false)),
        _ => tree.smt(true),
    };
    script += &format!("(assert {claim})\n(check-sat)\n");
    script
}
