//! Whether the rules by which somebody is taken for a person who is known can be trusted.

use super::{Names, Problems, is_dns_label};
use crate::mapping::document::{Match, MatchRule, Score};
use crate::mapping::{Field, Identity, Kind, Matching};
use crate::matching::{Comparison, Rule, Rules};

/// The most rules.
const RULES_MAX: usize = 20;

/// Checks what names a source's workers for ever, and how they are matched otherwise.
pub(super) fn check(
    how: Option<&Match>,
    source: &str,
    names: &Names<'_>,
    problems: &mut Problems,
) -> (Option<Identity>, Option<Matching>) {
    let Some(how) = how else { return (None, None) };
    if how.immutable.is_none() && how.score.is_none() && how.not_rehirable.is_none() {
        problems.add("spec.match", "names none of immutable, score and not_rehirable");
    }
    let scope = how.scope.as_deref().unwrap_or(source);
    if !is_dns_label(scope) {
        let problem = "must be lower-case letters, digits and '-', at most 63";
        problems.add("spec.match.scope", problem);
    }
    let immutable = how.immutable.as_deref();
    let immutable = immutable.and_then(|name| names.find("spec.match.immutable", name, problems));
    let rules = how.score.as_ref().map(|score| rules(score, names, problems));
    let unrehirable = how.not_rehirable.as_deref();
    let unrehirable = unrehirable.and_then(|name| boolean(name, names, problems));
    let matching = (rules.is_some() || unrehirable.is_some()).then(|| Matching {
        scope: scope.to_owned(),
        rules,
        unrehirable,
    });
    (immutable.map(|field| Identity { field, scope: scope.to_owned() }), matching)
}

fn boolean(name: &str, names: &Names<'_>, problems: &mut Problems) -> Option<usize> {
    let path = "spec.match.not_rehirable";
    let found = names.find(path, name, problems)?;
    let field = &names.fields[found];
    match field.kind {
        Kind::Boolean => {}
        Kind::Text(_) | Kind::Date(_) | Kind::Integer => {
            problems.add(path, "the field must be a boolean");
        }
    }
    if !field.optional {
        problems.add(path, "the field must be optional: most have no such mark");
    }
    Some(found)
}

fn rules(score: &Score, names: &Names<'_>, problems: &mut Problems) -> Rules {
    let Score { rules, automatic_percent: automatic, case_percent: case } = score;
    let path = "spec.match.score";
    if rules.is_empty() || rules.len() > RULES_MAX {
        problems.add(&format!("{path}.rules"), format_args!("there must be 1 to {RULES_MAX}"));
    }
    if *case == 0 || case >= automatic || *automatic > 100 {
        problems.add(path, "it must be 0 < case_percent < automatic_percent <= 100");
    }
    let rules: Vec<Rule> = rules
        .iter()
        .filter_map(|(attribute, written)| {
            let path = format!("{path}.rules.{attribute}");
            let field = names.find(&path, attribute, problems)?;
            let rule = rule(&path, (field, &names.fields[field]), written, problems)?;
            if rule.agree >= *automatic {
                problems.add(&path, "one attribute alone must not reach automatic_percent");
            }
            Some(rule)
        })
        .collect();
    let sum = |of: &dyn Fn(&&Rule) -> bool| -> u32 {
        rules.iter().filter(of).map(|rule| u32::from(rule.agree)).sum()
    };
    if sum(&|rule| rule.comparison.is_name()) >= u32::from(*case) {
        problems.add(path, "names alone must not reach case_percent: people share them");
    }
    if sum(&|_rule| true) < u32::from(*case) {
        problems.add(path, "all rules together do not reach case_percent");
    }
    Rules { rules, automatic: *automatic, case: *case }
}

fn rule(
    path: &str,
    (place, field): (usize, &Field),
    written: &MatchRule,
    problems: &mut Problems,
) -> Option<Rule> {
    let MatchRule { comparison, agree, differ } = written;
    let known = Comparison::ALL.into_iter().find(|one| one.as_str() == comparison);
    let Some(comparison) = known else {
        let known = Comparison::ALL.map(Comparison::as_str).join(", ");
        problems.add(path, format_args!("as must be one of {known}"));
        return None;
    };
    let fits = match (comparison, &field.kind) {
        (Comparison::Exact, _)
        | (Comparison::Date, Kind::Date(_))
        | (Comparison::Name | Comparison::Mail | Comparison::Phone, Kind::Text(_)) => true,
        (
            Comparison::Date | Comparison::Name | Comparison::Mail | Comparison::Phone,
            Kind::Text(_) | Kind::Date(_) | Kind::Integer | Kind::Boolean,
        ) => false,
    };
    if !fits {
        problems
            .add(path, format_args!("the field's type is not compared as {}", comparison.as_str()));
    }
    if !(1..=100).contains(agree) || *differ > 100 {
        problems.add(path, "agree must be 1 to 100, and differ 0 to 100");
    }
    let (agree, differ) = (*agree, *differ);
    Some(Rule { field: place, attribute: field.name.clone(), comparison, agree, differ })
}
