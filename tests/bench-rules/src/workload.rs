//! A made-up company: people with twelve attributes and two lists, and policies over them.

use domain::{Attributes, PersonId, Value};
use rules::Condition;
use rules::document::AttributeSchema;
use rules::population::Entitlement;
use uuid::Uuid;

const ENTITLEMENTS: usize = 5_000;

pub(crate) struct Workload {
    pub(crate) schema: AttributeSchema,
    pub(crate) people: Vec<(PersonId, Attributes)>,
    pub(crate) policies: Vec<Policy>,
}

pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) question: Question,
    pub(crate) condition: Condition,
    pub(crate) grants: Vec<Entitlement>,
}

/// What a policy asks, in a form from which every engine's text can be written.
pub(crate) enum Question {
    Equal(&'static str, String),
    OneOf(&'static str, Vec<String>),
    AtLeast(&'static str, i64),
    Starts(&'static str, String),
    Member(&'static str, String),
    Yes(&'static str),
    Not(Box<Question>),
    All(Vec<Question>),
    Any(Vec<Question>),
}

/// Numbers that look drawn by chance and are the same in every run.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or_default() % limit.max(1)
    }
}

impl Workload {
    pub(crate) fn new(people: usize, policies: usize) -> Self {
        let schema = schema();
        let policies = policies_of(&schema, policies);
        Self { schema, people: (0..people).map(person).collect(), policies }
    }
}

pub(crate) fn schema() -> AttributeSchema {
    let mut attributes = serde_json::Map::new();
    let texts = "department title country city employment_type division cost_center clearance";
    for name in texts.split(' ') {
        attributes.insert(name.to_owned(), serde_json::json!({"type": "string"}));
    }
    for (name, kind) in [
        ("level", "integer"),
        ("badge", "integer"),
        ("remote", "boolean"),
        ("hired", "date"),
        ("teams", "list"),
        ("manager_chain", "list"),
    ] {
        attributes.insert(name.to_owned(), serde_json::json!({"type": kind}));
    }
    serde_json::from_value(serde_json::json!({"attributes": attributes}))
        .expect("the schema above is one")
}

pub(crate) fn person(number: usize) -> (PersonId, Attributes) {
    let id = PersonId(Uuid::from_u128(1 + u128::try_from(number).unwrap_or_default()));
    let mut draw = Draw::new(u64::try_from(number).unwrap_or_default());
    let department = draw.below(60);
    let manager = draw.below(5_000);
    let role = ["Engineer", "Analyst", "Manager", "Clerk"][draw.below(4)];
    let text = |prefix: &str, number: usize| Value::Text(format!("{prefix}-{number}"));
    let day =
        format!("20{:02}-{:02}-{:02}", draw.below(26), 1 + draw.below(12), 1 + draw.below(28));
    let chain = [manager, 5_000 + manager / 10, 6_000 + manager / 100, 7_000 + manager / 1_000];
    let attributes = [
        ("department", text("Dept", department)),
        ("title", Value::Text(format!("{role} {}", draw.below(40)))),
        ("country", text("C", draw.below(30))),
        ("city", text("City", draw.below(200))),
        ("employment_type", text("T", [0, 0, 0, 0, 1, 2, 3][draw.below(7)])),
        ("division", text("Div", department / 8)),
        ("cost_center", text("CC", department * 7 + draw.below(7))),
        ("clearance", text("S", draw.below(5))),
        ("level", Value::Integer(i64::try_from(1 + draw.below(10)).unwrap_or(1))),
        ("badge", Value::Integer(i64::try_from(number).unwrap_or_default())),
        ("remote", Value::Boolean(draw.below(3) == 0)),
        ("hired", Value::Date(day.parse().expect("a day below 29 is in every month"))),
        ("teams", Value::List((0..3).map(|_| format!("team-{}", draw.below(500))).collect())),
        ("manager_chain", Value::List(chain.iter().map(|id| format!("e{id}")).collect())),
    ];
    (id, attributes.map(|(name, value)| (name.to_owned(), value)).into())
}

/// Most policies name a department, countries and a level; the others are of every other form.
pub(crate) fn policies_of(schema: &AttributeSchema, policies: usize) -> Vec<Policy> {
    (0..policies)
        .map(|number| {
            let mut draw = Draw::new(1_000_000_007 + u64::try_from(number).unwrap_or_default());
            let question = question(&mut draw);
            let condition = Condition::compile(&question.cel(), schema)
                .expect("the questions above are conditions");
            let grants = 1 + draw.below(9);
            let grants = (0..grants).map(|_| entitlement(draw.below(ENTITLEMENTS))).collect();
            Policy { name: format!("policy-{number:05}"), question, condition, grants }
        })
        .collect()
}

pub(crate) fn entitlement(number: usize) -> Entitlement {
    Entitlement {
        application: format!("application-{:02}", number % 40),
        entitlement: format!("entitlement-{number:05}"),
    }
}

pub(crate) fn question(draw: &mut Draw) -> Question {
    use Question::{All, Any, AtLeast, Equal, Member, Not, OneOf, Starts, Yes};
    let department = |draw: &mut Draw| Equal("department", format!("Dept-{}", draw.below(60)));
    let level = |draw: &mut Draw| AtLeast("level", i64::try_from(1 + draw.below(9)).unwrap_or(1));
    let countries = |draw: &mut Draw| {
        OneOf("country", (0..2 + draw.below(4)).map(|_| format!("C-{}", draw.below(30))).collect())
    };
    match draw.below(100) {
        0..55 => All(vec![department(draw), countries(draw), level(draw)]),
        55..65 => {
            let role = ["Engineer", "Analyst", "Manager", "Clerk"][draw.below(4)];
            let title = Starts("title", format!("{role} {}", draw.below(4)));
            All(vec![title, department(draw)])
        }
        65..73 => Member("teams", format!("team-{}", draw.below(500))),
        73..80 => {
            let center = Equal("cost_center", format!("CC-{}", draw.below(420)));
            All(vec![center, Not(Box::new(Equal("employment_type", "T-3".to_owned())))])
        }
        80..87 => Member("manager_chain", format!("e{}", draw.below(5_500))),
        87..94 => Any(vec![
            All(vec![department(draw), level(draw)]),
            Not(Box::new(Any(vec![Yes("remote"), Not(Box::new(department(draw)))]))),
        ]),
        94..98 => All(vec![Equal("clearance", format!("S-{}", draw.below(5))), level(draw)]),
        _ => Equal("employment_type", format!("T-{}", draw.below(4))),
    }
}

impl Question {
    /// Writes it in CEL.
    pub(crate) fn cel(&self) -> String {
        match self {
            Self::Equal(name, text) => format!("person.{name} == {text:?}"),
            Self::OneOf(name, texts) => format!("person.{name} in {texts:?}"),
            Self::AtLeast(name, number) => format!("person.{name} >= {number}"),
            Self::Starts(name, text) => format!("person.{name}.startsWith({text:?})"),
            Self::Member(name, text) => format!("{text:?} in person.{name}"),
            Self::Yes(name) => format!("person.{name}"),
            Self::Not(part) => format!("!({})", part.cel()),
            Self::All(parts) => joined(parts, " && ", Self::cel),
            Self::Any(parts) => joined(parts, " || ", Self::cel),
        }
    }

    /// Writes it in Cedar.
    #[cfg(feature = "cedar")]
    pub(crate) fn cedar(&self) -> String {
        match self {
            Self::Equal(name, text) => format!("principal.{name} == {text:?}"),
            Self::OneOf(name, texts) => format!("{texts:?}.contains(principal.{name})"),
            Self::AtLeast(name, number) => format!("principal.{name} >= {number}"),
            Self::Starts(name, text) => format!("principal.{name} like \"{text}*\""),
            Self::Member(name, text) => format!("principal.{name}.contains({text:?})"),
            Self::Yes(name) => format!("principal.{name}"),
            Self::Not(part) => format!("!({})", part.cedar()),
            Self::All(parts) => joined(parts, " && ", Self::cedar),
            Self::Any(parts) => joined(parts, " || ", Self::cedar),
        }
    }
}

fn joined(parts: &[Question], operator: &str, text: fn(&Question) -> String) -> String {
    let parts: Vec<_> = parts.iter().map(|part| format!("({})", text(part))).collect();
    parts.join(operator)
}
