//! Puts notices that are due into messages: one each, or one for many to the same recipient.

use std::collections::BTreeMap;
use std::sync::Arc;

use chassis::Driver;
use domain::{Lane, NoticeId, Rejection};
use jiff::SignedDuration;
use store::Tx;
use uuid::Uuid;

use super::Sources;
use crate::code;
use crate::config::Config;
use crate::message::{self, header};
use crate::notice::{self, Ending, Notice};
use crate::recipient::{Addressee, Contact, Resolution};

/// Gathers. Nothing of it touches the outside world: `act` has nothing to do.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub(crate) config: Arc<Config>,
}

/// Notices that are put into messages in one transaction.
const NOTICES_MAX: i64 = 512;
/// How often a manager of whom nothing was heard is looked for.
const PAUSE: SignedDuration = SignedDuration::from_secs(15);

impl Driver for Gathering {
    /// A recipient, as it stands in rows.
    type Job = (String, String);
    type Outcome = ();

    const NAME: &'static str = "notification.gathering";
    const AT_ONCE: u16 = 64;

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Self::Job>, Rejection> {
        Ok(notice::table::heads(tx, limit).await?)
    }

    async fn act(&self, jobs: &[Self::Job]) -> Vec<()> {
        vec![(); jobs.len()]
    }

    async fn record(&self, tx: &mut Tx, done: &[(Self::Job, ())]) -> Result<(), Rejection> {
        let now = tx.now();
        let heads: Vec<Self::Job> = done.iter().map(|(head, ())| head.clone()).collect();
        let until = now.saturating_add(self.config.gather()).unwrap_or(now);
        let notices = notice::table::gather(tx, &heads, until, NOTICES_MAX).await?;
        let sources = Sources::load(tx, &self.config, notices.iter(), [].iter()).await?;

        let mut waiting = Vec::new();
        let mut nobody = Vec::new();
        let mut letters: BTreeMap<String, Vec<(Notice, Contact)>> = BTreeMap::new();
        for notice in notices {
            let held = sources.applications(notice.person);
            let patience = notice.created_at.saturating_add(self.config.recipient_wait());
            match sources.book.resolve(notice.person, &notice.recipient, &held) {
                Resolution::Unheard(_) if patience.is_ok_and(|patience| now < patience) => {
                    waiting.push(notice.id);
                }
                Resolution::Known(contact) | Resolution::Unheard(Some(contact)) => {
                    let address = contact.address.to_string().to_lowercase();
                    letters.entry(address).or_default().push((notice, contact));
                }
                Resolution::Unheard(None) | Resolution::Nobody => nobody.push(notice),
            }
        }
        let later = now.saturating_add(PAUSE).unwrap_or(now);
        notice::table::postpone(tx, &waiting, later).await?;
        give_up(tx, &nobody).await?;
        self.compose(tx, letters.into_values()).await
    }
}

impl Gathering {
    /// Writes the rows of messages, each with the Message-ID it keeps.
    async fn compose(
        &self,
        tx: &mut Tx,
        letters: impl Iterator<Item = Vec<(Notice, Contact)>>,
    ) -> Result<(), Rejection> {
        let domain = self.config.domain();
        let mut messages = Vec::new();
        let mut assigned: Vec<(NoticeId, Uuid, Addressee)> = Vec::new();
        let mut write = |id: Uuid, digest: bool, told: &Addressee, lane: Lane| {
            messages.push(message::New {
                id,
                header: header(id, &domain),
                digest,
                told: told.clone(),
                lane,
            });
        };
        for letter in letters {
            let lane = letter.iter().map(|(notice, _contact)| notice.lane).min();
            let digest = letter.len() > usize::from(self.config.digest_threshold.get());
            let (Some(lane), Some((_notice, first))) = (lane, letter.first()) else { continue };
            let shared = digest.then(|| tx.new_id());
            if let Some(id) = shared {
                write(id, true, &first.addressee, lane);
            }
            for (notice, contact) in &letter {
                let id = shared.unwrap_or(notice.id.0);
                if shared.is_none() {
                    write(id, false, &contact.addressee, notice.lane);
                }
                assigned.push((notice.id, id, contact.addressee.clone()));
            }
        }
        message::table::insert(tx, &messages).await?;
        notice::table::assign(tx, &assigned).await?;
        Ok(())
    }
}

/// Records, and announces, that nobody is known who could be told.
async fn give_up(tx: &mut Tx, notices: &[Notice]) -> Result<(), Rejection> {
    if notices.is_empty() {
        return Ok(());
    }
    let error = format!("{}: nobody is known who could be told", code::NOBODY);
    let ids: Vec<NoticeId> = notices.iter().map(|notice| notice.id).collect();
    notice::table::undeliverable(tx, &ids, &error).await?;
    let ending = Ending { attempts: 0, digest: None, error, at: tx.now() };
    for notice in notices {
        tracing::warn!(
            notice.id = %notice.id, person.id = %notice.person,
            "nobody is known who could be told of notice {}", notice.id
        );
        tx.publish(&notice.failed(&ending, tx.epoch()))?;
    }
    Ok(())
}
