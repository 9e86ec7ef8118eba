//! What humans are to do in applications that nothing can be asked of.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use proto::provisioning::v1::TaskState;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    List(TaskList),
    /// Shows one task: what is to be done, how, and what shows that it was done
    #[command(after_help = "Examples:\n  tenure task show 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99\n")]
    Show {
        /// The task, as `tenure task list` names it.
        task: Uuid,
    },
    Done(TaskDone),
    Verify(TaskVerify),
    Reject(TaskReject),
    Assign(TaskAssign),
    Listing(TaskListing),
}

/// Lists tasks, the one that is due first first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure task list
  tenure task list --assignee facilities@company.example --overdue
  tenure task list --standing done          what waits for verification
")]
pub(crate) struct TaskList {
    /// Only of this application.
    #[arg(long)]
    pub(crate) application: Option<String>,
    /// Only what stands so [default: open, and done but not verified]
    #[arg(long, value_enum)]
    pub(crate) standing: Option<TaskStanding>,
    /// Only about this person, by id.
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<Uuid>,
    /// Only of whoever is written to here.
    #[arg(long, value_name = "MAIL")]
    pub(crate) assignee: Option<String>,
    /// Only those that were not done in time.
    #[arg(long)]
    pub(crate) overdue: bool,
}

/// Says that you did a task; somebody else verifies it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure task done 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --evidence FAC-1234 --as ada
  tenure task done 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --login 4711 --evidence 'badge handed out' --as ada
")]
pub(crate) struct TaskDone {
    /// The task.
    pub(crate) task: Uuid,
    /// What shows that it was done: a ticket, a link, a sentence, as the application's document asks for it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) evidence: String,
    /// The login that the account was made with, where it is not the one that was asked for.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) login: String,
    #[command(flatten)]
    pub(crate) said: Said,
}

/// Attests that a task was done; not by whoever did it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure task verify 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --as grace
")]
pub(crate) struct TaskVerify {
    /// The task.
    pub(crate) task: Uuid,
    #[command(flatten)]
    pub(crate) said: Said,
}

/// Gives a task back that was said to be done
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure task reject 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --note 'the door still opens' --as grace
")]
pub(crate) struct TaskReject {
    /// The task.
    pub(crate) task: Uuid,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) said: Said,
}

/// Gives a task to somebody else
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure task assign 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --to 'Eve' --mail eve@company.example
")]
pub(crate) struct TaskAssign {
    /// The task.
    pub(crate) task: Uuid,
    /// Who does it: a person or a team.
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// Where they are written to.
    #[arg(long)]
    pub(crate) mail: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
    /// Who you are [default: the user of the operating system]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Takes over a list of a manual application's accounts
///
/// It is held against what they shall be: what it shows to be done is verified, what it does not show is open
/// again, and what differs besides is drift. The list is CSV with a header: `login`, and where there are such
/// `state` (active or suspended), `entitlements` (separated by `;`), and attributes by their names. It has to
/// be whole: whoever is not in it has no account.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure task listing badges badges.csv --as ada
  export-badges | tenure task listing badges - --as ada
")]
pub(crate) struct TaskListing {
    /// The application.
    pub(crate) application: String,
    /// The list; `-` reads it from standard input.
    pub(crate) file: PathBuf,
    /// Who you are [default: the user of the operating system]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Who speaks, and of what.
#[derive(Debug, Args)]
pub(crate) struct Said {
    /// What was done, as `tenure task show` numbers it; needed once a task has changed.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    pub(crate) revision: u32,
    /// Who you are [default: the user of the operating system]
    ///
    /// The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskStanding {
    /// Somebody has to do it.
    Open,
    /// It waits for verification.
    Done,
    /// It was done.
    Verified,
    /// It was not needed any more.
    Withdrawn,
}

impl From<TaskStanding> for TaskState {
    fn from(standing: TaskStanding) -> Self {
        match standing {
            TaskStanding::Open => Self::Open,
            TaskStanding::Done => Self::Done,
            TaskStanding::Verified => Self::Verified,
            TaskStanding::Withdrawn => Self::Withdrawn,
        }
    }
}
