//! What is proved of a release, in sentences.

use proto::policy::v1::ReleaseProof;
use rules::Release;
use rules::proof::{self, Comparison, Finding, Report};

/// How many sentences are said of one kind; the rest is counted.
const SAID_MAX: usize = 50;

/// Returns what holds, or does not, for everybody who could ever exist.
pub(super) fn proofs(base: Option<&Release>, release: &Release) -> Vec<ReleaseProof> {
    let report = proof::verify(release);
    let mut said = Vec::new();
    if report.facts_contradict {
        let statement = "the facts contradict each other, and prove anything".to_owned();
        said.push(sentence("facts", "", statement, false));
    }
    said.extend(base.map(|base| compared(&proof::compare(base, release))).unwrap_or_default());
    said.extend(separations(&report));
    said.extend(policies(&report));
    said
}

fn sentence(kind: &str, subject: &str, statement: String, holds: bool) -> ReleaseProof {
    ReleaseProof { kind: kind.to_owned(), subject: subject.to_owned(), statement, holds }
}

fn compared(found: &Comparison) -> Vec<ReleaseProof> {
    if found.is_equivalent() {
        let statement = "everybody is given what they were before, no more and no less; not looked at: from when to \
                         when, and what accounts say".to_owned();
        return vec![sentence("equivalent", "", statement, true)];
    }
    let statement = match (found.widened.len(), found.undecided.len()) {
        (0, 0) => {
            "nobody is given anything that they were not before; not looked at: from when to when"
                .to_owned()
        }
        (0, unknown) => format!("for {unknown} entitlements it could not be found out"),
        (widened, _) => format!("somebody is given one of {widened} entitlements who was not"),
    };
    let mut said = vec![sentence("only-removes", "", statement, found.only_removes())];
    said.extend(found.widened.iter().take(SAID_MAX).filter_map(|one| {
        let witness = one.answer.witness()?;
        let (application, entitlement) = &one.entitlement;
        let subject = format!("{application}/{entitlement}");
        Some(sentence("widened", &subject, format!("now also for {witness}"), false))
    }));
    said
}

fn separations(report: &Report) -> Vec<ReleaseProof> {
    let separations = report.separations.iter().take(SAID_MAX);
    separations
        .map(|one| sentence("separation", &one.separation, one.said(), one.answer.is_proved()))
        .collect()
}

fn policies(report: &Report) -> Vec<ReleaseProof> {
    let findings = report.findings.iter().take(SAID_MAX).map(|finding| match finding {
        Finding::Dead { policy } => {
            sentence("dead", policy, "nobody could ever meet its condition".to_owned(), true)
        }
        Finding::Everybody { policy } => {
            sentence("everybody", policy, "everybody meets its condition".to_owned(), true)
        }
        Finding::Shadowed { policy, by } => {
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            let statement = format!("all that it grants, {} grant as well", by.join(" and "));
            sentence("shadowed", policy, statement, true)
        }
    });
    let undecided = report.undecided.iter().take(SAID_MAX).map(|(policy, why)| {
        sentence("undecided", policy, format!("nothing could be proved: {why}"), false)
    });
    findings.chain(undecided).collect()
}
