//! Somebody who may be a former colleague: nothing happens until a human has said so, and then the kept
//! account is used again.

use cli::client::Import;
use proto::hris::v1::{
    CaseOutcome, CaseState, DecideCaseRequest, FileContract, ImportSummary, ListCasesRequest,
};

use super::World;

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, Department, First, Last, Born]
  key: [number]
  start_date: first
  last_working_day: last
  zone: America/New_York
  match:
    score:
      rules:
        display_name: {as: name, agree: 30, differ: 20}
        born: {as: date, agree: 35, differ: 45}
  fields:
    number: {column: Number}
    display_name: {column: Name}
    department: {column: Department}
    first: {column: First, type: date, format: YYYY-MM-DD}
    last: {column: Last, type: date, format: YYYY-MM-DD, optional: true}
    born: {column: Born, type: date, format: YYYY-MM-DD}
  attributes: [display_name, department, worker_id]
";

async fn import(world: &World, row: &str, day: &str) -> ImportSummary {
    let file = world.folder.path().join("staff.csv");
    std::fs::write(&file, format!("Number,Name,Department,First,Last,Born\n{row}\n")).unwrap();
    let import = Import {
        mapping: MAPPING,
        file: &file,
        contract: FileContract::Partial,
        snapshot_date: day.parse().unwrap(),
        author: None,
        notify: false,
    };
    let summary = world.mesh.client.import(import, |_step| {}).await.unwrap();
    world.mesh.settle().await;
    summary
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_colleague_gets_the_kept_account_back_once_a_human_has_said_who_it_is() {
    let world = World::start("2026-03-02T15:00:00Z").await;
    import(&world, "7,Ada Lovelace,Engineering,2020-01-06,,1985-12-10", "2026-03-02").await;
    import(&world, "7,Ada Lovelace,Engineering,2020-01-06,2026-03-06,1985-12-10", "2026-03-03")
        .await;
    world.advance("2026-03-20T15:00:00Z").await;
    assert_eq!(world.accounts().await, ["ada.lovelace suspended"]);
    let events = world.events().await;

    let returns = "9,\"Lovelace, Ada\",Engineering,2026-04-06,,1985-12-10";
    let waits = import(&world, returns, "2026-03-20").await;

    assert_eq!((waits.joined, waits.rejected), (0, 1));
    assert_eq!(world.accounts().await, ["ada.lovelace suspended"]);
    // The run's end, and the question.
    assert_eq!(world.events().await, events + 2);

    let mut cases = world.mesh.client.cases().unwrap();
    let open = ListCasesRequest { state: CaseState::Open.into(), ..ListCasesRequest::default() };
    let case = cases.list_cases(open).await.unwrap().into_inner().cases.remove(0);
    let decision = DecideCaseRequest {
        case_id: case.case_id,
        hash: case.hash,
        answer: CaseOutcome::Same.into(),
        person_id: String::new(),
        by: "grace".to_owned(),
        note: "asked payroll".to_owned(),
    };
    cases.decide_case(decision).await.unwrap();
    world.mesh.settle().await;
    assert_eq!(world.accounts().await, ["ada.lovelace suspended"], "the first day is far off");
    // Five days before the first day, and on it.
    world.advance("2026-04-01T04:00:00Z").await;
    assert_eq!(world.accounts().await, ["ada.lovelace suspended staff"]);
    world.advance("2026-04-06T04:00:00Z").await;
    assert_eq!(world.accounts().await, ["ada.lovelace active staff engineers"]);
    world.mesh.stop().await;
}
