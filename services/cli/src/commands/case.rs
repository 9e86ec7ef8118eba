//! `tenure case`: what humans must decide.

use std::process::ExitCode;

use anyhow::bail;
use domain::{Date, Timestamp};
use proto::convert::{date, optional_instant};
use proto::hris::v1::{
    Case, CaseAttribute, CaseKind, CaseOutcome, CasePerson, CaseSide, CaseState, CaseVerdict,
    DecideCaseRequest, GetCaseRequest, GetCaseResponse, ListCasesRequest,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answers::refused;
use crate::arguments::{CaseDecide, CaseList, name};
use crate::launcher::StateDir;
use crate::output::{Output, instant, optional, section, table};

/// Cases asked for at once, and cases that are listed at most.
const PAGE_SIZE: u32 = 1_000;
const LISTED_MAX: usize = 10_000;

pub(crate) async fn list(
    asked: &CaseList,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let kind = asked.kind.map_or(CaseKind::Unspecified, Into::into);
    let of_state = if asked.all { CaseState::Unspecified } else { CaseState::Open };
    let mut request = ListCasesRequest {
        kind: kind.into(),
        state: of_state.into(),
        source: asked.source.clone().unwrap_or_default(),
        person_id: asked.person.map(|person| person.to_string()).unwrap_or_default(),
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let mut cases = Vec::new();
    loop {
        let page = mesh.cases()?.list_cases(request.clone()).await.map_err(refused)?.into_inner();
        cases.extend(page.cases);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || cases.len() >= LISTED_MAX {
            break;
        }
    }
    let json: Vec<Value> = cases.iter().map(told).collect();
    output.print(&json, |_json| listed(&cases))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn show(id: Uuid, state: &StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = GetCaseRequest { case_id: id.to_string() };
    let answer = mesh.cases()?.get_case(request).await.map_err(refused)?.into_inner();
    let Some(case) = &answer.case else { bail!("hris-ingest answered without the case") };
    let mut json = told(case);
    json["sides"] = answer.sides.iter().map(side).collect();
    json["answers"] = answer.answers().map(outcome).collect();
    output.print(&json, |_json| shown(case, &answer))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn decide(
    decide: &CaseDecide,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = DecideCaseRequest {
        case_id: decide.case.to_string(),
        hash: decide.hash.clone(),
        answer: CaseOutcome::from(decide.answer).into(),
        person_id: decide.person.map(|person| person.to_string()).unwrap_or_default(),
        by: name(decide.name.as_deref()),
        note: decide.note.clone(),
    };
    let answer = mesh.cases()?.decide_case(request).await.map_err(refused)?.into_inner();
    let Some(case) = &answer.case else { bail!("hris-ingest answered without the case") };
    output.print(&told(case), |_json| {
        format!(
            "case {} is closed: {}, by {}",
            case.case_id,
            outcome(case.outcome()),
            case.closed_by
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn at(instant: Option<&proto::common::v1::Instant>) -> Option<Timestamp> {
    optional_instant("instant", instant).unwrap_or_default()
}

fn needed_by(case: &Case) -> Option<Date> {
    date("needed_by", case.needed_by.as_ref()).unwrap_or_default()
}

const fn kind(kind: CaseKind) -> &'static str {
    match kind {
        CaseKind::Unspecified => "unknown",
        CaseKind::UncertainMatch => "uncertain match",
        CaseKind::RecycledWorkerId => "recycled worker id",
        CaseKind::NotRehirable => "not rehirable",
        CaseKind::Conflict => "conflict",
        CaseKind::MissingWorker => "missing worker",
        CaseKind::UnknownValue => "unknown value",
    }
}

const fn outcome(outcome: CaseOutcome) -> &'static str {
    match outcome {
        CaseOutcome::Unspecified => "open",
        CaseOutcome::Same => "same",
        CaseOutcome::Other => "other",
        CaseOutcome::Allow => "allow",
        CaseOutcome::Refuse => "refuse",
        CaseOutcome::Dismiss => "dismiss",
        CaseOutcome::NoLongerApplies => "applies no longer",
    }
}

const fn verdict(verdict: CaseVerdict) -> &'static str {
    match verdict {
        CaseVerdict::Unspecified | CaseVerdict::Unknown => "unknown",
        CaseVerdict::Agrees => "agrees",
        CaseVerdict::Differs => "differs",
    }
}

/// A case for programs.
fn told(case: &Case) -> Value {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let person = |one: &CasePerson| {
        json!({
            "person": one.person_id, "name": given(&one.display_name), "worker_ids": one.worker_ids,
        })
    };
    json!({
        "case": case.case_id,
        "kind": kind(case.kind()),
        "source": case.source,
        "key": case.key,
        "hash": case.hash,
        "people": case.people.iter().map(person).collect::<Vec<_>>(),
        "engagements": case.engagement_ids,
        "needed_by": needed_by(case),
        "opened_at": at(case.opened_at.as_ref()),
        "closed_at": at(case.closed_at.as_ref()),
        "outcome": outcome(case.outcome()),
        "person": given(&case.person_id),
        "closed_by": given(&case.closed_by),
        "note": given(&case.note),
    })
}

fn side(side: &CaseSide) -> Value {
    let attribute = |one: &CaseAttribute| {
        json!({
            "name": one.name, "verdict": verdict(one.verdict()), "stated": one.stated,
            "known": one.known,
        })
    };
    json!({
        "person": side.person_id,
        "points": side.points,
        "attributes": side.attributes.iter().map(attribute).collect::<Vec<_>>(),
    })
}

fn people(case: &Case) -> String {
    let name = |one: &CasePerson| match one.display_name.as_str() {
        "" => one.person_id.clone(),
        name => name.to_owned(),
    };
    dash(&case.people.iter().map(name).collect::<Vec<_>>().join(", "))
}

fn dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn listed(cases: &[Case]) -> String {
    if cases.is_empty() {
        return "nothing waits for a decision".to_owned();
    }
    let row = |case: &Case| {
        vec![
            case.case_id.clone(),
            kind(case.kind()).to_owned(),
            case.source.clone(),
            case.key.clone(),
            people(case),
            optional(needed_by(case)),
            instant(at(case.opened_at.as_ref())),
            outcome(case.outcome()).to_owned(),
        ]
    };
    let header = ["case", "kind", "source", "about", "may be", "first day", "opened", ""];
    table(&header, cases.iter().map(row))
}

fn shown(case: &Case, answer: &GetCaseResponse) -> String {
    let mut text = format!(
        "case {}\n  kind       {}\n  source     {}\n  about      {}\n  first day  {}\n  opened     {}\n  \
         hash       {}\n\n",
        case.case_id,
        kind(case.kind()),
        case.source,
        case.key,
        optional(needed_by(case)),
        instant(at(case.opened_at.as_ref())),
        case.hash
    );
    let who = |id: &str| {
        let known = case.people.iter().find(|one| one.person_id == id);
        let workers = known.map(|one| one.worker_ids.join(", ")).unwrap_or_default();
        let name = known.map(|one| one.display_name.as_str()).unwrap_or_default();
        [name, id, &workers]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    for side in &answer.sides {
        let points = side.points.map(|points| format!(": {points} of 100")).unwrap_or_default();
        let row = |one: &CaseAttribute| {
            let verdict = verdict(one.verdict()).to_owned();
            vec![one.name.clone(), verdict, dash(&one.stated), dash(&one.known)]
        };
        text += &section(&format!("{}{points}", dash(&who(&side.person_id))), "", false, || {
            table(&["attribute", "", "stated", "known"], side.attributes.iter().map(row))
        });
    }
    if case.state() == CaseState::Closed {
        text += &format!(
            "closed {} as {} by {}: {}\n",
            instant(at(case.closed_at.as_ref())),
            outcome(case.outcome()),
            optional(Some(&case.closed_by).filter(|by| !by.is_empty())),
            dash(&case.note)
        );
        return text;
    }
    let answers: Vec<&str> = answer.answers().map(outcome).collect();
    text += &format!(
        "decide it with\ntenure case decide {} {} --hash {} --as NAME\n",
        case.case_id,
        answers.join("|"),
        case.hash
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_shown_side_by_side_with_the_next_command_last() {
        let case = Case {
            case_id: "c1".to_owned(),
            hash: "5d1c".to_owned(),
            state: CaseState::Open.into(),
            people: vec![CasePerson {
                person_id: "p1".to_owned(),
                display_name: "Ada Lovelace".to_owned(),
                worker_ids: vec!["7".to_owned()],
            }],
            ..Case::default()
        };
        let mail = CaseAttribute {
            name: "mail".to_owned(),
            verdict: CaseVerdict::Differs.into(),
            stated: "a@x.example".to_owned(),
            ..CaseAttribute::default()
        };
        let side =
            CaseSide { person_id: "p1".to_owned(), points: Some(70), attributes: vec![mail] };
        let answers = vec![CaseOutcome::Same.into(), CaseOutcome::Other.into()];
        let answer = GetCaseResponse { case: None, sides: vec![side], answers };

        let text = shown(&case, &answer);

        assert!(text.contains("Ada Lovelace, p1, 7: 70 of 100"), "{text}");
        assert!(text.contains("mail       differs  a@x.example  -"), "{text}");
        assert!(
            text.ends_with("tenure case decide c1 same|other --hash 5d1c --as NAME\n"),
            "{text}"
        );
    }
}
