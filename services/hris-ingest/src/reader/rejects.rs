//! What was not taken over, and what therefore cannot be concluded.

use std::collections::BTreeSet;

use super::Reject;

/// How many rejects are kept to be shown; all are counted.
pub const REJECTS_KEPT_MAX: usize = 1_000;

/// How many workers with rejected rows are remembered; further ones count as unidentified.
const WORKERS_MAX: usize = 100_000;

/// The rejects of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejects {
    kept: Vec<Reject>,
    count: u64,
    unidentified: u64,
    workers: BTreeSet<String>,
}

impl Rejects {
    /// Adds one.
    pub fn push(&mut self, reject: Reject) {
        self.count += 1;
        match &reject.worker_id {
            Some(worker) if self.workers.contains(worker) => {}
            Some(worker) if self.workers.len() < WORKERS_MAX => {
                self.workers.insert(worker.clone());
            }
            Some(_) | None => self.unidentified += 1,
        }
        if self.kept.len() < REJECTS_KEPT_MAX {
            self.kept.push(reject);
        }
    }

    /// The first rejects of the file, in its order.
    #[must_use]
    pub fn kept(&self) -> &[Reject] {
        &self.kept
    }

    /// How many rows were rejected.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many of them could be anybody's; above zero, the file's silence proves nobody's absence.
    #[must_use]
    pub const fn unidentified(&self) -> u64 {
        self.unidentified
    }

    /// Whether no rejected row can be this worker's: only then has a full file said all of them.
    #[must_use]
    pub fn spare(&self, worker_id: &str) -> bool {
        self.unidentified == 0 && !self.workers.contains(worker_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(line: u64, worker_id: Option<&str>) -> Reject {
        let worker_id = worker_id.map(str::to_owned);
        Reject { line, column: String::new(), reason: "is wrong".to_owned(), worker_id }
    }

    #[test]
    fn the_first_thousand_rejects_are_kept_and_all_are_counted() {
        let mut rejects = Rejects::default();
        for line in 2..=1_501 {
            rejects.push(reject(line, Some("ada")));
        }
        assert_eq!((rejects.kept().len(), rejects.count()), (REJECTS_KEPT_MAX, 1_500));
        assert_eq!(rejects.kept()[999].line, 1_001);
    }

    #[test]
    fn a_worker_with_a_rejected_row_is_not_proven_absent() {
        let mut rejects = Rejects::default();
        rejects.push(reject(2, Some("ada")));
        assert!(!rejects.spare("ada"));
        assert!(rejects.spare("grace"));
    }

    #[test]
    fn a_row_that_could_be_anybodys_proves_nobody_absent() {
        let mut rejects = Rejects::default();
        rejects.push(reject(2, None));
        assert_eq!(rejects.unidentified(), 1);
        assert!(!rejects.spare("grace"));
    }
}
