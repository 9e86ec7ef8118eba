use super::*;

pub(crate) const CITY: &str = r#"
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: city-workforce}
spec:
  format: csv
  columns: [SurveyYear, Name, JobTitle, AgencyID, Agency, HireDate]
  key: [name, hire_date]
  engagement: agency_id
  start_date: hire_date
  last_working_day: null
  termination_date: null
  zone: America/New_York
  fields:
    name: {column: Name}
    display_name: {column: Name, transform: family_comma_given}
    hire_date: {column: HireDate, type: date, format: M/D/YY, optional: true}
    title: {column: JobTitle}
    agency: {column: Agency}
    agency_id: {column: AgencyID}
  attributes: [display_name, title, agency, agency_id, worker_id]
  limits: {leavers_percent: 20}
"#;

pub(crate) fn city() -> Source {
    Source::parse(CITY).unwrap()
}

/// The problems of the city's mapping after one text in it was replaced.
fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(CITY.contains(from), "{from}");
    Source::parse(&CITY.replace(from, to)).unwrap_err().problems
}

#[test]
fn a_valid_mapping_resolves_every_name() {
    let source = city();

    assert_eq!(source.name(), "city-workforce");
    assert_eq!(source.zone_name(), "America/New_York");
    assert_eq!(leavers(&source), (Some(20), 2));
    assert_eq!(source.limits().group_by.as_deref(), Some("agency"));
    let attributes: Vec<_> = source.attributes().collect();
    assert_eq!(attributes, ["display_name", "title", "agency", "agency_id", "worker_id"]);
}

#[test]
fn what_has_a_default_may_be_left_out() {
    let yaml = CITY
        .replace("  engagement: agency_id\n", "")
        .replace("  last_working_day: null\n", "")
        .replace("  limits: {leavers_percent: 20}\n", "")
        .replace(", format: M/D/YY", "");

    let source = Source::parse(&yaml).unwrap();

    assert_eq!(source.engagement, None);
    assert_eq!(leavers(&source), (Some(10), 2));
    assert_eq!((source.limits().window_days, source.limits().held_days), (7, 7));
}

/// The share of a source's people that a full file may end, and how many may leave in any case.
fn leavers(source: &Source) -> (Option<u8>, u64) {
    let limit = source.limits().holds[0];
    (limit.percent, limit.above)
}

#[test]
fn a_limit_without_a_share_holds_nothing() {
    let none = "{leavers_percent: null, group_leavers_percent: null, window_percent: null, \
                joiners_percent: null, changed_percent: null, rows_percent: null}";

    let source = Source::parse(&CITY.replace("{leavers_percent: 20}", none)).unwrap();

    assert_eq!(source.limits().holds, []);
    assert_eq!(source.limits().completeness.rows_percent, None);
}

#[test]
fn groups_are_the_values_of_an_attribute_that_is_published() {
    let by = |name: &str| CITY.replace("leavers_percent: 20", &format!("group_by: {name}"));

    let source = Source::parse(&by("title")).unwrap();
    let problems = Source::parse(&by("name")).unwrap_err().problems;

    assert_eq!(source.limits().group_by.as_deref(), Some("title"));
    assert_eq!(problems, ["spec.limits.group_by: \"name\" is not among the attributes"]);
    let neither = CITY.replace("title, agency, agency_id, worker_id]", "title, worker_id]");
    assert_eq!(Source::parse(&neither).unwrap().limits().group_by, None);
}

#[test]
fn every_problem_is_told_at_once() {
    let yaml = CITY
        .replace("kind: Source", "kind: Sauce")
        .replace("name: city-workforce", "name: City Workforce")
        .replace("AgencyID, Agency, HireDate]", "AgencyID, Agency, Agency]")
        .replace("key: [name, hire_date]", "key: [name, hired, name]")
        .replace("start_date: hire_date", "start_date: title")
        .replace("zone: America/New_York", "zone: America/Gotham")
        .replace("format: M/D/YY,", "format: m/d/yy,")
        .replace("transform: family_comma_given", "transform: reverse")
        .replace("title: {column: JobTitle}", "title: {column: JobTitle, type: number}")
        .replace("agency_id, worker_id]", "grade, worker_id, worker_id]")
        .replace("leavers_percent: 20", "leavers_percent: 120");

    let problems = Source::parse(&yaml).unwrap_err().problems;

    assert_eq!(
        problems,
        [
            "kind: must be Source",
            "metadata.name: must be lower-case letters, digits and '-', at most 63",
            "spec.columns: \"Agency\" is listed twice",
            "spec.fields.display_name: the transform must be one of family_comma_given, \
             given_of_family_comma_given, family_of_family_comma_given, lower, upper",
            "spec.fields.hire_date: there is no column \"HireDate\"",
            "spec.fields.hire_date: the format \"m/d/yy\": may hold only YYYY, YY, MM, M, DD, D, \
             spaces and punctuation",
            "spec.fields.title: the type must be one of text, date, integer, boolean",
            "spec.zone: there is no time zone \"America/Gotham\"",
            "spec.key: \"name\" is listed twice",
            "spec.key: there is no field \"hired\"",
            "spec.start_date: the field must be a date",
            "spec.attributes: there is no field \"grade\"",
            "spec.attributes: \"worker_id\" is listed twice",
            "spec.limits.leavers_percent: must be at most 100",
        ]
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let problems = problems("  engagement: agency_id", "  engagment: agency_id");
    assert!(problems[0].contains("engagment") && problems[0].contains("line 9"), "{problems:?}");
}

#[test]
fn a_field_cannot_take_the_name_of_the_key() {
    let problems = problems("    title: {", "    worker_id: {");
    assert_eq!(problems[0], "spec.fields.worker_id: the name is taken by the key's text");
}

#[test]
fn a_date_that_ends_engagements_must_be_optional() {
    let yaml = CITY.replace("last_working_day: null", "last_working_day: last_day").replace(
        "    name: {column: Name}",
        "    name: {column: Name}\n    last_day: {column: SurveyYear, type: date}",
    );
    assert_eq!(
        Source::parse(&yaml).unwrap_err().problems,
        ["spec.last_working_day: the field must be optional: who stays has no such date"]
    );
}

#[test]
fn a_mapping_without_a_key_or_with_misplaced_options_is_refused() {
    assert_eq!(
        problems("key: [name, hire_date]", "key: []"),
        ["spec.key: at least one field must tell people apart"]
    );
    assert_eq!(
        problems("{column: Agency}", "{column: Agency, format: M/D/YY}"),
        ["spec.fields.agency: only a date has a format"]
    );
    assert_eq!(
        problems("{column: Agency}", "{column: Agency, type: integer, transform: lower}"),
        ["spec.fields.agency: only text has a transform"]
    );
    assert!(Source::parse(&" ".repeat(MAPPING_BYTES_MAX + 1)).is_err());
    assert!(Source::parse("").is_err());
}

#[test]
fn a_mapping_without_a_zone_takes_the_default_or_is_refused() {
    let mapping = CITY.replace("  zone: America/New_York\n", "");

    let source = Source::parse_in(&mapping, Some("Europe/Vienna")).unwrap();
    let refused = Source::parse(&mapping).unwrap_err();

    assert_eq!(source.zone_name(), "Europe/Vienna");
    let expected = "spec.zone: must name a time zone, such as America/New_York";
    assert_eq!(refused.problems, [expected]);
    assert_eq!(Source::parse_in(CITY, Some("UTC")).unwrap().zone_name(), "America/New_York");
}

/// The city's mapping with everything that a mapping can say beside it.
fn full() -> String {
    CITY.replace(
        "  zone: America/New_York\n",
        "  manager: boss\n  match: {immutable: number, scope: group}\n  \
         zone: {field: site, values: {HQ: America/New_York}, default: Europe/Vienna}\n",
    )
    .replace(
        "    title: {",
        "    boss: {column: SurveyYear, optional: true}\n    number: {column: SurveyYear}\n    \
         site: {column: AgencyID, optional: true}\n    title: {",
    )
}

#[test]
fn managers_numbers_and_zones_of_rows_are_resolved() {
    let source = Source::parse(&full()).unwrap();

    let name = |field: usize| source.fields[field].name.as_str();
    assert_eq!(source.manager.map(name), Some("boss"));
    let identity = source.identity.as_ref().unwrap();
    assert_eq!((name(identity.field), identity.scope.as_str()), ("number", "group"));
    let zone = source.zone_field.as_ref().unwrap();
    assert_eq!(source.zone_name(), "Europe/Vienna");
    assert_eq!(zone.read("HQ").as_deref(), Ok("America/New_York"));
    assert_eq!(zone.read("Asia/Tokyo").as_deref(), Ok("Asia/Tokyo"));
    assert_eq!(zone.read("Nowhere").unwrap_err(), "names no time zone");
}

#[test]
fn a_number_counts_within_its_source_unless_a_scope_is_declared() {
    let source = Source::parse(&full().replace(", scope: group", "")).unwrap();

    assert_eq!(source.identity.unwrap().scope, "city-workforce");
}

#[test]
fn everything_wrong_with_managers_numbers_and_zones_is_told() {
    let yaml = full()
        .replace("manager: boss", "manager: chief")
        .replace("scope: group", "scope: The Group")
        .replace("field: site", "field: place")
        .replace("HQ: America/New_York", "HQ: America/Gotham")
        .replace("default: Europe/Vienna", "default: Vienna");

    assert_eq!(
        Source::parse(&yaml).unwrap_err().problems,
        [
            "spec.zone: there is no time zone \"Vienna\"",
            "spec.manager: there is no field \"chief\"",
            "spec.match.scope: must be lower-case letters, digits and '-', at most 63",
            "spec.zone.values.HQ: there is no time zone \"America/Gotham\"",
            "spec.zone.field: there is no field \"place\"",
        ]
    );
}

#[test]
fn a_field_that_is_cleaned_wrongly_is_told_with_its_path() {
    assert_eq!(
        problems(
            "{column: Agency}",
            "{column: Agency, replace: [{pattern: '('}], values: {' ': x}}"
        ),
        [
            "spec.fields.agency: a value to be changed is empty",
            "spec.fields.agency: the pattern \"(\": unclosed group",
        ]
    );
}

#[test]
fn columns_of_json_lines_are_paths_and_may_be_left_out() {
    let lines = CITY.replace("format: csv", "format: jsonl");
    let columns = "  columns: [SurveyYear, Name, JobTitle, AgencyID, Agency, HireDate]\n";

    let strict = Source::parse(&lines).unwrap();
    let lenient = Source::parse(&lines.replace(columns, "")).unwrap();
    let wrong = lines.replace("[SurveyYear,", "[Name.given, a..b,");

    assert_eq!((strict.format(), strict.strict), (Format::JsonLines, true));
    assert!(!lenient.strict);
    assert_eq!(lenient.columns, ["Agency", "AgencyID", "HireDate", "JobTitle", "Name"]);
    assert_eq!(
        Source::parse(&wrong).unwrap_err().problems,
        [
            "spec.columns: \"a..b\" has a part without a name",
            "spec.columns: \"Name\" cannot be a value and hold \"Name.given\", too",
        ]
    );
    assert_eq!(
        problems("format: csv", "format: xml"),
        ["spec.format: must be csv or tsv or jsonl or scim"]
    );
    assert_eq!(problems(columns, "")[0], "spec.columns: there must be 1 to 1000 of them");
}

/// The city's mapping with rules that tell people apart.
fn scored(rules: &str) -> String {
    full().replace("{immutable: number, scope: group}", &format!("{{score: {{{rules}}}}}"))
}

const RULES: &str = "rules: {name: {as: name, agree: 40, differ: 20}, \
                     hire_date: {as: date, agree: 60, differ: 40}}";

#[test]
fn rules_have_usual_thresholds_and_the_sources_scope() {
    let matching = Source::parse(&scored(RULES)).unwrap().matching.unwrap();

    let rules = matching.rules.unwrap();
    assert_eq!((rules.automatic, rules.case), (95, 60));
    assert_eq!((matching.scope.as_str(), matching.unrehirable), ("city-workforce", None));
    assert_eq!(rules.rules.len(), 2);
}

#[test]
fn neither_names_nor_one_attribute_alone_reach_a_threshold() {
    let problems = |rules: &str| Source::parse(&scored(rules)).unwrap_err().problems;

    assert_eq!(
        problems(&RULES.replace("agree: 40", "agree: 60")),
        ["spec.match.score: names alone must not reach case_percent: people share them"]
    );
    assert_eq!(
        problems(&RULES.replace("agree: 60", "agree: 95")),
        ["spec.match.score.rules.hire_date: one attribute alone must not reach automatic_percent"]
    );
    assert_eq!(
        problems(&RULES.replace("agree: 60", "agree: 10")),
        ["spec.match.score: all rules together do not reach case_percent"]
    );
}

#[test]
fn everything_wrong_with_rules_is_told() {
    let rules = "rules: {name: {as: date, agree: 0, differ: 101}, boss: {as: sound, agree: 1, \
                 differ: 1}, nobody: {as: exact, agree: 70, differ: 1}}, case_percent: 99, \
                 automatic_percent: 99";

    assert_eq!(
        Source::parse(&scored(rules)).unwrap_err().problems,
        [
            "spec.match.score: it must be 0 < case_percent < automatic_percent <= 100",
            "spec.match.score.rules.boss: as must be one of exact, name, date, mail, phone",
            "spec.match.score.rules.name: the field's type is not compared as date",
            "spec.match.score.rules.name: agree must be 1 to 100, and differ 0 to 100",
            "spec.match.score.rules.nobody: there is no field \"nobody\"",
            "spec.match.score: all rules together do not reach case_percent",
        ]
    );
    let nothing = full().replace("{immutable: number, scope: group}", "{scope: group}");
    assert_eq!(
        Source::parse(&nothing).unwrap_err().problems,
        ["spec.match: names none of immutable, score and not_rehirable"]
    );
    let mark = full().replace("scope: group", "not_rehirable: number");
    assert_eq!(
        Source::parse(&mark).unwrap_err().problems,
        [
            "spec.match.not_rehirable: the field must be a boolean",
            "spec.match.not_rehirable: the field must be optional: most have no such mark",
        ]
    );
}

#[test]
fn a_field_is_of_a_column_or_computed_and_mistakes_are_told_with_their_place() {
    let computed = |cel: &str| format!("title: {{cel: '{cel}'}}");

    let source = Source::parse(
        &CITY
            .replace("title: {column: JobTitle}", &computed(r#"row.agency + "/" + row.agency_id"#)),
    );
    assert!(source.is_ok(), "{source:?}");

    assert_eq!(
        problems("title: {column: JobTitle}", &computed("row.agency + row.display_nam")),
        [
            "spec.fields.title.cel: uses row.display_nam, and there is no field with a column of that name; \
          did you mean `display_name`? (line 1, column 14 of it)"
        ]
    );
    assert_eq!(
        problems("title: {column: JobTitle}", &computed("row.hire_date")),
        ["spec.fields.title.cel: gives a date, and a text is needed (line 1, column 1 of it)"]
    );
    let either = "spec.fields.title: must have either a column or cel, which computes it of others";
    assert_eq!(problems("title: {column: JobTitle}", "title: {}"), [either]);
    assert_eq!(
        problems("title: {column: JobTitle}", "title: {column: JobTitle, cel: '\"x\"'}"),
        [either]
    );
}

#[test]
fn what_is_computed_is_of_columns_alone() {
    let yaml = CITY
        .replace("title: {column: JobTitle}", "title: {cel: row.agency}")
        .replace("agency_id: {column: AgencyID}", "agency_id: {cel: row.title}");

    let problems = Source::parse(&yaml).unwrap_err().problems;

    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("no field with a column of that name"), "{problems:?}");
}

#[test]
fn an_unlisted_value_and_a_default_need_what_makes_sense_of_them() {
    let title = |what: &str| {
        problems("title: {column: JobTitle}", &format!("title: {{column: JobTitle, {what}}}"))
    };

    assert_eq!(
        title("unlisted: reject"),
        ["spec.fields.title: there are no values, and so none that are unlisted"]
    );
    assert_eq!(
        title("values: {a: b}, unlisted: unknown"),
        ["spec.fields.title: must be optional, since a value that is not listed is unknown"]
    );
    assert_eq!(
        title("values: {a: b}, unlisted: guess"),
        ["spec.fields.title: unlisted must be one of keep, reject, unknown, hold"]
    );
    assert_eq!(
        title("type: integer, default: none"),
        ["spec.fields.title: the default is not a whole number of 64 bits"]
    );
    assert_eq!(
        title("default: Clerk, optional: true"),
        ["spec.fields.title: is never empty with a default, and so not optional"]
    );
}

#[test]
fn how_files_come_is_told_wrong_with_its_path() {
    let spec = |more: &str| problems("spec:\n", &format!("spec:\n{more}\n"));
    let folder = |more: &str| {
        let stated = "schedule: {every: PT5M}, folder: {path: a, files: '*.csv', contract: full}";
        let text = format!("  {}", stated.replacen(", folder", "\n  folder", 1));
        let (from, to) = more.split_once(" => ").unwrap();
        assert!(text.contains(from), "{from}");
        spec(&text.replacen(from, to, 1))
    };

    assert_eq!(
        spec("  accepts: [fax]"),
        [
            "spec.accepts: \"fax\" is no door: events is",
            "spec.accepts: events hold records as the lines of a jsonl source do"
        ]
    );
    assert_eq!(
        spec("  delimiter: ab"),
        ["spec.delimiter: must be one character of punctuation that is no quote, or a tab"]
    );
    let nothing = "spec.schedule: there is nothing to look at: name a folder";
    assert_eq!(spec("  schedule: {every: PT5M}"), [nothing]);
    assert_eq!(
        folder("schedule: {every: PT5M} => accepts: []"),
        ["spec.schedule: must say when the folder is looked at"]
    );
    assert_eq!(
        folder("PT5M => PT7M"),
        ["spec.schedule.every: must divide a day, so that it comes at the same times every day"]
    );
    assert_eq!(
        folder("{every: PT5M} => {every: PT5M, zone: UTC}"),
        ["spec.schedule: holds every, or cron and its zone"]
    );
    assert_eq!(
        folder("{every: PT5M} => {cron: '0 6 * * *', zone: Nowhere}"),
        ["spec.schedule.zone: there is no such time zone"]
    );
    assert!(folder("path: a => path: ../a")[0].starts_with("spec.folder.path: must be names"));
    assert_eq!(
        folder("'*.csv' => '{YY-MM-DD}'"),
        ["spec.folder.files: the year in a file's name must have four digits"]
    );
    assert_eq!(
        folder("full => whole, complete: soon"),
        [
            "spec.folder.contract: must be full or partial",
            "spec.folder.complete: must be settled or marked"
        ]
    );
}
