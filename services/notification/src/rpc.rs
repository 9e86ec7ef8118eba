//! Operators' door: translates, decides nothing.

use domain::{PersonId, Rejection};
use proto::convert;
use proto::notification::v1 as wire;
use proto::notification::v1::notification_service_server::NotificationService;
use store::{Error, Store};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::message;
use crate::milestone::State;
use crate::notice::{self, Notice, wire_addressee, wire_milestone, wire_state};

pub(crate) struct Notification {
    store: Store,
    /// Whether there is a mail server to send to.
    configured: bool,
}

/// Rows on one page unless told otherwise.
const PAGE_SIZE: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1000;

impl Notification {
    pub(crate) fn new(store: Store, configured: bool) -> Self {
        Self { store, configured }
    }
}

#[tonic::async_trait]
impl NotificationService for Notification {
    async fn list_notices(
        &self,
        request: Request<wire::ListNoticesRequest>,
    ) -> Result<Response<wire::ListNoticesResponse>, Status> {
        let request = request.into_inner();
        let person: PersonId = convert::id("person_id", &request.person_id)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let size = match request.page_size {
            0 => PAGE_SIZE,
            size => size.min(PAGE_SIZE_MAX),
        };
        let pool = self.store.pool();
        let notices = notice::table::list(pool, person, size.into()).await.map_err(refuse)?;
        let messages: Vec<Uuid> = notices.iter().filter_map(|notice| notice.message).collect();
        let messages = message::table::attempts(pool, &messages).await.map_err(refuse)?;
        let notices = notices
            .into_iter()
            .map(|notice| {
                let carried = notice.message.and_then(|message| messages.get(&message));
                shown(notice, carried)
            })
            .collect();
        Ok(Response::new(wire::ListNoticesResponse { notices }))
    }

    async fn get_progress(
        &self,
        _request: Request<wire::GetProgressRequest>,
    ) -> Result<Response<wire::GetProgressResponse>, Status> {
        let pool = self.store.pool();
        let progress = notice::table::progress(pool).await.map_err(refuse)?;
        let repeated = message::table::repeated(pool).await.map_err(refuse)?;
        let count = |state: State| {
            let count = progress.counts.get(state.as_str()).copied().unwrap_or_default();
            u64::try_from(count).unwrap_or_default()
        };
        Ok(Response::new(wire::GetProgressResponse {
            pending: count(State::Pending),
            sent: count(State::Sent),
            failed: count(State::Failed),
            suppressed: count(State::Suppressed),
            undeliverable: count(State::Undeliverable),
            canceled: count(State::Canceled),
            mail_configured: self.configured,
            repeated: u64::try_from(repeated).unwrap_or_default(),
            oldest_pending_at: progress.oldest_pending_at.map(Into::into),
        }))
    }
}

fn shown(notice: Notice, carried: Option<&(i32, bool, String)>) -> wire::Notice {
    let (recipient_kind, recipient) = notice.intended();
    let (told_kind, told) = notice.told.as_ref().map(wire_addressee).unwrap_or_default();
    let digest = notice.message.filter(|_message| carried.is_some_and(|(_, digest, _)| *digest));
    let error = if notice.error.is_empty() {
        carried.map(|(_attempts, _digest, error)| error.clone()).unwrap_or_default()
    } else {
        notice.error
    };
    wire::Notice {
        notice_id: notice.id.to_string(),
        engagement_id: notice.engagement.to_string(),
        milestone: wire_milestone(notice.milestone).into(),
        effective_date: Some(notice.date.into()),
        recipient_kind: recipient_kind.into(),
        recipient,
        told_kind: told_kind.into(),
        told,
        template: notice.template,
        state: wire_state(notice.state).into(),
        attempts: carried.map_or(0, |(attempts, _digest, _error)| attempts.unsigned_abs()),
        error,
        digest_id: digest.map(|digest| digest.to_string()).unwrap_or_default(),
        created_at: Some(notice.created_at.into()),
        finished_at: notice.finished_at.map(Into::into),
    }
}

fn refuse(error: Error) -> Status {
    let transient = error.is_transient();
    tracing::warn!("a request ends: {}", Rejection::park(error));
    if transient {
        Status::unavailable("the database is out of reach")
    } else {
        Status::internal("the request cannot be answered")
    }
}
