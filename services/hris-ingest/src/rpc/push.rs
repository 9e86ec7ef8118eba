//! What sources push, and the documents and tokens by which they may.

use proto::hris::v1 as wire;
use proto::hris::v1::ingest_service_server::IngestService;
use proto::hris::v1::source_service_server::SourceService;
use store::Store;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Rpc, internal};
use crate::chunk::Outcome;
use crate::config::Config;
use crate::mapping::{Format, Source};
use crate::push::records::{self, RECORDS_MAX, Record};
use crate::push::told::told;
use crate::source;
use crate::token;

#[tonic::async_trait]
impl IngestService for Rpc {
    async fn submit(
        &self,
        request: Request<wire::SubmitRequest>,
    ) -> Result<Response<wire::SubmitResponse>, Status> {
        let request = request.into_inner();
        if request.records.len() > RECORDS_MAX {
            let message = format!("there are more than {RECORDS_MAX} records: send them in parts");
            return Err(Status::invalid_argument(message));
        }
        submit(&self.store, &self.config, request).await.map(Response::new)
    }
}

#[tonic::async_trait]
impl SourceService for Rpc {
    async fn apply_source(
        &self,
        request: Request<wire::ApplySourceRequest>,
    ) -> Result<Response<wire::ApplySourceResponse>, Status> {
        let document = request.into_inner().document;
        let source = Source::parse_in(&document, self.config.zone.as_deref())
            .map_err(|error| Status::invalid_argument(error.problems.join("\n")))?;
        let mut tx = self.store.begin().await.map_err(internal)?;
        let applied = source::apply(&mut tx, source, &document).await.map_err(internal)?;
        tx.commit().await.map_err(internal)?;
        let source::Applied { source, digest, changed } = applied;
        tracing::info!("the document of source {} is applied", source.name());
        Ok(Response::new(wire::ApplySourceResponse {
            source: source.name().to_owned(),
            format: source.format().as_str().to_owned(),
            digest,
            changed,
        }))
    }

    async fn create_token(
        &self,
        request: Request<wire::CreateTokenRequest>,
    ) -> Result<Response<wire::CreateTokenResponse>, Status> {
        let mut tx = self.store.begin().await.map_err(internal)?;
        let name = &request.get_ref().source;
        source::get(&mut tx, &self.config, name).await.map_err(unknown)?;
        let (id, token) = token::create(&mut tx, name).await.map_err(|error| match error {
            token::Error::TooMany(_) => Status::failed_precondition(error.to_string()),
            token::Error::Store(error) => internal(error),
        })?;
        tx.commit().await.map_err(internal)?;
        tracing::info!(token.id = %id, "token {id} of source {name} is made");
        let token = token.expose().to_owned();
        Ok(Response::new(wire::CreateTokenResponse { token_id: id.to_string(), token }))
    }

    async fn list_tokens(
        &self,
        request: Request<wire::ListTokensRequest>,
    ) -> Result<Response<wire::ListTokensResponse>, Status> {
        let source = &request.get_ref().source;
        let tokens = token::table::list(self.store.pool(), source).await.map_err(internal)?;
        let tokens = tokens
            .into_iter()
            .map(|token| wire::SourceToken {
                token_id: token.id.to_string(),
                prefix: token.prefix,
                created_at: Some(token.created_at.into()),
                last_used_at: token.last_used_at.map(Into::into),
            })
            .collect();
        Ok(Response::new(wire::ListTokensResponse { tokens }))
    }

    async fn revoke_token(
        &self,
        request: Request<wire::RevokeTokenRequest>,
    ) -> Result<Response<wire::RevokeTokenResponse>, Status> {
        let wire::RevokeTokenRequest { source, token_id } = request.into_inner();
        let id = Uuid::parse_str(&token_id)
            .map_err(|error| Status::invalid_argument(format!("token_id: {error}")))?;
        let mut tx = self.store.begin().await.map_err(internal)?;
        if !token::table::revoke(&mut tx, &source, id).await.map_err(internal)? {
            return Err(Status::not_found(format!("{source:?} has no valid token {id}")));
        }
        tx.commit().await.map_err(internal)?;
        tracing::info!(token.id = %id, "token {id} of source {source} is revoked");
        Ok(Response::new(wire::RevokeTokenResponse {}))
    }
}

async fn submit(
    store: &Store,
    config: &Config,
    request: wire::SubmitRequest,
) -> Result<wire::SubmitResponse, Status> {
    let mut tx = store.begin().await.map_err(internal)?;
    let source = source::get(&mut tx, config, &request.source).await.map_err(unknown)?;
    match source.format() {
        Format::JsonLines => {}
        Format::Csv | Format::Tsv | Format::Scim => {
            let message = "the source's document is of another format: jsonl can be submitted";
            return Err(Status::failed_precondition(message));
        }
    }
    let records: Vec<Record<'_>> = request
        .records
        .iter()
        .map(|record| Record { json: &record.json, sequence: record.sequence })
        .collect();
    let outcomes =
        records::take(&mut tx, store.clock(), &source, &records).await.map_err(internal)?;
    tx.commit().await.map_err(internal)?;
    let count = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Taken(_))).count();
    tracing::info!(
        push.records = request.records.len(),
        push.taken = count,
        "source {} submitted {} records, {count} with news",
        source.name(),
        request.records.len()
    );
    Ok(wire::SubmitResponse { outcomes: outcomes.into_iter().map(told).collect() })
}

fn unknown(error: source::Error) -> Status {
    match error {
        source::Error::Unknown(_) => Status::not_found(error.to_string()),
        source::Error::Invalid(_) => Status::failed_precondition(error.to_string()),
        source::Error::Store(error) => internal(error),
    }
}
