//! What clients do with users: each in one transaction, answered after its commit.

use domain::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use store::Tx;
use uuid::Uuid;

use super::USER;
use super::error::Error;
use super::filter::{Attribute, Filter};
use super::offer::{Offer, Written};
use super::patch;
use super::resource::{Ending, Resource, ending};
use super::schema::PAGE_MAX;
use super::table;
use crate::chunk::{self, Outcome, Said, Taken};
use crate::mapping::Source;
use crate::push;
use crate::reader::{self, Row};

/// Resources that a filter is asked of at once.
const SCANNED_AT_ONCE: i64 = 1_000;
/// The attributes of every resource, in lower case.
const OF_EVERY_RESOURCE: [&str; 3] = ["id", "meta", "schemas"];

/// What a client asks for when it lists users.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) filter: Option<String>,
    /// The first is 1.
    pub(super) start_index: u64,
    pub(super) count: Option<u64>,
}

/// One source's users, within a transaction.
pub(super) struct Users<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) clock: &'a clock::Clock,
    pub(super) source: &'a Source,
    pub(super) offer: &'a Offer,
    pub(super) base: &'a str,
}

impl Users<'_> {
    /// Makes a user.
    pub(super) async fn create(mut self, body: &Value) -> Result<Resource, Error> {
        let mut written = self.offer.read(body)?;
        if written.active().is_none() {
            written.set_active(true);
        }
        let day = push::begin(self.tx, self.source).await?;
        let row = self.row(&written, day)?;
        let worker_id = row.worker_id.clone();
        self.check_rivals(Uuid::nil(), &written, &worker_id).await?;
        let ended_at = table::ended_at(self.tx, self.source.name(), &worker_id).await?;
        let (taken, ending) =
            self.push(day, &worker_id, Some(row), ended_at, written.active()).await?;
        let now = self.tx.now();
        let resource = Resource {
            id: taken.engagement,
            worker_id,
            written,
            version: 1,
            created_at: now,
            modified_at: now,
            ended_at: ending.ended_at,
        };
        table::upsert(self.tx, self.source.name(), &resource).await?;
        tracing::info!(engagement.id = %resource.id, "user {} is made", resource.id);
        Ok(resource)
    }

    /// Returns a user.
    pub(super) async fn get(&mut self, id: &str) -> Result<Resource, Error> {
        let absent = || Error::new(404, "there is no such user");
        let id = Uuid::parse_str(id).map_err(|_error| absent())?;
        table::find(self.tx, self.source.name(), id).await?.ok_or_else(absent)
    }

    /// Replaces what a user is; whether an unnamed `active` holds stays.
    pub(super) async fn replace(
        self,
        id: &str,
        tag: Tag<'_>,
        body: &Value,
    ) -> Result<Resource, Error> {
        let offer = self.offer;
        self.change(id, tag, |known| {
            let mut written = offer.read(body)?;
            if let (None, Some(active)) = (written.active(), known.active()) {
                written.set_active(active);
            }
            Ok(written)
        })
        .await
    }

    /// Changes parts of a user.
    pub(super) async fn patch(
        self,
        id: &str,
        tag: Tag<'_>,
        body: &Value,
    ) -> Result<Resource, Error> {
        let offer = self.offer;
        self.change(id, tag, |known| {
            let mut written = known.clone();
            patch::apply(offer, &mut written, body)?;
            Ok(written)
        })
        .await
    }

    async fn change(
        mut self,
        id: &str,
        tag: Tag<'_>,
        change: impl FnOnce(&Written) -> Result<Written, Error>,
    ) -> Result<Resource, Error> {
        let day = push::begin(self.tx, self.source).await?;
        let known = self.get(id).await?;
        tag.check(&known)?;
        let written = change(&known.written)?;
        if written == known.written {
            return Ok(known);
        }
        let row = self.row(&written, day)?;
        self.check_rivals(known.id.0, &written, &known.worker_id).await?;
        let (_taken, ending) =
            self.push(day, &known.worker_id, Some(row), known.ended_at, written.active()).await?;
        let resource = Resource {
            written,
            version: known.version + 1,
            modified_at: self.tx.now(),
            ended_at: ending.ended_at,
            ..known
        };
        table::upsert(self.tx, self.source.name(), &resource).await?;
        tracing::info!(engagement.id = %resource.id, "user {} is changed", resource.id);
        Ok(resource)
    }

    /// Deletes a user, whose engagement ends.
    pub(super) async fn delete(mut self, id: &str, tag: Tag<'_>) -> Result<(), Error> {
        let day = push::begin(self.tx, self.source).await?;
        let known = self.get(id).await?;
        tag.check(&known)?;
        // Whatever the document says by now, an end is not refused for what else was written.
        let row = self.row(&known.written, day).ok();
        let (_taken, ending) =
            self.push(day, &known.worker_id, row, known.ended_at, Some(false)).await?;
        let resource = Resource { ended_at: ending.ended_at, ..known };
        table::delete(self.tx, &resource).await?;
        tracing::info!(engagement.id = %resource.id, "user {} is deleted", resource.id);
        Ok(())
    }

    /// Lists users, in the order in which they were made.
    pub(super) async fn list(
        &mut self,
        query: &Query,
        render: impl Fn(&Resource) -> Value,
    ) -> Result<Value, Error> {
        let start = query.start_index.max(1);
        let count = query.count.unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let (total, page) = match &query.filter {
            Some(text) => {
                let filter = Filter::parse(text)?;
                self.check_filter(&filter)?;
                self.search(&filter, start, count).await?
            }
            None => {
                let source = self.source.name();
                let total = table::count(self.tx, source).await?;
                let skip = i64::try_from(start - 1).unwrap_or(i64::MAX);
                let limit = i64::try_from(count).unwrap_or(i64::MAX);
                (total, table::page(self.tx, source, skip, limit).await?)
            }
        };
        let resources: Vec<Value> = page.iter().map(render).collect();
        Ok(listed(total, start, resources))
    }

    async fn search(
        &mut self,
        filter: &Filter,
        start: u64,
        count: u64,
    ) -> Result<(u64, Vec<Resource>), Error> {
        let (mut total, mut page) = (0, Vec::new());
        let mut look = |offer: &Offer, base: &str, resources: Vec<Resource>| {
            for resource in resources {
                if filter.matches(&resource.render(offer, base)) {
                    total += 1;
                    if total >= start && total - start < count {
                        page.push(resource);
                    }
                }
            }
        };
        let (offer, base, source) = (self.offer, self.base, self.source.name());
        let (user_name, external_id) = (filter.demands("userName"), filter.demands("externalId"));
        if user_name.is_some() || external_id.is_some() {
            let found =
                table::named(self.tx, source, user_name, external_id, SCANNED_AT_ONCE).await?;
            look(offer, base, found);
            return Ok((total, page));
        }
        let mut after = (Timestamp::UNIX_EPOCH, Uuid::nil());
        loop {
            let found = table::after(self.tx, source, after, SCANNED_AT_ONCE).await?;
            let Some(last) = found.last() else { break };
            after = (last.created_at, last.id.0);
            look(offer, base, found);
        }
        Ok((total, page))
    }

    /// A filter on what is not on offer would find nobody, and a client would make everybody again.
    fn check_filter(&self, filter: &Filter) -> Result<(), Error> {
        let offered = |attribute: &&Attribute| {
            let name = attribute.name.to_ascii_lowercase();
            (attribute.schema.is_none() && OF_EVERY_RESOURCE.contains(&name.as_str()))
                || self.offer.below(attribute).next().is_some()
                || (attribute.sub.is_none()
                    && attribute.schema.as_deref().is_some_and(|schema| {
                        schema.eq_ignore_ascii_case(USER)
                            && OF_EVERY_RESOURCE.contains(&name.as_str())
                    }))
        };
        match filter.attributes().iter().find(|attribute| !offered(attribute)) {
            None => Ok(()),
            Some(_) => Err(Error::filter(
                "the filter asks for an attribute that this source does not have; /Schemas names those \
                 it has",
            )),
        }
    }

    fn row(&self, written: &Written, day: domain::Date) -> Result<Row, Error> {
        reader::texts(self.source, day, &self.offer.texts(written))
            .map_err(|reject| Error::value(format!("{} {}", reject.column, reject.reason)))
    }

    async fn check_rivals(
        &mut self,
        id: Uuid,
        written: &Written,
        worker_id: &str,
    ) -> Result<(), Error> {
        let (source, name) = (self.source.name(), written.user_name());
        if table::rivals(self.tx, source, id, name, worker_id).await?.is_empty() {
            return Ok(());
        }
        Err(Error::uniqueness("another user has this userName, or the key that the document names"))
    }

    /// Takes over what is known of a worker, under the key that it had first.
    async fn push(
        &mut self,
        day: domain::Date,
        worker_id: &str,
        row: Option<Row>,
        ended_at: Option<Timestamp>,
        active: Option<bool>,
    ) -> Result<(Taken, Ending), Error> {
        let zone: &TimeZone = self.source.zone();
        let stated = row.as_ref().and_then(|row| row.last_working_day);
        let ending = ending(ended_at, active, stated, self.tx.now(), zone);
        let row = row.map(|row| {
            let last_working_day = ending.last_working_day;
            Row { last_working_day, ..reader::with_worker_id(row, worker_id) }
        });
        let worker_id = worker_id.to_owned();
        let said = Said { worker_id, row, sequence: None, end: ending.end };
        let outcomes = chunk::take(self.tx, self.clock, self.source, day, vec![said]).await?;
        match outcomes.into_iter().next() {
            Some(Outcome::Taken(taken) | Outcome::Unchanged(taken)) => Ok((taken, ending)),
            Some(Outcome::Held(reason)) => Err(Error::new(429, format!("the user {reason}"))),
            Some(Outcome::Waits(reject)) => {
                Err(Error::waits(format!("{} {}", reject.column, reject.reason)))
            }
            Some(Outcome::Rejected(reject)) => {
                Err(Error::value(format!("{} {}", reject.column, reject.reason)))
            }
            Some(Outcome::Late) | None => Err(Error::new(500, "the user was not taken over")),
        }
    }
}

/// The answer to a question for several resources.
pub(super) fn listed(total: u64, start: u64, resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "itemsPerPage": resources.len(),
        "startIndex": start,
        "Resources": resources,
    })
}

/// The version that a client has seen, if it says so.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tag<'a>(pub(super) Option<&'a str>);

impl Tag<'_> {
    /// Whether it names a version; weak or not does not count, as of a whole resource both say the same.
    pub(super) fn names(self, resource: &Resource) -> bool {
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let own = strong(&resource.tag());
        self.0
            .is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == "*" || strong(tag) == own))
    }

    fn check(self, resource: &Resource) -> Result<(), Error> {
        if self.0.is_none() || self.names(resource) {
            return Ok(());
        }
        Err(Error::new(412, "the user is not what it was: read it again"))
    }
}
