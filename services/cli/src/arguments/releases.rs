//! Previewing, applying and approving releases.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::policy::v1::ReleaseAuthor;

/// Who does it, and why.
#[derive(Debug, Clone, Args)]
pub(crate) struct Author {
    /// Who you are [default: the user of the operating system]
    ///
    /// The mesh has no sign-in yet: it keeps this name, and believes it.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Why; it is kept with the release.
    #[arg(long, short, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) message: String,
    /// Where the documents come from, such as a commit.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) revision: String,
}

impl Author {
    pub(crate) fn told(&self) -> ReleaseAuthor {
        ReleaseAuthor {
            name: name(self.name.as_deref()),
            message: self.message.clone(),
            revision: self.revision.clone(),
        }
    }
}

/// Who acts: as was said, else the user of the operating system.
pub(crate) fn name(given: Option<&str>) -> String {
    let user = || ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    given.map(str::to_owned).or_else(user).unwrap_or_else(|| "unknown".to_owned())
}

/// Shows what would change for whom, and changes nothing
///
/// Compares the documents given with the active release, finds everybody whom the difference may
/// concern, and works out what they hold before and after, at this instant. The hash at the end stands
/// for exactly this gain and loss; `tenure apply --preview HASH` applies it or says what has moved.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure preview -f policies/
  tenure preview -f policies/ --people 100 -o json | jq '.groups'
  tenure preview --release 3            what going back to release 3 would change
")]
pub(crate) struct Preview {
    /// YAML files, or folders of them; together they are the whole release.
    #[arg(long = "file", short = 'f', value_name = "PATH", required_unless_present = "release")]
    pub(crate) paths: Vec<PathBuf>,
    /// The documents of an earlier release.
    #[arg(long, value_name = "NUMBER", conflicts_with = "paths")]
    pub(crate) release: Option<u64>,
    /// How many people are shown one by one; all others are counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) people: u32,
    #[command(flatten)]
    pub(crate) author: Author,
}

/// Checks policy documents and activates them as a release
///
/// The documents given are the whole release: what is not among them ends. If one of them has a
/// problem, all problems are listed and nothing changes. The change is previewed on the way: above the
/// limits of the release that is active it is held until somebody else has approved it. The first
/// release of all passes: it takes nothing from anybody.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure apply policies/ --message 'Engineers get the tracker' --revision 4f2a91c
  tenure apply --preview 5d1c...         exactly what was previewed
  tenure apply --release 3 --wait        back to release 3, under another number
")]
pub(crate) struct Apply {
    /// YAML files, or folders of them.
    #[arg(value_name = "PATH", required_unless_present_any = ["preview", "release"])]
    pub(crate) paths: Vec<PathBuf>,
    /// Applies what `tenure preview` has shown under this hash, or nothing.
    #[arg(long, value_name = "HASH", conflicts_with_all = ["paths", "release"])]
    pub(crate) preview: Option<String>,
    /// Goes back to an earlier release.
    #[arg(long, value_name = "NUMBER", conflicts_with = "paths")]
    pub(crate) release: Option<u64>,
    /// Waits until everybody is evaluated with it.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) author: Author,
}

/// Approves a previewed change that is above the limits, as a second person
///
/// The approval is for exactly this preview. Whoever made the preview cannot approve it, and who
/// approves it cannot be who applies it. The mesh has no sign-in yet: it believes the names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tenure approve 5d1c... --as grace\n")]
pub(crate) struct Approve {
    /// The preview's hash.
    pub(crate) hash: String,
    /// Who you are [default: the user of the operating system]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

impl Approve {
    pub(crate) fn name(&self) -> String {
        name(self.name.as_deref())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Release {
    /// Lists the releases, by whom, why and from where
    #[command(after_help = "Examples:\n  tenure release list --limit 5\n")]
    List {
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Shows how a release came about, and its documents
    #[command(
        after_help = "Examples:\n  tenure release show 3\n  tenure release show 3 -o json | jq '.documents[].content'\n"
    )]
    Show {
        /// The number.
        release: u64,
    },
    /// Goes back to an earlier release: its documents under another number
    #[command(after_help = "Examples:\n  tenure release apply 3 --message 'Back to before'\n")]
    Apply {
        /// The number.
        release: u64,
        #[command(flatten)]
        author: Author,
    },
}
