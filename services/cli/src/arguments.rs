//! What the command line understands.

mod ask;
mod cases;
mod doors;
mod drift;
mod kin;
mod releases;
mod setup;
mod tasks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use domain::Date;
use proto::catalogue::{STREAMS, Service, stream_of};
use uuid::Uuid;

pub(crate) use ask::{At, Backtest, Explain, Match, Observe, Values};
pub(crate) use cases::{Case, CaseDecide, CaseList};
pub(crate) use doors::{SourceToken, SourceTry};
pub(crate) use drift::{Drift, DriftAdopt, DriftList, DriftRelease, DriftRepair, Undo};
pub(crate) use kin::{Merge, Split, Word};
pub(crate) use releases::{Apply, Approve, Preview, Release, name};
pub(crate) use setup::{Setup, SetupCredentials, SetupDatabases, SetupStreams, Smoke};
pub(crate) use tasks::{Task, TaskAssign, TaskDone, TaskList, TaskListing, TaskReject, TaskVerify};

use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  tenure up --detach                        start a mesh in the background
  tenure apply policies/                    activate a folder of policy documents
  tenure import staff.csv --mapping source.yaml --contract full \\
      --snapshot-date 2026-03-01 --wait     read a full file and wait for its effect
  tenure person show 'Chantria A Aaron'     what somebody holds, and why
  tenure status                             how the services are
  tenure down                               stop everything; the data stay
";

/// Automates joiners, movers and leavers: from HR records through policies to accounts.
#[derive(Debug, Parser)]
#[command(name = "tenure", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// What results look like.
    #[arg(long, short, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Folder that keeps the mesh: data, passwords, logs [default: ~/.local/state/tenure]
    ///
    /// Follows `XDG_STATE_HOME`. As root, PostgreSQL runs as nobody and must be able to enter the
    /// folder; where root's home is closed to others, the default is /var/lib/tenure.
    #[arg(long, global = true, value_name = "DIR", env = "TENURE_STATE")]
    pub(crate) state: Option<PathBuf>,
    /// Services that do not run here: hris-ingest=http://HOST:PORT,audit=…
    ///
    /// In a cluster, `kubectl port-forward` makes them reachable.
    #[arg(long, global = true, value_name = "LIST", env = "TENURE_ADDRESSES", value_parser = addresses)]
    pub(crate) addresses: Option<Addresses>,
    /// File with the token that those services want to see.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "TENURE_TOKEN_FILE",
        requires = "addresses"
    )]
    pub(crate) token_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where services are.
pub(crate) type Addresses = std::collections::BTreeMap<Service, String>;

fn addresses(list: &str) -> Result<Addresses, String> {
    list.split(',')
        .map(|entry| {
            let (name, url) = entry.split_once('=').ok_or("an entry reads SERVICE=URL")?;
            let service =
                Service::from_name(name.trim()).ok_or(format!("there is no service {name:?}"))?;
            Ok((service, url.trim().to_owned()))
        })
        .collect()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(Up),
    Down(Down),
    /// Shows the state of every service and server of the mesh
    #[command(
        after_help = "Examples:\n  tenure status\n  tenure status -o json | jq '.services[] | select(.ready | not)'\n"
    )]
    Status,
    Preview(Preview),
    Apply(Apply),
    Approve(Approve),
    /// Looks at releases, and goes back to one
    #[command(subcommand)]
    Release(Release),
    Import(Import),
    /// Looks at one person
    #[command(subcommand)]
    Person(Person),
    Explain(Explain),
    Match(Match),
    Values(Values),
    Observe(Observe),
    Backtest(Backtest),
    /// Looks at the sources of HR records, and lets them push
    #[command(subcommand)]
    Source(Source),
    /// Looks at what a human must decide, and decides it
    #[command(subcommand)]
    Case(Case),
    /// Looks at how applications differ from what they shall hold, and decides what becomes of it
    #[command(subcommand)]
    Drift(Drift),
    Undo(Undo),
    /// Looks at what humans are to do, says that it was done, and verifies it
    #[command(subcommand)]
    Task(Task),
    /// Ends somebody's access at once, before HR's records say that they leave
    #[command(subcommand)]
    Leaver(Leaver),
    Resync(Resync),
    /// Lists and replays messages that a service could not handle
    #[command(subcommand)]
    Parked(Parked),
    /// Prints the JSON Schema of policy documents, for editors
    #[command(
        after_help = "Examples:\n  tenure schema > policy.schema.json\n\nAn editor that knows the YAML language server uses it after this first line of a file:\n  # yaml-language-server: $schema=policy.schema.json\n"
    )]
    Schema,
    /// Sets up what a mesh runs on, where `tenure up` does not
    #[command(subcommand)]
    Setup(Setup),
    Smoke(Smoke),
    Demo(Demo),
    /// Prints a script that completes this command line in a shell
    #[command(
        after_help = "Examples:\n  tenure completions bash > ~/.local/share/bash-completion/completions/tenure\n  tenure completions zsh > ~/.zfunc/_tenure\n"
    )]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Starts a mesh on this machine and keeps it running
///
/// Starts a private NATS server and a private PostgreSQL, then every service as a process of its
/// own, and starts again whatever dies. Ctrl-C stops all in order; the data stay in the state
/// folder. The servers' programs are those on the PATH, else they are fetched once into a cache.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure up                     in the foreground, until Ctrl-C
  tenure up --detach            in the background, until `tenure down`
  tenure up --publisher payroll lets a source publish events over NATS
  TENURE_APP_CRM_URL=https://crm.example/scim/v2 TENURE_APP_CRM_TOKEN=... tenure up
                                applications may name these as env:TENURE_APP_CRM_URL
  TENURE_DATABASE_URL=postgres://postgres:...@db.example:5432/postgres tenure up
                                with a PostgreSQL that is there already
")]
pub(crate) struct Up {
    /// Goes on in the background once everything is ready.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Marks the process that `--detach` leaves behind.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) detached: bool,
    #[command(flatten)]
    pub(crate) launch: Launch,
}

/// What a mesh is made of.
#[derive(Debug, Clone, Args)]
pub(crate) struct Launch {
    /// Folder with the services' programs [default: where this program is]
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// NATS server to use in place of a private one.
    ///
    /// Its configuration must include the accounts that are written to secrets/nats-server/accounts.conf
    /// in the state folder.
    #[arg(long, value_name = "URL", env = "TENURE_NATS_URL", hide_env_values = true)]
    pub(crate) nats_url: Option<String>,
    /// Certificates of authorities to trust besides the system's, for a server at a tls:// URL.
    #[arg(long, value_name = "FILE", env = "TENURE_NATS_CA", requires = "nats_url")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// PostgreSQL to use in place of a private one: a superuser's address of it.
    ///
    /// Every service gets a role and a database of its own there.
    #[arg(long, value_name = "URL", env = "TENURE_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Source that may publish over NATS from outside of the mesh; may be given several times.
    ///
    /// Its credentials stand in secrets/nats-source-NAME in the state folder, and are renewed there.
    #[arg(long = "publisher", value_name = "SOURCE", value_parser = source_name)]
    pub(crate) publishers: Vec<String>,
}

fn source_name(name: &str) -> Result<String, String> {
    if proto::upstream::is_source_name(name) {
        return Ok(name.to_owned());
    }
    Err("a source has lower-case letters, digits and '-' in its name, at most 63".to_owned())
}

/// Stops the mesh that `tenure up` started
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tenure down\n  tenure --state /srv/tenure down\n")]
pub(crate) struct Down {
    /// Seconds to wait for the end.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) timeout: u16,
}

/// Reads a file of a source into hris-ingest
///
/// Rows that cannot be used are listed and left out. A file that cannot be used at all, or that is no
/// read of the whole source, is refused and changes nothing. A full file that would end, add or change
/// more people than its source allows is held: it changes nobody until two people have looked at what
/// it would do and released exactly that. Then this command ends with 3.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure import staff.csv --mapping source.yaml --contract full --snapshot-date 2026-03-01
  tenure import people.jsonl --mapping source.yaml --contract full --snapshot-date 2026-03-02 --notify
  tenure import hires.csv --mapping source.yaml --contract partial --snapshot-date 2026-03-04 --wait
  tenure import staff.csv --mapping source.yaml --contract full --snapshot-date 2026-04-01 --as ada
                                    should it be held, it takes one other person to release it
")]
pub(crate) struct Import {
    /// The file.
    pub(crate) file: PathBuf,
    /// Document of kind Source that says what the columns mean.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: PathBuf,
    /// What the file's silence about a person means.
    #[arg(long, value_enum)]
    pub(crate) contract: Contract,
    /// Day for which the file speaks.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) snapshot_date: Date,
    /// Who you are; the first of the two who release the file, should it be held.
    ///
    /// Without it, two others have to. The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Tells people also of what the first file of a source brings.
    ///
    /// What the first file says took effect before this mesh knew of it; nobody is told unless asked.
    #[arg(long)]
    pub(crate) notify: bool,
    /// Waits until all people have settled.
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contract {
    /// Who is missing has left, on the snapshot date.
    Full,
    /// Who is missing is unchanged.
    Partial,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Person {
    /// Shows a person's timeline, access with reasons, actions, and what is open
    #[command(after_help = "\
Examples:
  tenure person show 'Aaron,Chantria A|1986-01-06'     by worker id
  tenure person show aaron                             by part of the name, if only one fits
  tenure person show 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --history
  tenure person show aaron --as-of 2026-03-01          what held then, as far as was known then
  tenure person show aaron --assume department=Sales   what would be held, gained and lost
")]
    Show {
        /// A person id, a worker id or part of a name.
        query: String,
        /// Shows everything audit has recorded, too.
        #[arg(long, conflicts_with_all = ["as_of", "known_at", "assume"])]
        history: bool,
        #[command(flatten)]
        at: At,
    },
    Merge(Merge),
    Split(Split),
    /// Lets a person sign in again whom a source held for reasons of security
    ///
    /// They are held from the moment at which the source said so, whatever HR says, and no file lifts it.
    /// The next time the source says it anew, they are held again.
    #[command(after_help = "Examples:\n  tenure person lift 'Ada Lovelace'\n")]
    Lift {
        /// A person id, a worker id or part of a name.
        person: String,
        /// Does not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Lets a service tell its whole state again, after its database was restored from a backup
///
/// A restored database has forgotten what it told last. Its service gets a higher epoch, is started
/// again, and tells every subject's present state in that epoch, which beats everything it told
/// before. Nothing is told twice in one epoch, and an interruption goes on where it stopped.
///
/// A restored service has also forgotten what it heard. Let those it hears from tell theirs again as
/// well: policy-evaluation hears from hris-ingest, provisioning from policy-evaluation.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure resync hris-ingest            its database was restored
  tenure resync policy-evaluation --wait && tenure resync provisioning --wait
                                       provisioning's was: it has to hear again what shall hold
")]
pub(crate) struct Resync {
    /// hris-ingest, policy-evaluation or provisioning; audit tells nothing.
    #[arg(value_parser = service)]
    pub(crate) service: Service,
    /// Waits until everything was told.
    #[arg(long)]
    pub(crate) wait: bool,
}

fn service(name: &str) -> Result<Service, String> {
    Service::from_name(name).filter(|service| stream_of(*service).is_some()).ok_or_else(|| {
        let names: Vec<&str> = STREAMS.iter().map(|row| row.publisher.as_str()).collect();
        format!("no service of that name tells anything; these do: {}", names.join(", "))
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Source {
    /// Lists the sources, the day for which each speaks, and how its last run ended
    #[command(after_help = "Examples:\n  tenure source list\n")]
    List,
    /// Lists the files that were read, the latest first
    #[command(
        after_help = "Examples:\n  tenure source runs\n  tenure source runs city-workforce --limit 5\n"
    )]
    Runs {
        /// Only of this source.
        source: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Lists the runs that are held because they exceed a limit of their source
    #[command(
        after_help = "Examples:\n  tenure source held\n  tenure source held city-workforce\n"
    )]
    Held {
        /// Only of this source.
        source: Option<String>,
    },
    /// Shows what a held run would change, by group, and which limits it exceeds
    ///
    /// Groups are the values of the attribute that the mapping names as `limits.group_by`; unless it
    /// does, of `department` or `agency`. The group in which nearly everybody leaves tells the cause: a
    /// programme that has ended, or a filter that was left on.
    #[command(after_help = "\
Examples:
  tenure source show 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99
  tenure source show 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 -o json | jq '.groups[] | select(.exceeded)'
")]
    Show {
        /// The run.
        run: Uuid,
    },
    Release(SourceRelease),
    /// Gives a held run up: what is held of it changes nobody
    #[command(
        after_help = "Examples:\n  tenure source discard 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99 --as grace\n"
    )]
    Discard {
        /// The run.
        run: Uuid,
        /// Who you are [default: the user of the operating system]
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
    },
    Try(SourceTry),
    /// Checks a document of kind Source, and keeps it for what the source pushes from then on
    #[command(
        after_help = "Examples:\n  tenure source apply okta.yaml\n\nEvery problem of a document is told, and one with problems changes nothing.\n"
    )]
    Apply {
        /// The document.
        file: PathBuf,
    },
    /// Makes, lists and revokes the tokens by which a source may push
    #[command(subcommand)]
    Token(SourceToken),
}

/// Gives one of the two words that let a held run be applied
///
/// It takes two people, who each name the hash of what they have looked at. The first one's word is kept,
/// the second one's applies the run, and the command follows it to its end. When something was learnt of
/// these people meanwhile, the hash is another one, and the difference is to be looked at again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure source release RUN --hash 5d1c... --as ada      the first word
  tenure source release RUN --hash 5d1c... --as grace    the second: the run is applied
  tenure source release RUN --hash 5d1c... --as ada --group 'Youth Summer'
                                                         these people alone; the rest stays held
")]
pub(crate) struct SourceRelease {
    /// The run.
    pub(crate) run: Uuid,
    /// What `tenure source show` has shown the difference under.
    #[arg(long)]
    pub(crate) hash: String,
    /// Who you are [default: the user of the operating system]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only people of this group; may stand several times. Both people name the same ones.
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Leaver {
    /// Ends every engagement of a person at this instant
    ///
    /// Later files of HR do not lift it; `tenure leaver withdraw` does.
    #[command(
        after_help = "Examples:\n  tenure leaver now 'Ada Lovelace'\n  tenure leaver now E-1007 --yes\n"
    )]
    Now {
        /// A person id, a worker id or part of a name.
        person: String,
        /// Does not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Takes back what `tenure leaver now` did: HR's dates count alone
    #[command(after_help = "Examples:\n  tenure leaver withdraw 'Ada Lovelace'\n")]
    Withdraw {
        /// A person id, a worker id or part of a name.
        person: String,
        /// Does not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Parked {
    /// Lists parked messages and why they are parked
    #[command(
        after_help = "Examples:\n  tenure parked list\n  tenure parked list -o json | jq '.[] | .reason'\n"
    )]
    List,
    /// Hands parked messages to their handlers again, all of them unless some are named
    #[command(
        after_help = "Examples:\n  tenure parked replay\n  tenure parked replay 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99\n"
    )]
    Replay {
        /// Ids of events.
        #[arg(value_name = "ID")]
        ids: Vec<Uuid>,
    },
}

/// Takes a sample workforce through a mesh into sandbox applications, and checks the result
///
/// Everything runs in a temporary folder and is stopped at the end. The last line of the result is
/// `differences: N`, as an independent calculation finds them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure demo --sample deploy/sample/city-workforce --verify tests/verify/verify.py
  tenure demo --sample deploy/sample/city-workforce --verify tests/verify/verify.py --people 500 --keep
")]
pub(crate) struct Demo {
    /// Folder with city-workforce/ and small-company/.
    #[arg(long, value_name = "DIR")]
    pub(crate) samples: PathBuf,
    /// Script that calculates what the applications shall hold, and compares.
    #[arg(long, value_name = "FILE")]
    pub(crate) verify: PathBuf,
    /// Python that runs it.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub(crate) python: PathBuf,
    /// Script of a mail server that takes what people are told, run by the same Python.
    #[arg(long, value_name = "FILE")]
    pub(crate) mail_server: PathBuf,
    /// OpenLDAP's client; with it a directory takes part, for which `slapd` is fetched.
    #[arg(long, value_name = "FILE")]
    pub(crate) ldapsearch: Option<PathBuf>,
    /// Keeps the temporary folder: logs, data.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Takes only the first rows of the city's files.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) people: Option<usize>,
    #[command(flatten)]
    pub(crate) launch: Launch,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_output_format_may_stand_anywhere() {
        let arguments = Arguments::parse_from(["tenure", "parked", "list", "--output", "json"]);

        assert_eq!(arguments.output, Format::Json);
    }
}
