//! Prints who may do what at the broker and in the databases; `cargo xtask gen` keeps it in
//! `docs/access.md`, and a test tries all of it and everything else.
#![expect(clippy::print_stdout, reason = "it is run for what it prints")]

use bus::accounts::{Account, Holder, account};
use proto::catalogue::Service;

/// A source that stands for each of them.
const SOURCE: &str = "payroll";

fn main() {
    println!("# Who may do what\n");
    println!("Written by `cargo xtask gen` from `services/lib/bus/src/accounts.rs`.\n");
    println!(
        "Every program has an account of its own at the broker and a database of its own. Accounts share\n\
         nothing but what is listed here, and what is not listed is refused: other subjects, other streams'\n\
         and consumers' APIs, making, changing, emptying and deleting of streams and consumers, and reading\n\
         them by position. Permissions inside one account would be none, because whoever pulls may name any\n\
         subject for the reply ([ADR 2](adr/0002-one-nats-account-per-service.md)). `payroll` stands for any\n\
         [source](sources.md) that publishes from outside of the mesh.\n"
    );
    println!("## At the broker\n");
    println!(
        "`<stream>/<consumer>` is the right to pull, to acknowledge and to read the state of one.\n"
    );
    println!("| who | publishes | consumes | reads the state of | hears |");
    println!("| --- | --- | --- | --- | --- |");
    let sources = [SOURCE.to_owned()];
    for holder in Holder::all(&sources) {
        if holder == Holder::Owner {
            continue;
        }
        let row = Row::of(&account(&holder, &sources));
        println!(
            "| `{}` | {} | {} | {} | {} |",
            holder.user(),
            cell(&row.publishes),
            cell(&row.consumes),
            cell(&row.looks),
            cell(&row.hears)
        );
    }
    println!(
        "\nThe account `TENURE` owns the streams; its one user, `setup`, makes streams and consumers and is\n\
         used by set-up alone. Credentials end after a day and are renewed before; whoever holds an account's\n\
         signing key can give nobody more than what stands here, since the operator's signature says so.\n"
    );
    println!("## In the databases\n");
    println!("| role | database | may |\n| --- | --- | --- |");
    for service in Service::ALL {
        let database = service.database();
        let extra = match service {
            Service::Audit => ", but `events`: read and append",
            Service::HrisIngest
            | Service::PolicyEvaluation
            | Service::Provisioning
            | Service::Notification => "",
        };
        println!("| `{database}` | `{database}` | read and write rows{extra} |");
        println!("| `{database}_owner` | `{database}` | change the schema |");
    }
    println!(
        "\nNobody else may connect to a database but the server's administrator. The role that runs a service\n\
         owns nothing: days of outbox and inbox are made and dropped by two functions that run as the owner."
    );
}

#[derive(Default)]
struct Row {
    publishes: Vec<String>,
    consumes: Vec<String>,
    looks: Vec<String>,
    hears: Vec<String>,
}

impl Row {
    fn of(account: &Account) -> Self {
        let mut row = Self { hears: account.subscribe.clone(), ..Self::default() };
        for subject in &account.publish {
            let api = subject.strip_prefix("TENURE.API.");
            let consumer = api.and_then(|api| api.strip_prefix("CONSUMER.MSG.NEXT."));
            let stream = api.and_then(|api| api.strip_prefix("STREAM.INFO."));
            if let Some((stream, consumer)) = consumer.and_then(|name| name.split_once('.')) {
                row.consumes.push(format!("{stream}/{consumer}"));
            } else if let Some(stream) = stream {
                row.looks.push(stream.to_owned());
            } else if api.is_none() && !subject.starts_with("$JS.") {
                row.publishes.push(subject.clone());
            }
        }
        row
    }
}

fn cell(entries: &[String]) -> String {
    if entries.is_empty() {
        return "nothing".to_owned();
    }
    entries.iter().map(|entry| format!("`{entry}`")).collect::<Vec<_>>().join("<br>")
}
