//! Repairs that look like an accident, counted before the first of them. Pure.

use domain::breaker::{Exceeded, Figures, Grouping, Kind, Limit, Verdict, judge};
use rules::document::{Breaker, DriftKind, Privilege};
use sha2::{Digest as _, Sha256};

use super::Drift;

/// The limits where no document sets any. A few repairs are nobody's accident, of however few accounts.
const DEFAULT: [Limit; 4] = [
    Limit::of(Kind::Closing, Grouping::Application).count(50).percent(5).above(3),
    Limit::of(Kind::Loss, Grouping::Application).count(200).percent(10).above(5),
    Limit::of(Kind::Gain, Grouping::Application).count(1_000).percent(20).above(5),
    Limit::of(Kind::People, Grouping::Application).count(1_000).percent(20).above(5),
];

/// Exceeded limits that are told, at most.
const TOLD_MAX: usize = 10;

/// What there was before the repairs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stock {
    pub(crate) accounts: u64,
    pub(crate) holdings: u64,
}

/// Returns the limits that the repairs of an application exceed; none: they may go.
pub(crate) fn held(repairs: &[Drift], stock: Stock, breaker: Option<&Breaker>) -> Vec<String> {
    let limits = breaker.map_or_else(|| DEFAULT.to_vec(), Breaker::limits);
    match judge(&limits, &figures(repairs, stock)) {
        Verdict::Passes => Vec::new(),
        Verdict::Holds(exceeded) => {
            let mut held: Vec<String> = exceeded.iter().take(TOLD_MAX).map(told).collect();
            if exceeded.len() > TOLD_MAX {
                held.push(format!("and {} more", exceeded.len() - TOLD_MAX));
            }
            held
        }
    }
}

/// Stands for exactly these repairs, in whatever order they are given.
pub(crate) fn hash(repairs: &[Drift]) -> String {
    let mut lines: Vec<String> = repairs
        .iter()
        .map(|drift| {
            let person = drift.person.map(|person| person.to_string()).unwrap_or_default();
            let finding = &drift.finding;
            [finding.kind.as_str(), &person, &finding.account_id, &finding.item].join("\0")
        })
        .collect();
    lines.sort_unstable();
    let hash = Sha256::digest(lines.join("\n").as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn figures(repairs: &[Drift], stock: Stock) -> Figures {
    let mut figures = Figures::default();
    let mut people = std::collections::BTreeSet::new();
    for drift in repairs {
        let application = drift.application.as_str();
        let who = drift
            .person
            .map_or_else(|| drift.finding.account_id.clone(), |person| person.to_string());
        if people.insert(who.clone()) {
            count(&mut figures, Kind::People, application, None, &who);
        }
        let Some(kind) = counted(drift.finding.kind) else { continue };
        count(&mut figures, kind, application, Some(drift.finding.privilege), &who);
    }
    for application in repairs.iter().map(|drift| drift.application.as_str()) {
        for per in [Grouping::Application, Grouping::Change] {
            let group = if per == Grouping::Application { application } else { "" };
            for kind in [Kind::Closing, Kind::People] {
                figures.of(kind, per, group).of = stock.accounts;
            }
            for kind in [Kind::Loss, Kind::Gain] {
                figures.of(kind, per, group).of = stock.holdings;
            }
        }
    }
    figures
}

fn count(
    figures: &mut Figures,
    kind: Kind,
    application: &str,
    privilege: Option<Privilege>,
    who: &str,
) {
    figures.count(kind, Grouping::Change, "", who);
    figures.count(kind, Grouping::Application, application, who);
    if let Some(privilege) = privilege {
        figures.count(kind, Grouping::Privilege, privilege.as_str(), who);
    }
}

/// What a repair does that is counted.
const fn counted(kind: DriftKind) -> Option<Kind> {
    match kind {
        DriftKind::UnmanagedAccount
        | DriftKind::WronglyEnabled
        | DriftKind::SeveralAccounts
        | DriftKind::OrphanedAccount => Some(Kind::Closing),
        DriftKind::UnmanagedGrant => Some(Kind::Loss),
        DriftKind::MissingGrant | DriftKind::MissingAccount | DriftKind::WronglyDisabled => {
            Some(Kind::Gain)
        }
        DriftKind::AttributeDiffers | DriftKind::SeveralPeople => None,
    }
}

fn told(exceeded: &Exceeded) -> String {
    format!("{exceeded}; such as {}", exceeded.figure.sample.join(", "))
}

#[cfg(test)]
mod tests;
