//! One file per command.

mod answers;
mod apply;
mod approve;
mod ask;
mod case;
mod demo;
mod down;
mod drift;
mod import;
mod kin;
mod leaver;
mod parked;
mod person;
mod preview;
mod release;
mod resync;
mod settle;
mod setup;
mod smoke;
mod source;
mod status;
mod task;
mod up;

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::arguments::{
    Arguments, Case, Command, Drift, Leaver, Parked, Person, Release, Source, SourceToken,
};
use crate::launcher::{Elsewhere, StateDir};
use crate::output::Output;

/// Does what one command says.
pub(crate) async fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let elsewhere = arguments
        .addresses
        .map(|urls| Elsewhere { urls, token_file: arguments.token_file.clone() });
    let state = StateDir::find(arguments.state)?.speaking_to(elsewhere);
    match arguments.command {
        Command::Up(up) => Box::pin(up::run(up, state, output)).await,
        Command::Down(down) => down::run(&down, &state, output).await,
        Command::Status => status::run(&state, output).await,
        Command::Preview(preview) => Box::pin(preview::run(&preview, &state, output)).await,
        Command::Apply(apply) => Box::pin(apply::run(&apply, &state, output)).await,
        Command::Approve(approve) => approve::run(&approve, &state, output).await,
        Command::Release(Release::List { limit }) => release::list(limit, &state, output).await,
        Command::Release(Release::Show { release }) => release::show(release, &state, output).await,
        Command::Release(Release::Apply { release, author }) => {
            Box::pin(apply::back(release, author.told(), &state, output)).await
        }
        Command::Import(import) => Box::pin(import::run(&import, &state, output)).await,
        Command::Person(Person::Show { query, history: _, at }) if at.is_given() => {
            Box::pin(ask::show(&query, &at, &state, output)).await
        }
        Command::Explain(explain) => Box::pin(ask::explain(&explain, &state, output)).await,
        Command::Match(asked) => Box::pin(ask::matching(&asked, &state, output)).await,
        Command::Values(asked) => Box::pin(ask::values(&asked, &state, output)).await,
        Command::Observe(asked) => Box::pin(ask::observe(&asked, &state, output)).await,
        Command::Backtest(asked) => Box::pin(ask::backtest(&asked, &state, output)).await,
        Command::Person(Person::Show { query, history, at: _ }) => {
            Box::pin(person::show(&query, history, &state, output)).await
        }
        Command::Source(Source::List) => source::list(&state, output).await,
        Command::Source(Source::Runs { source, limit }) => {
            source::runs(source.as_deref(), limit, &state, output).await
        }
        Command::Source(Source::Held { source }) => {
            source::held::list(source.as_deref(), &state, output).await
        }
        Command::Source(Source::Show { run }) => source::held::show(run, &state, output).await,
        Command::Source(Source::Release(release)) => {
            Box::pin(source::held::release(&release, &state, output)).await
        }
        Command::Source(Source::Discard { run, name }) => {
            source::held::discard(run, name.as_deref(), &state, output).await
        }
        Command::Source(Source::Try(tried)) => {
            Box::pin(source::tried::run(&tried, &state, output)).await
        }
        Command::Source(Source::Apply { file }) => source::door::apply(&file, &state, output).await,
        Command::Source(Source::Token(SourceToken::Create { source })) => {
            source::door::create_token(&source, &state, output).await
        }
        Command::Source(Source::Token(SourceToken::List { source })) => {
            source::door::list_tokens(&source, &state, output).await
        }
        Command::Source(Source::Token(SourceToken::Revoke { source, id })) => {
            source::door::revoke_token(&source, id, &state, output).await
        }
        Command::Person(Person::Lift { person, yes }) => {
            Box::pin(leaver::lift(&person, yes, &state, output)).await
        }
        Command::Person(Person::Merge(merge)) => Box::pin(kin::merge(&merge, &state, output)).await,
        Command::Person(Person::Split(split)) => Box::pin(kin::split(&split, &state, output)).await,
        Command::Case(Case::List(asked)) => case::list(&asked, &state, output).await,
        Command::Case(Case::Show { case }) => case::show(case, &state, output).await,
        Command::Case(Case::Decide(decide)) => case::decide(&decide, &state, output).await,
        Command::Drift(Drift::Applications) => drift::applications(&state, output).await,
        Command::Drift(Drift::List(asked)) => drift::list(&asked, &state, output).await,
        Command::Drift(Drift::Adopt(adopt)) => drift::adopt(&adopt, &state, output).await,
        Command::Drift(Drift::Repair(repair)) => drift::repair(&repair, &state, output).await,
        Command::Drift(Drift::Read { application }) => {
            drift::read(&application, &state, output).await
        }
        Command::Drift(Drift::Release(release)) => drift::release(&release, &state, output).await,
        Command::Drift(Drift::Readings { application, limit }) => {
            drift::readings(application.as_deref(), limit, &state, output).await
        }
        Command::Task(asked) => task::run(asked, &state, output).await,
        Command::Undo(undo) => drift::undo(&undo, &state, output).await,
        Command::Leaver(Leaver::Now { person, yes }) => {
            Box::pin(leaver::now(&person, yes, &state, output)).await
        }
        Command::Leaver(Leaver::Withdraw { person, yes }) => {
            Box::pin(leaver::withdraw(&person, yes, &state, output)).await
        }
        Command::Resync(resync) => resync::run(&resync, &state, output).await,
        Command::Parked(Parked::List) => parked::list(&state, output).await,
        Command::Parked(Parked::Replay { ids }) => parked::replay(&ids, &state, output).await,
        Command::Schema => {
            output.print(&rules::document::json_schema(), |schema| format!("{schema:#}"))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Setup(asked) => Box::pin(setup::run(&asked, output)).await,
        Command::Smoke(smoke) => Box::pin(smoke::run(&smoke, &state, output)).await,
        Command::Demo(demo) => Box::pin(demo::run(demo, output)).await,
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "tenure", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
