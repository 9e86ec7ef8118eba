//! What humans must decide.

use clap::{Args, Subcommand, ValueEnum};
use proto::hris::v1::{CaseKind, CaseOutcome};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum Case {
    List(CaseList),
    /// Shows a case: whom it may concern, and what speaks for and against, side by side
    #[command(after_help = "Examples:\n  tenure case show 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99\n")]
    Show {
        /// The case.
        case: Uuid,
    },
    Decide(CaseDecide),
}

/// Lists what waits for a decision, the oldest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure case list
  tenure case list --kind recycled-worker-id --source payroll
  tenure case list --all -o json | jq '.[] | select(.closed_by == \"grace\")'
")]
pub(crate) struct CaseList {
    /// Only of this kind.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// Only of this source.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Only those that concern this person, by id.
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<Uuid>,
    /// Closed ones, too.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Decides a case; what follows from it happens at once
///
/// `tenure case show` says which answers a case knows, and the hash of what speaks for and against. A
/// decision counts for exactly what was looked at: should something else speak by then, it is refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure case decide 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 dismiss --hash 5d1c... --as grace \\
      --note 'payroll corrects the number'
")]
pub(crate) struct CaseDecide {
    /// The case.
    pub(crate) case: Uuid,
    /// The decision.
    #[arg(value_enum)]
    pub(crate) answer: Answer,
    /// What `tenure case show` has shown the case under.
    #[arg(long)]
    pub(crate) hash: String,
    /// Whom `same` means, by id, where the case asks about several.
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<Uuid>,
    /// Who you are [default: the user of the operating system]
    ///
    /// The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Why; it is kept with the case.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
}

/// What a case asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    UncertainMatch,
    RecycledWorkerId,
    NotRehirable,
    Conflict,
    MissingWorker,
    UnknownValue,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answer {
    /// It is the person asked about.
    Same,
    /// It is nobody of those asked about.
    Other,
    /// What was asked about may happen.
    Allow,
    /// It may not.
    Refuse,
    /// It was looked at, and nothing follows here.
    Dismiss,
}

impl From<Kind> for CaseKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::UncertainMatch => Self::UncertainMatch,
            Kind::RecycledWorkerId => Self::RecycledWorkerId,
            Kind::NotRehirable => Self::NotRehirable,
            Kind::Conflict => Self::Conflict,
            Kind::MissingWorker => Self::MissingWorker,
            Kind::UnknownValue => Self::UnknownValue,
        }
    }
}

impl From<Answer> for CaseOutcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Same => Self::Same,
            Answer::Other => Self::Other,
            Answer::Allow => Self::Allow,
            Answer::Refuse => Self::Refuse,
            Answer::Dismiss => Self::Dismiss,
        }
    }
}
