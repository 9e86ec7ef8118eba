//! What must hold after a death: everybody has exactly what the policies say, once.

use std::collections::{BTreeMap, BTreeSet};

use mesh_tests::processes::{APPLICATIONS, Account};
use proto::catalogue::Service;
use testkit::Mail;
use tokio::process::Command;

use crate::town::{Counts, Town};

/// What was found after a death.
#[derive(Debug)]
pub(crate) struct Findings {
    /// What an independent calculation finds wrong in the applications.
    pub(crate) differences: u64,
    /// Accounts and notices that one person has twice.
    pub(crate) twice: u64,
    /// Events that were delivered although they had been handled.
    pub(crate) came_again: u64,
    /// Messages that wait for an operator.
    pub(crate) parked: u64,
    /// What the calculation printed.
    told: String,
}

impl Findings {
    pub(crate) fn are_good(&self) -> bool {
        let good = self.differences == 0 && self.twice == 0 && self.parked == 0;
        if !good {
            eprintln!("{}", self.told);
        }
        good
    }
}

pub(crate) async fn everything(town: &Town, before: &Counts) -> Findings {
    let (differences, told) = differences(town).await;
    Findings {
        differences,
        twice: accounts_twice(town).await + notices_twice(town).await,
        came_again: came_again(&before.duplicates, &town.duplicates().await),
        parked: parked(town).await,
        told,
    }
}

/// Contents beyond the first under one Message-ID, Message-IDs beyond the first for one notice, and
/// lines beyond the notices that notification says it has sent.
async fn notices_twice(town: &Town) -> u64 {
    let mut contents: BTreeMap<String, BTreeSet<Mail>> = BTreeMap::new();
    let mut carried_by: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for mail in town.mail.received() {
        for notice in notices(&mail) {
            let messages = carried_by.entry((mail.to.join(","), notice)).or_default();
            messages.insert(mail.message_id.clone());
        }
        contents.entry(mail.message_id.clone()).or_default().insert(mail);
    }
    let told: usize =
        contents.values().filter_map(BTreeSet::first).map(|mail| notices(mail).len()).sum();
    let contents: usize = contents.values().map(|contents| contents.len() - 1).sum();
    let messages: usize = carried_by.values().map(|messages| messages.len() - 1).sum();
    let beyond = u64::try_from(told).unwrap().saturating_sub(town.notices().await.sent);
    u64::try_from(contents + messages).unwrap() + beyond
}

/// The lines of a digest; of any other message its subject and its last line, which says in what
/// role its reader is told.
fn notices(mail: &Mail) -> Vec<String> {
    // Others list accounts in such lines.
    if !mail.subject.ends_with(" notices about people") {
        let last = mail.text.trim_end().lines().next_back().unwrap_or_default();
        return vec![format!("{}\n{last}", mail.subject)];
    }
    mail.text.lines().filter(|line| line.starts_with("- ")).map(str::to_owned).collect()
}

/// Whoever has two accounts in an application, and creations beyond the accounts there are.
async fn accounts_twice(town: &Town) -> u64 {
    let mut twice = 0;
    for application in APPLICATIONS {
        let accounts = town.applications.accounts(application).await.unwrap();
        let once =
            |of: fn(&Account) -> &String| accounts.iter().map(of).collect::<BTreeSet<_>>().len();
        let (people, logins) =
            (once(|account| &account.external_id), once(|account| &account.user_name));
        let counters = town.applications.counters(application).await.unwrap();
        let created = counters.get(&("POST /Users".to_owned(), 201)).copied().unwrap_or_default();
        let accounts = accounts.len();
        twice += u64::try_from(2 * accounts - people - logins).unwrap();
        twice += created.saturating_sub(u64::try_from(accounts).unwrap());
    }
    twice
}

/// A service that was started again counts from zero.
fn came_again(before: &BTreeMap<Service, u64>, now: &BTreeMap<Service, u64>) -> u64 {
    let more = now.iter().map(|(service, now)| {
        let before = before.get(service).copied().unwrap_or_default();
        if *now >= before { now - before } else { *now }
    });
    more.sum()
}

async fn parked(town: &Town) -> u64 {
    let mut parked = 0;
    for service in Service::ALL {
        parked += town.mesh.status(service).await.unwrap().parked;
    }
    parked
}

/// Runs the independent calculation over the applications as they are.
async fn differences(town: &Town) -> (u64, String) {
    let mut command = Command::new(testkit::python().await);
    let output = command.args(town.verification()).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let last =
        told.trim_end().rsplit('\n').next().and_then(|line| line.strip_prefix("differences: "));
    let Some(differences) = last.and_then(|number| number.parse().ok()) else {
        panic!("{told}{}", String::from_utf8_lossy(&output.stderr));
    };
    (differences, told)
}
