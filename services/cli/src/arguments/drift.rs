//! How applications differ from what they shall hold.

use clap::{Args, Subcommand, ValueEnum};
use domain::Date;
use proto::provisioning::v1::{DriftKind, DriftState};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum Drift {
    /// Lists the applications that are watched, when each was read, and what differs there
    #[command(
        after_help = "Examples:\n  tenure drift applications\n  tenure drift applications -o json | jq '.[] | select(.held != null)'\n"
    )]
    Applications,
    List(DriftList),
    Adopt(DriftAdopt),
    Repair(DriftRepair),
    /// Has an application read as a whole as soon as possible
    #[command(after_help = "Examples:\n  tenure drift read directory\n")]
    Read {
        /// The application.
        application: String,
    },
    Release(DriftRelease),
    /// Lists what readings of applications came to, the latest first
    #[command(
        after_help = "Examples:\n  tenure drift readings\n  tenure drift readings --application directory --limit 5\n"
    )]
    Readings {
        /// Only of this application.
        #[arg(long)]
        application: Option<String>,
        /// So many at most.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
}

/// Takes back what the repairs of a reading changed
///
/// Shows first what it comes to, under a hash; with that hash, does it. What is as it was found again stands
/// under your name as adopted. What was more than standard is listed, and comes back when somebody adopts it.
/// Accounts that were made or closed for nobody stay as they are.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure undo 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99
  tenure undo 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --hash 5d1c... --as grace
")]
pub(crate) struct Undo {
    /// The reading, as `tenure drift readings` lists it.
    pub(crate) reading: Uuid,
    /// What the undoing has been shown under.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) hash: String,
    /// Who you are [default: the user of the operating system]
    ///
    /// The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Lists how applications differ from what they shall hold, the oldest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure drift list
  tenure drift list --application directory --kind orphaned-account
  tenure drift list --standing closed -o json
")]
pub(crate) struct DriftList {
    /// Only of this application.
    #[arg(long)]
    pub(crate) application: Option<String>,
    /// Only of this kind.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// Only what stands so [default: all but what is ignored or closed]
    #[arg(long, value_enum)]
    pub(crate) standing: Option<Standing>,
    /// Only of this person, by id.
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<Uuid>,
}

/// Leaves a difference as it is, under somebody's name
///
/// It is listed as adopted, and nothing undoes it until the time is over or the person leaves.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure drift adopt 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --owner 'Grace Hopper' --until 2026-12-31
  tenure drift adopt 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --owner operations --note 'runs the backup'
")]
pub(crate) struct DriftAdopt {
    /// The difference.
    pub(crate) drift: Uuid,
    /// Who answers for it: a person or a team.
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    /// The last day, in UTC [default: for good]
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
    #[command(flatten)]
    pub(crate) decided: Decided,
}

/// Makes one difference be as it shall be
///
/// What you choose one by one is done at once; the breaker looks at what documents have repaired.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure drift repair 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --as grace
")]
pub(crate) struct DriftRepair {
    /// The difference.
    pub(crate) drift: Uuid,
    #[command(flatten)]
    pub(crate) decided: Decided,
}

/// Who decides, and why.
#[derive(Debug, Args)]
pub(crate) struct Decided {
    /// Who you are [default: the user of the operating system]
    ///
    /// The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Why; it is kept with the difference.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
}

/// Lets repairs go that the breaker holds; two people have to ask for it
///
/// `tenure drift applications` shows which limits are exceeded, and the hash of exactly these repairs. Should
/// a later reading find something else, other repairs are held, under another hash.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure drift release directory --hash 5d1c... --as grace
")]
pub(crate) struct DriftRelease {
    /// The application.
    pub(crate) application: String,
    /// What `tenure drift applications` has shown the repairs under.
    #[arg(long)]
    pub(crate) hash: String,
    /// Who you are [default: the user of the operating system]
    ///
    /// The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// A way in which an application differs from what it shall hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Somebody has an account who shall have none.
    UnmanagedAccount,
    /// An account is gone that somebody shall have.
    MissingAccount,
    /// An account can be used that shall be closed.
    WronglyEnabled,
    /// An account is closed that shall be usable.
    WronglyDisabled,
    /// One person has several accounts.
    SeveralAccounts,
    /// One account is several people's.
    SeveralPeople,
    /// An account is nobody's.
    OrphanedAccount,
    /// An account holds what nobody asked for.
    UnmanagedGrant,
    /// An account does not hold what it shall.
    MissingGrant,
    /// An attribute has another value.
    AttributeDiffers,
}

/// Where a difference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Standing {
    /// Left as it is until somebody decides.
    Reported,
    /// Left as it is, and not listed otherwise.
    Ignored,
    /// Taken back when its grace is over.
    Grace,
    /// Its repair waits for the breaker.
    Waiting,
    /// It is being made to be as it shall be.
    Repairing,
    /// Somebody answers for it.
    Adopted,
    /// It is no more.
    Closed,
}

impl From<Kind> for DriftKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::UnmanagedAccount => Self::UnmanagedAccount,
            Kind::MissingAccount => Self::MissingAccount,
            Kind::WronglyEnabled => Self::WronglyEnabled,
            Kind::WronglyDisabled => Self::WronglyDisabled,
            Kind::SeveralAccounts => Self::SeveralAccounts,
            Kind::SeveralPeople => Self::SeveralPeople,
            Kind::OrphanedAccount => Self::OrphanedAccount,
            Kind::UnmanagedGrant => Self::UnmanagedGrant,
            Kind::MissingGrant => Self::MissingGrant,
            Kind::AttributeDiffers => Self::AttributeDiffers,
        }
    }
}

impl From<Standing> for DriftState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Reported => Self::Reported,
            Standing::Ignored => Self::Ignored,
            Standing::Grace => Self::Grace,
            Standing::Waiting => Self::Waiting,
            Standing::Repairing => Self::Repairing,
            Standing::Adopted => Self::Adopted,
            Standing::Closed => Self::Closed,
        }
    }
}
