//! Programs that somebody else wrote hold the door against the RFCs, and one drives it.

use std::process::Output;

use proto::common::v1::Lane;
use proto::hris::v1::ChangeKind;
use tokio::process::Command;

use super::{OKTA, Scim, start, token};
use crate::service::Ingest;

/// The judges make and delete more users than may leave otherwise, and give them keys of their own making.
async fn judged(ingest: &Ingest) -> Scim {
    let document = OKTA.replace("{column: externalId}", "{column: userName}")
        + "  limits: {pushed_leavers_percent: 100}\n";
    let document = document.replace(
        "    login: {column: userName}\n",
        "    login: {column: userName}\n    external: {column: externalId, optional: true}\n",
    );
    // What only some clients write cannot be asked of everybody.
    let document =
        document.replace("{column: displayName}", "{column: displayName, optional: true}");
    Scim::new(ingest, token(ingest, &document, "okta").await)
}

async fn run(arguments: &[&str]) -> (Output, String) {
    let mut command = Command::new(testkit::python().await);
    let output = command.args(arguments).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let erred = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said + &erred)
}

#[tokio::test]
async fn scim2_tester_finds_no_error() {
    let ingest = start().await;
    let scim = judged(&ingest).await;
    let header = format!("Authorization: Bearer {}", scim.token);

    let program = "from scim2_cli import cli; cli(prog_name='scim')";
    let (output, said) = run(&["-c", program, "-u", &scim.url, "-h", &header, "test"]).await;

    assert!(output.status.success(), "{said}");
    let checks = |word: &str| said.lines().filter(|line| line.starts_with(word)).count();
    let (passed, failed) = (checks("SUCCESS"), checks("ERROR"));
    assert_eq!((passed, failed), (71, 0), "{said}");
    ingest.stop().await;
}

#[tokio::test]
async fn scim_sanity_finds_no_failure() {
    let ingest = start().await;
    let scim = judged(&ingest).await;

    let (output, said) = run(&[
        "-m",
        "scim_sanity",
        "probe",
        &scim.url,
        "--token",
        &scim.token,
        "--i-accept-side-effects",
        "--json-output",
    ])
    .await;

    assert!(output.status.success(), "{said}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let summary = &told["summary"];
    let figure = |name: &str| summary[name].as_u64();
    let figures = ["passed", "failed", "errors", "warnings"].map(figure);
    assert_eq!(figures, [Some(18), Some(0), Some(0), Some(0)], "{said}");
    ingest.stop().await;
}

#[tokio::test]
async fn scim2_client_drives_a_joiner_a_mover_and_a_leaver() {
    let ingest = start().await;
    let scim = Scim::okta(&ingest).await;

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hris_ingest/scim/drive.py");
    let (output, said) = run(&[script, &scim.url, &scim.token]).await;

    assert!(output.status.success(), "{said}");
    let told = ingest.told().await;
    let kinds: Vec<_> = told.iter().map(|event| (event.change(), event.lane())).collect();
    assert_eq!(
        kinds,
        [
            (ChangeKind::Joined, Lane::Regular),
            (ChangeKind::Changed, Lane::Regular),
            (ChangeKind::Left, Lane::Leaver),
        ]
    );
    let department = |event: &proto::hris::v1::PersonUpdated| {
        event.slices.last().unwrap().attributes.get("department").cloned()
    };
    let text = |text: &str| Some(domain::Value::Text(text.to_owned()).into());
    assert_eq!(department(&told[0]), text("Sales"));
    assert_eq!(department(&told[1]), text("Finance"));
    ingest.stop().await;
}
