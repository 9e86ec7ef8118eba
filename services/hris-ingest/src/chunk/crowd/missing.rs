//! Who is missing from a full file, where that may not mean that they have left. Pure.

use domain::Date;

use super::who::Asked;
use super::{Crowd, Listed};
use crate::case::{Compared, Kind, Side, Verdict};
use crate::chunk::doubt::Refusal;
use crate::chunk::{Scope, Silence};
use crate::facts::{Contract, Engagement};

impl Crowd {
    /// Asks about somebody whom a full file leaves out before their first day, or while it has a row that could
    /// be theirs.
    ///
    /// # Errors
    /// When a human has to say.
    pub(super) fn check_missing(&self, scope: Scope<'_>, worker: &Listed) -> Result<(), Refusal> {
        let is_missing = worker.rows.is_empty() && worker.contract == Contract::Full;
        let holder = self.by_worker.get(&worker.worker_id).copied();
        let (true, None, Some(person)) = (is_missing, worker.decided, holder) else {
            return Ok(());
        };
        let known = self.drafts.get(&person).map(|draft| &draft.person.timeline);
        let open: Vec<&Engagement> = known
            .into_iter()
            .flat_map(|timeline| &timeline.engagements)
            .filter(|one| one.source == scope.source && one.worker_id == worker.worker_id)
            .filter(|one| !one.over_before(scope.snapshot_date))
            .collect();
        let lies_ahead = open.iter().all(|one| one.start_date > scope.snapshot_date);
        let reason = match scope.silence {
            Silence::Asked => "is missing, and may stand in a row that could not be read",
            Silence::Left if !open.is_empty() && lies_ahead => {
                "is missing before the first day: was the hire taken back?"
            }
            Silence::Left | Silence::Nothing => return Ok(()),
        };
        let days = |name: &str, day: Option<Date>| Compared {
            name: name.to_owned(),
            verdict: Verdict::Unknown,
            stated: None,
            known: day.map(|day| day.to_string()),
        };
        let first = open.iter().map(|one| one.start_date).min();
        let last: Option<Vec<Date>> = open.iter().map(|one| one.last_working_day).collect();
        let last = last.into_iter().flatten().max();
        let attributes = vec![days("first day", first), days("last day", last)];
        let asked = Asked {
            kind: Kind::MissingWorker,
            people: vec![person],
            sides: vec![Side { person: Some(person), points: None, attributes }],
            column: String::new(),
            reason,
        };
        Err(self.ask(scope, worker, asked))
    }
}
