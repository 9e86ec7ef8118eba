//! What this service decided, told again in a raised epoch: the active release, everybody's desired
//! access, and where those stand of whom that was ever told.

use chassis::{Republish, Told};
use domain::{PersonId, Rejection, Version};
use jiff::tz::TimeZone;
use store::Tx;
use uuid::Uuid;

use crate::person::table as people;
use crate::release;
use crate::timeline::{Key, table as timelines};
use crate::wire;

#[derive(Debug)]
pub(crate) struct ActiveRelease;

impl Republish for ActiveRelease {
    const WHAT: &'static str = "the documents of the active release";

    async fn batch(&self, tx: &mut Tx, _after: Uuid, _limit: u16) -> Result<Told, Rejection> {
        release::table::lock(tx).await?;
        let Some((number, at)) = release::table::active_since(tx).await? else {
            return Ok(Told { events: 0, next: None });
        };
        let release = release::load(tx, number).await?;
        release::announce(tx, &release, number, at)?;
        Ok(Told { events: release.documents().len() + 1, next: None })
    }
}

#[derive(Debug)]
pub(crate) struct DesiredAccess;

impl Republish for DesiredAccess {
    const WHAT: &'static str = "desired access";

    async fn batch(&self, tx: &mut Tx, after: Uuid, limit: u16) -> Result<Told, Rejection> {
        let mut stored = people::untold(tx, after, limit).await?;
        let keys: Vec<Key> = stored.iter().map(|one| (one.id, one.person_version)).collect();
        let known = timelines::read(tx, &keys).await?;
        let mut versions: Vec<(PersonId, Version)> = Vec::with_capacity(stored.len());
        for (person, key) in stored.iter_mut().zip(&keys) {
            let Some(mut evaluated) = person.evaluated.take() else { continue };
            evaluated.version = tx.next_version(evaluated.version);
            let recorded_at = known.get(key).map(|known| known.recorded_at);
            tx.publish(&wire::stored(person, &evaluated, recorded_at))?;
            versions.push((person.id, evaluated.version));
        }
        people::retell(tx, &versions).await?;
        let ids: Vec<Uuid> = stored.iter().map(|one| one.id.0).collect();
        Ok(Told::of(&ids, limit))
    }
}

#[derive(Debug)]
pub(crate) struct Lifecycles {
    pub(crate) zone: TimeZone,
}

impl Republish for Lifecycles {
    const WHAT: &'static str = "where people stand";

    async fn batch(&self, tx: &mut Tx, after: Uuid, limit: u16) -> Result<Told, Rejection> {
        let mut standing = people::standing_untold(tx, after, limit).await?;
        let keys: Vec<Key> = standing.iter().map(|one| one.key).collect();
        let known = timelines::read(tx, &keys).await?;
        for one in &mut standing {
            let Some(known) = known.get(&one.key) else { continue };
            let lifecycle = rules::lifecycle(&known.timeline, &self.zone, tx.now());
            one.told.version = tx.next_version(one.told.version);
            one.told.digest = Some(lifecycle.digest());
            let (version, now) = (one.told.version, tx.now());
            tx.publish(&wire::lifecycle(one.key, version, one.lane, &lifecycle, now))?;
        }
        people::retell_standing(tx, &standing).await?;
        let ids: Vec<Uuid> = standing.iter().map(|one| one.key.0.0).collect();
        Ok(Told::of(&ids, limit))
    }
}
