//! `tenure source apply` and `tenure source token`: what lets a source push.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use domain::Timestamp;
use proto::convert::optional_instant;
use proto::hris::v1::{
    ApplySourceRequest, CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, SourceToken,
};
use serde::Serialize;
use tonic::Code;

use crate::launcher::StateDir;
use crate::output::{Output, instant, table};

/// A document that was applied.
#[derive(Debug, Serialize)]
struct Applied {
    source: String,
    format: String,
    /// SHA-256 of the document.
    digest: String,
    changed: bool,
}

/// A token, which is told this once.
#[derive(Debug, Serialize)]
struct Made {
    source: String,
    id: String,
    token: String,
}

/// A token as it is known later.
#[derive(Debug, Serialize)]
struct Token {
    id: String,
    prefix: String,
    created_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

pub(crate) async fn apply(
    file: &Path,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let name = file.display();
    let document = std::fs::read_to_string(file).with_context(|| format!("read {name}"))?;
    let mesh = state.mesh()?;
    let answer = match mesh.sources()?.apply_source(ApplySourceRequest { document }).await {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::InvalidArgument => {
            let problems: Vec<String> =
                status.message().lines().map(|line| format!("  {line}")).collect();
            bail!("{name} is refused and nothing was changed:\n{}", problems.join("\n"))
        }
        Err(status) => return Err(status).context("apply the document"),
    };
    let applied = Applied {
        source: answer.source,
        format: answer.format,
        digest: answer.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        changed: answer.changed,
    };
    output.print(&applied, |applied| {
        let Applied { source, format, digest: _, changed } = applied;
        let how = if *changed { "is applied" } else { "was applied already" };
        format!("the document of source {source} ({format}) {how}")
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn create_token(
    source: &str,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = CreateTokenRequest { source: source.to_owned() };
    let answer = mesh.sources()?.create_token(request).await.context("make a token")?;
    let answer = answer.into_inner();
    let made = Made { source: source.to_owned(), id: answer.token_id, token: answer.token };
    output.print(&made, |made| {
        format!(
            "{}\n\ntoken {} of source {}: keep it now, it is not shown again",
            made.token, made.id, made.source
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn list_tokens(
    source: &str,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = ListTokensRequest { source: source.to_owned() };
    let answer = mesh.sources()?.list_tokens(request).await.context("ask for the tokens")?;
    let tokens: Vec<Token> = answer.into_inner().tokens.into_iter().map(Token::from).collect();
    output.print(&tokens, |tokens| listed(tokens))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn revoke_token(
    source: &str,
    id: uuid::Uuid,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = RevokeTokenRequest { source: source.to_owned(), token_id: id.to_string() };
    mesh.sources()?.revoke_token(request).await.context("revoke the token")?;
    output.print(&id, |id| format!("token {id} of source {source} is revoked"))?;
    Ok(ExitCode::SUCCESS)
}

fn listed(tokens: &[Token]) -> String {
    if tokens.is_empty() {
        return "the source has no valid token".to_owned();
    }
    let row = |token: &Token| {
        let prefix = format!("{}…", token.prefix);
        vec![token.id.clone(), prefix, instant(token.created_at), instant(token.last_used_at)]
    };
    table(&["id", "begins with", "made", "last used"], tokens.iter().map(row))
}

impl From<SourceToken> for Token {
    fn from(token: SourceToken) -> Self {
        let at = |instant| optional_instant("instant", instant).unwrap_or_default();
        Self {
            id: token.token_id,
            prefix: token.prefix,
            created_at: at(token.created_at.as_ref()),
            last_used_at: at(token.last_used_at.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart_by_how_they_begin() {
        let token = SourceToken { prefix: "tnr_0a1b2c".to_owned(), ..SourceToken::default() };

        let text = listed(&[Token::from(token)]);

        assert!(text.contains("tnr_0a1b2c…"), "{text}");
    }
}
