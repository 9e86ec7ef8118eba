//! `tenure person merge` and `tenure person split`: looked at first, then decided.

use std::process::ExitCode;

use anyhow::bail;
use domain::Date;
use proto::convert::date;
use proto::hris::v1::{
    ChangeKinRequest, KinChange, KinEngagement, KinPerson, MergePeople, PreviewKinRequest,
    PreviewKinResponse, SplitPerson, Worker, WorkerList, kin_change, split_person,
};
use proto::provisioning::v1::GetPersonRequest;
use serde_json::{Value, json};
use tonic::Code;

use super::answers::refused;
use super::person::find_one;
use crate::arguments::{Merge, Split, Word, name};
use crate::client::Mesh;
use crate::launcher::StateDir;
use crate::output::{Output, optional, section, table};
use crate::view;

/// An account of one of the two people.
struct Account {
    person: String,
    application: String,
    login: String,
    state: &'static str,
}

pub(crate) async fn merge(
    merge: &Merge,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let Some(survivor) = find_one(&mesh, &merge.survivor, output).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let Some(retired) = find_one(&mesh, &merge.retired, output).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let change = kin_change::Change::Merge(MergePeople {
        survivor_person_id: survivor.person.clone(),
        retired_person_id: retired.person.clone(),
    });
    run(&mesh, change, &merge.word, output).await
}

pub(crate) async fn split(
    split: &Split,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let Some(person) = find_one(&mesh, &split.person, output).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let worker = |(source, worker_id): &(String, String)| Worker {
        source: source.clone(),
        worker_id: worker_id.clone(),
    };
    let part = match split.merged {
        Some(merged) => split_person::Part::MergedPersonId(merged.to_string()),
        None => split_person::Part::Workers(WorkerList {
            workers: split.workers.iter().map(worker).collect(),
        }),
    };
    let split_person = SplitPerson { person_id: person.person, part: Some(part) };
    run(&mesh, kin_change::Change::Split(split_person), &split.word, output).await
}

async fn run(
    mesh: &Mesh,
    change: kin_change::Change,
    word: &Word,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let merges = matches!(change, kin_change::Change::Merge(_));
    let change = Some(KinChange { change: Some(change) });
    let Some(hash) = &word.hash else {
        let request = PreviewKinRequest { change };
        let preview = mesh.people()?.preview_kin(request).await.map_err(refused)?.into_inner();
        let accounts = accounts(mesh, &preview.people).await?;
        let json = told(&preview, &accounts);
        output.print(&json, |_json| shown(&preview, &accounts, merges))?;
        return Ok(ExitCode::SUCCESS);
    };
    let request = ChangeKinRequest {
        change,
        hash: hash.clone(),
        by: name(word.name.as_deref()),
        note: word.note.clone(),
    };
    let answer = mesh.people()?.change_kin(request).await.map_err(refused)?.into_inner();
    let json = json!({
        "person": answer.person_id, "other": answer.other_person_id,
        "engagements": answer.engagements,
    });
    output.print(&json, |_json| {
        let (person, other) = (&answer.person_id, &answer.other_person_id);
        match merges {
            true => format!("{other} is {person} from now on"),
            false => format!("{person} and {other} are two people from now on"),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The accounts that people have.
async fn accounts(mesh: &Mesh, people: &[KinPerson]) -> anyhow::Result<Vec<Account>> {
    let mut accounts = Vec::new();
    for person in people.iter().filter(|person| !person.person_id.is_empty()) {
        let request = GetPersonRequest { person_id: person.person_id.clone() };
        let dossier = match mesh.provisioning()?.get_person(request).await {
            Ok(answer) => view::dossier(answer.into_inner()),
            Err(status) if status.code() == Code::NotFound => continue,
            Err(status) => bail!("ask for the accounts: {}", status.message()),
        };
        accounts.extend(dossier.accounts.into_iter().map(|account| Account {
            person: person.person_id.clone(),
            application: account.application,
            login: account.login,
            state: account.state,
        }));
    }
    Ok(accounts)
}

fn day(day: Option<&proto::common::v1::CivilDate>) -> Option<Date> {
    date("day", day).unwrap_or_default()
}

fn told(preview: &PreviewKinResponse, accounts: &[Account]) -> Value {
    let engagement = |one: &KinEngagement| {
        let worker = one.worker.clone().unwrap_or_default();
        json!({
            "engagement": one.engagement_id, "source": worker.source,
            "worker_id": worker.worker_id, "from": day(one.start_date.as_ref()),
            "last_working_day": day(one.last_working_day.as_ref()), "moves": one.moves,
        })
    };
    let person = |one: &KinPerson| {
        json!({
            "person": Some(&one.person_id).filter(|id| !id.is_empty()), "name": one.display_name,
            "engagements": one.engagements.iter().map(engagement).collect::<Vec<_>>(),
        })
    };
    let account = |one: &Account| {
        json!({
            "person": one.person, "application": one.application, "login": one.login,
            "state": one.state,
        })
    };
    json!({
        "hash": preview.hash,
        "people": preview.people.iter().map(person).collect::<Vec<_>>(),
        "accounts": accounts.iter().map(account).collect::<Vec<_>>(),
        "reports": preview.reports,
    })
}

fn shown(preview: &PreviewKinResponse, accounts: &[Account], merges: bool) -> String {
    let mut text = String::new();
    for person in &preview.people {
        let id = match person.person_id.as_str() {
            "" => "somebody new",
            id => id,
        };
        let title = match person.display_name.as_str() {
            "" => id.to_owned(),
            name => format!("{name}, {id}"),
        };
        let row = |one: &KinEngagement| {
            let worker = one.worker.clone().unwrap_or_default();
            vec![
                worker.source,
                worker.worker_id,
                optional(day(one.start_date.as_ref())),
                optional(day(one.last_working_day.as_ref())),
                if one.moves { "was the other's" } else { "" }.to_owned(),
            ]
        };
        let header = ["source", "worker", "from", "last day", ""];
        let is_empty = person.engagements.is_empty();
        text += &section(&title, "nothing: the id stands for the other one", is_empty, || {
            table(&header, person.engagements.iter().map(row))
        });
    }
    let survivor = preview.people.first().map(|one| one.person_id.as_str()).unwrap_or_default();
    let row = |one: &Account| {
        let of_survivor = one.person == survivor;
        let both = accounts.iter().filter(|other| other.application == one.application).count() > 1;
        let fate = match (merges, of_survivor, both) {
            (true, false, true) => "is closed and kept",
            (true, false, false) => "becomes the first one's",
            (true, true, _) => "stays",
            (false, ..) => "goes to whose it was before a merge, else stays",
        };
        vec![one.application.clone(), one.login.clone(), one.state.to_owned(), fate.to_owned()]
    };
    text += &section("accounts", "none", accounts.is_empty(), || {
        table(&["application", "login", "state", ""], accounts.iter().map(row))
    });
    text + &format!(
        "{} people are told of another manager.\nTo do it, say the same with --hash {}\n",
        preview.reports, preview.hash
    )
}
