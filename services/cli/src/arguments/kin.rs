//! Two ids of one human, and one id of two.

use clap::Args;
use uuid::Uuid;

/// Says that two people are one human, and gives one of them what is the other's
///
/// Without `--hash` it only shows what the merge would come to. The first id stays, with its accounts; accounts
/// that only the second one has become the first one's, untouched. Where both have one, the first one's goes on
/// and the second one's is closed, and kept. The second id stands for the first from then on. `tenure person
/// split` undoes it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure person merge 'Ada Lovelace' E-4711                     what it would come to, and its hash
  tenure person merge 'Ada Lovelace' E-4711 --hash 5d1c... --as grace --note 'same passport'
")]
pub(crate) struct Merge {
    /// Who stays: a person id, a worker id or part of a name.
    pub(crate) survivor: String,
    /// Who is the same human.
    pub(crate) retired: String,
    #[command(flatten)]
    pub(crate) word: Word,
}

/// Says that one person is two humans, and gives one of them what is theirs
///
/// Without `--hash` it only shows what the split would come to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure person split 'Ada Lovelace' --merged 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99
                                       undoes a merge: that id has its own again
  tenure person split 'Ada Lovelace' --worker payroll/E-4711
                                       the worker is somebody else, who is new
")]
pub(crate) struct Split {
    /// A person id, a worker id or part of a name.
    pub(crate) person: String,
    /// The id that was merged into them.
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "workers",
        required_unless_present = "workers"
    )]
    pub(crate) merged: Option<Uuid>,
    /// A worker who is somebody else, as source/worker id; several are one human.
    #[arg(long = "worker", value_name = "SOURCE/ID", value_parser = worker)]
    pub(crate) workers: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) word: Word,
}

/// Who decides exactly what was shown.
#[derive(Debug, Args)]
pub(crate) struct Word {
    /// What it was shown under; without it nothing is changed.
    #[arg(long)]
    pub(crate) hash: Option<String>,
    /// Who you are [default: the user of the operating system]
    ///
    /// The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Why; it is kept beside the decision.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
}

fn worker(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((source, worker_id)) if !source.is_empty() && !worker_id.is_empty() => {
            Ok((source.to_owned(), worker_id.to_owned()))
        }
        Some(_) | None => Err("is no worker: say it as source/worker id".to_owned()),
    }
}
