//! A full file is compared as a whole before anybody is changed: too many leavers are an accident
//! until somebody says that they are none.

use domain::breaker::{Figure, Figures, Grouping, Kind, Limit, Verdict, judge};

use super::{Error, Import, Progress, Stage};
use crate::chunk::{self, Scope};
use crate::facts::Contract;
use crate::roster;
use crate::run::{Content, Cursor, Tally};

impl Import<'_> {
    /// Refuses a full file that would end too many; returns how many workers it leaves out.
    pub(super) async fn check_leavers(&self, content: &Content) -> Result<u64, Error> {
        let mut tx = self.store.begin().await?;
        let snapshot_date = self.order.snapshot_date;
        let source = self.source.name();
        let present = roster::table::present(&mut tx, source, snapshot_date).await?;
        drop(tx);
        let full = self.order.contract == Contract::Full;
        let total = content.workers;
        if !full || present == 0 {
            (self.tell)(Progress { stage: Stage::Compare, done: total, total });
            return Ok(0);
        }
        let proves_absence = content.proves_absence;
        let scope = Scope { proves_absence, ..Scope::new(self.id, &self.source, snapshot_date) };
        let (tally, absent) = self.preview(scope, total).await?;
        let percent = self.source.leavers_percent();
        let limit = Limit::of(Kind::Leaving, Grouping::Source).percent(percent);
        let mut figures = Figures::default();
        *figures.of(Kind::Leaving, Grouping::Source, source) =
            Figure { amount: tally.left, of: present, ..Figure::default() };
        let allowed = judge(&[limit], &figures) == Verdict::Passes
            || self.order.confirmed_leavers.is_some_and(|confirmed| tally.left <= confirmed);
        if allowed {
            return Ok(absent);
        }
        let source_name = source.to_owned();
        Err(Error::Leavers { source_name, left: tally.left, present, percent })
    }

    /// Returns what the file would come to, and how many workers it leaves out.
    async fn preview(&self, scope: Scope<'_>, total: u64) -> Result<(Tally, u64), Error> {
        let (mut tally, mut absent) = (Tally::default(), 0);
        let mut cursor = Cursor::start();
        while cursor != Cursor::End {
            let mut tx = self.store.begin().await?;
            let limit = self.config.chunk_workers.get();
            let (chunk, next) =
                chunk::preview(&mut tx, self.store.clock(), scope, &cursor, limit).await?;
            self.renew(&mut tx).await?;
            tx.commit().await?;
            match cursor {
                Cursor::Absent(_) => absent += chunk.people(),
                Cursor::Listed(_) | Cursor::Managers(_) | Cursor::End => {}
            }
            tally.add(chunk);
            cursor = next;
            let (done, total) = (tally.people(), total + absent);
            (self.tell)(Progress { stage: Stage::Compare, done, total });
        }
        Ok((tally, absent))
    }
}
