//! What a mesh that others run is set up with.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::source_name;

/// Where a pod finds the files of its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[derive(Debug, Subcommand)]
pub(crate) enum Setup {
    Credentials(SetupCredentials),
    Databases(SetupDatabases),
    Streams(SetupStreams),
}

/// Makes keys, credentials, certificates and passwords, and renews those that end soon
///
/// What is there and good stays as it is, so this may run every hour. Each secret is a folder of files,
/// or a Secret of Kubernetes with the same files: nats-server (accounts.conf and a certificate),
/// database-server (a certificate), nats-SERVICE and nats-setup (nats.creds, ca.crt), database-SERVICE and
/// database-SERVICE-owner (password), operators (token), and keys, which nothing but this command reads.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure setup credentials --folder /etc/tenure/secrets --server-name nats.example.com
  tenure setup credentials --kubernetes --prefix rel-tenure --server-name rel-tenure-nats
")]
pub(crate) struct SetupCredentials {
    /// Folder to keep the secrets in.
    #[arg(long, value_name = "DIR", required_unless_present = "kubernetes")]
    pub(crate) folder: Option<PathBuf>,
    /// Keeps them as Secrets of Kubernetes, as the service account of the pod that this runs in.
    #[arg(long, conflicts_with = "folder", requires = "prefix")]
    pub(crate) kubernetes: bool,
    /// What the names of the Secrets begin with; a hyphen follows.
    #[arg(long)]
    pub(crate) prefix: Option<String>,
    /// Namespace of the Secrets [default: the pod's own]
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// Folder with the files of the service account.
    #[arg(long, value_name = "DIR", default_value = ACCOUNT, hide = true)]
    pub(crate) service_account: PathBuf,
    /// Hours for which credentials of NATS count; they are renewed after half of them.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=8760))]
    pub(crate) hours: u16,
    /// Name or address under which the servers are reached; may be given several times.
    #[arg(long = "server-name", value_name = "NAME")]
    pub(crate) server_names: Vec<String>,
    /// Source that may publish over NATS from outside of the mesh; may be given several times.
    #[arg(long = "source", value_name = "NAME", value_parser = source_name)]
    pub(crate) sources: Vec<String>,
}

/// Makes the database of each service, and its two roles
///
/// One role owns the database and brings its schema up to date, the other one runs the service and owns
/// nothing. What is there is brought up to date, passwords included.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure setup databases --url 'postgres://postgres@db:5432/postgres?sslmode=verify-full' \\
      --password-file admin-password --secrets /etc/tenure/secrets
")]
pub(crate) struct SetupDatabases {
    /// A superuser's address of PostgreSQL.
    #[arg(long, env = "TENURE_DATABASE_URL", hide_env_values = true)]
    pub(crate) url: String,
    /// File with the superuser's password.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Folder with the passwords of the roles: database-SERVICE/password and database-SERVICE-owner/password.
    #[arg(long, value_name = "DIR")]
    pub(crate) secrets: PathBuf,
    /// Seconds to wait for a server that is not there yet.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) timeout: u16,
}

/// Makes every stream and consumer of the mesh, or brings them up to date
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure setup streams --nats-url tls://nats:4222 --credentials nats-setup/nats.creds \\
      --ca-file nats-setup/ca.crt --replicas 3
")]
pub(crate) struct SetupStreams {
    /// The NATS server.
    #[arg(long, value_name = "URL", env = "TENURE_NATS_URL", hide_env_values = true)]
    pub(crate) nats_url: String,
    /// Credentials of the account that owns the streams.
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: PathBuf,
    /// Certificates of authorities to trust besides the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Copies of each stream in the cluster.
    #[arg(long, default_value_t = 1, value_parser = replicas)]
    pub(crate) replicas: usize,
    /// Bytes of one stream at most; what is published beyond waits with its publisher.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub(crate) bytes_max: i64,
    /// Seconds to wait for a server that is not there yet.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) timeout: u16,
}

/// Sends a person who does not exist through all services, and waits until it is on record
///
/// The person worked for one day, long ago, so no policy gives them anything, and no application hears
/// of them. It ends with 1 if the record is not complete in time, and says what is missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure smoke
  TENURE_ADDRESSES=hris-ingest=http://127.0.0.1:9090,audit=http://127.0.0.1:9091 tenure smoke
")]
pub(crate) struct Smoke {
    /// Seconds to wait for the record.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u16,
}

fn replicas(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        "5" => Ok(5),
        _other => Err("a stream has 1, 3 or 5 copies".to_owned()),
    }
}
