//! A walk through what a run would change.

use std::collections::BTreeSet;

use clock::Clock;
use store::{Error, Store, Tx};
use uuid::Uuid;

use crate::chunk::{self, Scope, Silence};
use crate::config::Config;
use crate::gate::{self, Basis, Comparison, Difference, Examples};
use crate::mapping::Source;
use crate::person;
use crate::roster;
use crate::run::{Cursor, Run};

/// People counted in one transaction of those who were passed over.
const PASSED_AT_ONCE: u16 = 4_096;

/// A walk through everybody whom a run concerns, in steps of one short transaction each.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    scope: Scope<'a>,
    basis: Basis<'a>,
    window_days: u8,
    limit: u16,
    cursor: Cursor,
    comparison: Comparison,
    examples: Option<Examples>,
    absent: u64,
    unchanged: u64,
}

impl<'a> Look<'a> {
    pub(crate) fn new(run: &'a Run, source: &'a Source, config: &Config) -> Self {
        Self {
            scope: Scope {
                read_at: Some(run.started_at),
                silence: Silence::of(run),
                ..Scope::new(run.id, source, run.snapshot_date)
            },
            basis: Basis {
                source: source.name(),
                mapping: &run.mapping,
                contract: run.contract,
                snapshot_date: run.snapshot_date,
            },
            window_days: source.limits.window_days,
            limit: config.chunk_workers.get(),
            cursor: Cursor::start(),
            comparison: Comparison::default(),
            examples: None,
            absent: 0,
            unchanged: run.content.unchanged,
        }
    }

    /// Shows some of the people, too.
    pub(crate) fn showing(self) -> Self {
        Self { examples: Some(Examples::default()), ..self }
    }

    /// Returns whom it has shown.
    pub(crate) fn take_examples(&mut self) -> Examples {
        self.examples.take().unwrap_or_default()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.cursor == Cursor::End
    }

    /// Counts the people of the next chunk.
    pub(crate) async fn step(&mut self, tx: &mut Tx, clock: &Clock) -> Result<(), Error> {
        let before = self.comparison.people();
        let (scope, limit, comparison) = (self.scope, self.limit, &mut self.comparison);
        let examples = self.examples.as_mut();
        let next = chunk::look(tx, clock, scope, &self.cursor, limit, comparison, examples).await?;
        match self.cursor {
            Cursor::Absent(_) => self.absent += self.comparison.people() - before,
            Cursor::Listed(_) | Cursor::Managers(_) | Cursor::Look | Cursor::End => {}
        }
        self.cursor = next;
        Ok(())
    }

    /// How many people were counted so far.
    pub(crate) const fn people(&self) -> u64 {
        self.comparison.people()
    }

    /// How many of them the file leaves out.
    pub(crate) const fn absent(&self) -> u64 {
        self.absent
    }

    /// How many of those whom the file lists were there before.
    pub(crate) const fn listed_present(&self) -> u64 {
        self.comparison.listed_present() + self.unchanged
    }

    /// What was found so far. Of groups, those who were passed over are not counted as present.
    pub(crate) fn so_far(&self) -> Difference {
        self.comparison.difference()
    }

    /// Counts those who were passed over as present in their groups, page by page.
    pub(crate) async fn count_passed(&mut self, store: &Store) -> Result<(), Error> {
        if self.scope.group_by.is_none() || self.unchanged == 0 {
            return Ok(());
        }
        let (mut after, mut counted) = (String::new(), BTreeSet::new());
        loop {
            let mut tx = store.begin().await?;
            let passed = roster::table::passed_over(
                &mut tx,
                (self.scope.run, self.scope.source),
                self.scope.snapshot_date,
                &after,
                PASSED_AT_ONCE,
            )
            .await?;
            let Some((last, _, _)) = passed.last() else { return Ok(()) };
            after.clone_from(last);
            let new =
                passed.iter().filter(|(_, person, shared)| !shared || counted.insert(*person));
            let people: Vec<Uuid> = new.map(|(_, person, _)| *person).collect();
            for person in person::table::list(&mut tx, &people).await? {
                let day = self.scope.snapshot_date;
                self.comparison.count_passed(self.scope.group_by.and_then(|attribute| {
                    gate::group_of(&person.timeline, self.scope.source, attribute, day)
                }));
            }
        }
    }

    /// Returns what was found, and its hash.
    pub(crate) fn finish(self) -> (Difference, String) {
        let (difference, hash) = self.comparison.finish(self.basis);
        let group_by = self.scope.group_by.filter(|_name| !difference.groups.is_empty());
        let difference = Difference {
            group_by: group_by.map(str::to_owned),
            window_days: self.window_days,
            unchanged: difference.unchanged + self.unchanged,
            ..difference
        };
        (difference, hash)
    }
}
