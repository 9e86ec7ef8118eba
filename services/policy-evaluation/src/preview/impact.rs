//! Who gains and who loses what, counted as it is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use domain::breaker::{Figures, Grouping, Kind};
use domain::{AccountState, PersonId};
use proto::policy::v1::{AccountImpact, GroupImpact, ImpactCounts, PersonImpact};
use rules::document::Privilege;
use rules::{Access, DesiredAccount};
use sha2::{Digest as _, Sha256};

/// How much harm whoever holds an entitlement of an application could do.
pub(crate) type PrivilegeOf<'a> = &'a dyn Fn(&str, &str) -> Privilege;

/// What changes, person by person and group by group.
#[derive(Debug)]
pub(crate) struct Impact {
    sample_max: usize,
    sample: Vec<PersonImpact>,
    people: u64,
    people_affected: u64,
    totals: ImpactCounts,
    groups: BTreeMap<(&'static str, String), ImpactCounts>,
    figures: Figures,
    digest: Sha256,
}

/// The groups by which grants are counted.
const POLICY: &str = "policy";
const APPLICATION: &str = "application";
const ENTITLEMENT: &str = "entitlement";
const DEPARTMENT: &str = "department";
const PRIVILEGE: &str = "privilege";

impl Impact {
    pub(crate) fn new(sample_max: usize) -> Self {
        Self {
            sample_max,
            sample: Vec::new(),
            people: 0,
            people_affected: 0,
            totals: ImpactCounts::default(),
            groups: BTreeMap::new(),
            figures: Figures::default(),
            digest: Sha256::new(),
        }
    }

    /// Counts what somebody holds, whether the change concerns them or not: shares are of that.
    pub(crate) fn known(&mut self, department: &str, held: &Access, privilege: PrivilegeOf<'_>) {
        self.people += 1;
        for grant in &held.grants {
            let class = privilege(&grant.application, &grant.entitlement).as_str();
            for kind in [Kind::Gain, Kind::Loss] {
                for (per, group) in groupings(&grant.application, department, class) {
                    self.figures.of(kind, per, group).of += 1;
                }
            }
        }
        for (application, account) in &held.accounts {
            if account.state == AccountState::Active {
                for (per, group) in groupings(application, department, "") {
                    self.figures.of(Kind::Closing, per, group).of += 1;
                }
            }
        }
        for (per, group) in [(Grouping::Change, ""), (Grouping::Department, department)] {
            self.figures.of(Kind::People, per, group).of += 1;
        }
    }

    /// Compares what somebody holds before and after.
    pub(crate) fn affected(
        &mut self,
        person: PersonId,
        department: &str,
        before: &Access,
        after: &Access,
        privilege: PrivilegeOf<'_>,
    ) {
        self.people_affected += 1;
        let id = person.to_string();
        let mut told = PersonImpact {
            person_id: id.clone(),
            department: department.to_owned(),
            ..PersonImpact::default()
        };
        let mut touched = BTreeSet::new();
        self.grants(Kind::Loss, &mut told, &mut touched, (before, after), privilege);
        self.grants(Kind::Gain, &mut told, &mut touched, (after, before), privilege);
        self.accounts(&mut told, &mut touched, before, after);
        if told.gained.is_empty() && told.lost.is_empty() && told.accounts.is_empty() {
            return;
        }
        touched.insert((DEPARTMENT, department.to_owned()));
        self.totals.people += 1;
        for group in touched {
            self.groups.entry(group).or_default().people += 1;
        }
        for (per, group) in [(Grouping::Change, ""), (Grouping::Department, department)] {
            self.figures.count(Kind::People, per, group, &id);
        }
        self.digest.update(line(&told));
        if self.sample.len() < self.sample_max {
            self.sample.push(told);
        }
    }

    /// Counts what the one side holds and the other does not.
    fn grants(
        &mut self,
        kind: Kind,
        told: &mut PersonImpact,
        touched: &mut BTreeSet<(&'static str, String)>,
        (one, other): (&Access, &Access),
        privilege: PrivilegeOf<'_>,
    ) {
        for grant in &one.grants {
            let (application, entitlement) = (&grant.application, &grant.entitlement);
            if !other.reasons(application, entitlement).is_empty() {
                continue;
            }
            let name = format!("{application}/{entitlement}");
            let class = privilege(application, entitlement).as_str();
            for (per, group) in groupings(application, &told.department, class) {
                self.figures.count(kind, per, group, &told.person_id);
            }
            let policies: BTreeSet<&str> =
                grant.reasons.iter().map(|reason| reason.policy.as_str()).collect();
            let mut groups: Vec<(&'static str, String)> =
                policies.into_iter().map(|policy| (POLICY, policy.to_owned())).collect();
            groups.extend([
                (APPLICATION, application.clone()),
                (ENTITLEMENT, name.clone()),
                (DEPARTMENT, told.department.clone()),
                (PRIVILEGE, class.to_owned()),
            ]);
            let gained = kind == Kind::Gain;
            for group in groups {
                grant_counted(self.groups.entry(group.clone()).or_default(), gained);
                touched.insert(group);
            }
            grant_counted(&mut self.totals, gained);
            if gained { told.gained.push(name) } else { told.lost.push(name) }
        }
    }

    fn accounts(
        &mut self,
        told: &mut PersonImpact,
        touched: &mut BTreeSet<(&'static str, String)>,
        before: &Access,
        after: &Access,
    ) {
        let names: BTreeSet<&String> =
            before.accounts.keys().chain(after.accounts.keys()).collect();
        for application in names {
            let pair = (before.accounts.get(application), after.accounts.get(application));
            let Some(how) = account(pair.0, pair.1) else { continue };
            if how == CLOSED {
                for (per, group) in groupings(application, &told.department, "") {
                    self.figures.count(Kind::Closing, per, group, &told.person_id);
                }
            }
            for group in [(APPLICATION, application.clone()), (DEPARTMENT, told.department.clone())]
            {
                account_counted(self.groups.entry(group.clone()).or_default(), how);
                touched.insert(group);
            }
            account_counted(&mut self.totals, how);
            told.accounts
                .push(AccountImpact { application: application.clone(), how: how.to_owned() });
        }
    }

    /// The hash over the base release, the documents and the ordered gain and loss.
    pub(crate) fn hash(&self, base: u64, content_hash: &str) -> String {
        let mut digest = Sha256::new();
        digest.update(format!("{base}\n{content_hash}\n"));
        digest.update(self.digest.clone().finalize());
        digest.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
            hex
        })
    }

    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    pub(crate) fn people(&self) -> u64 {
        self.people
    }

    pub(crate) fn people_affected(&self) -> u64 {
        self.people_affected
    }

    pub(crate) fn totals(&self) -> ImpactCounts {
        self.totals
    }

    pub(crate) fn groups(&self) -> Vec<GroupImpact> {
        self.groups
            .iter()
            .map(|((grouping, group), counts)| GroupImpact {
                grouping: (*grouping).to_owned(),
                group: group.clone(),
                counts: Some(*counts),
            })
            .collect()
    }

    pub(crate) fn into_sample(self) -> Vec<PersonImpact> {
        self.sample
    }
}

fn groupings<'a>(
    application: &'a str,
    department: &'a str,
    class: &'a str,
) -> impl Iterator<Item = (Grouping, &'a str)> {
    let class = (!class.is_empty()).then_some((Grouping::Privilege, class));
    [
        (Grouping::Change, ""),
        (Grouping::Application, application),
        (Grouping::Department, department),
    ]
    .into_iter()
    .chain(class)
}

const CREATED: &str = "created";
const OPENED: &str = "opened";
const CLOSED: &str = "closed";
const CHANGED: &str = "changed";

/// What becomes of an account; an account that is not desired any more is closed.
fn account(
    before: Option<&DesiredAccount>,
    after: Option<&DesiredAccount>,
) -> Option<&'static str> {
    let active = |account: Option<&DesiredAccount>| {
        account.is_some_and(|account| account.state == AccountState::Active)
    };
    match (active(before), active(after)) {
        (true, false) => Some(CLOSED),
        (_, _) if before.is_none() => Some(CREATED),
        (false, true) => Some(OPENED),
        (true, true) | (false, false) => (before != after).then_some(CHANGED),
    }
}

fn grant_counted(counts: &mut ImpactCounts, gained: bool) {
    let counted = if gained { &mut counts.gained } else { &mut counts.lost };
    *counted += 1;
}

fn account_counted(counts: &mut ImpactCounts, how: &str) {
    let counted = match how {
        CREATED => &mut counts.accounts_created,
        OPENED => &mut counts.accounts_opened,
        CLOSED => &mut counts.accounts_closed,
        _ => &mut counts.accounts_changed,
    };
    *counted += 1;
}

/// One person's gain and loss; no name holds what separates them.
fn line(told: &PersonImpact) -> String {
    let mut text = format!("{}\n", told.person_id);
    let parts = [("-", &told.lost), ("+", &told.gained)];
    for (sign, name) in
        parts.into_iter().flat_map(|(sign, names)| names.iter().map(move |name| (sign, name)))
    {
        text.push_str(&format!("{sign}\0{name}\n"));
    }
    for account in &told.accounts {
        text.push_str(&format!("~\0{}\0{}\n", account.application, account.how));
    }
    text
}
