//! `tenure backtest`.

use std::process::ExitCode;

use anyhow::Context as _;
use proto::policy::v1::{BacktestDocumentsRequest, BacktestFigures, BacktestReport};
use serde_json::{Value, json};

use super::{refused, share};
use crate::arguments::Backtest;
use crate::client::read_documents;
use crate::launcher::StateDir;
use crate::output::{Output, grouped, table};
use crate::progress::Progress;

pub(crate) async fn run(
    asked: &Backtest,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &asked.paths {
        files.extend(read_documents(path)?);
    }
    let mesh = state.mesh()?;
    let request = BacktestDocumentsRequest {
        files,
        from: Some(asked.from.into()),
        to: Some(asked.to.into()),
        every_days: asked.every,
        regret_days: asked.regret,
    };
    let answer = mesh.policy()?.backtest_documents(request).await.map_err(refused)?;
    let mut messages = answer.into_inner();
    let mut progress = Progress::new();
    let mut report = None;
    while let Some(message) = messages.message().await.map_err(refused)? {
        progress.show("testing", message.done, message.people, "");
        report = message.report.or(report);
    }
    progress.finish();
    let report = report.context("policy-evaluation ended the back-test without a report")?;
    output.print(&report_json(&report), |_result| rendered(&report))?;
    Ok(ExitCode::SUCCESS)
}

fn rendered(report: &BacktestReport) -> String {
    let total = report.total.clone().unwrap_or_default();
    let summary = format!(
        "{} people at {} instants: {} of what was held is covered",
        grouped(report.people),
        report.samples,
        share(total.covered_days, total.held_days),
    );
    let all = BacktestFigures { name: "all".to_owned(), ..total };
    let applications =
        table(&header("application"), report.applications.iter().chain([&all]).map(row));
    let policies = table(&header("policy"), report.policies.iter().map(row));
    format!(
        "{summary}; figures are days on which a person holds an entitlement\n\n{applications}\n\n\
         {policies}"
    )
}

fn header(of: &str) -> [&str; 8] {
    [of, "held ", "granted ", "covered ", "excess ", "gap ", "taken ", "regretted "]
}

fn row(figures: &BacktestFigures) -> Vec<String> {
    let numbers = [
        figures.held_days,
        figures.granted_days,
        figures.covered_days,
        figures.excess_days,
        figures.gap_days,
        figures.revocations,
        figures.regrets,
    ];
    let mut row = vec![figures.name.clone()];
    row.extend(numbers.map(grouped));
    row
}

fn report_json(report: &BacktestReport) -> Value {
    json!({
        "samples": report.samples,
        "people": report.people,
        "total": report.total.as_ref().map(figures_json),
        "policies": report.policies.iter().map(figures_json).collect::<Vec<_>>(),
        "applications": report.applications.iter().map(figures_json).collect::<Vec<_>>(),
    })
}

fn figures_json(figures: &BacktestFigures) -> Value {
    json!({
        "name": figures.name,
        "held_days": figures.held_days,
        "granted_days": figures.granted_days,
        "covered_days": figures.covered_days,
        "excess_days": figures.excess_days,
        "gap_days": figures.gap_days,
        "revocations": figures.revocations,
        "regrets": figures.regrets,
    })
}
