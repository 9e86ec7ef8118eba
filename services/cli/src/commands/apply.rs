//! `tenure apply`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use proto::policy::v1::{GetProgressRequest, PreviewReleaseRequest, ReleaseAuthor};
use serde_json::json;
use tokio::time::sleep;

use crate::arguments::Apply;
use crate::client::{Mesh, read_documents};
use crate::launcher::StateDir;
use crate::output::{Output, grouped};
use crate::progress::Progress;

/// How often it is asked how far the recalculation is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// What became of what was applied.
struct Applied {
    release: u64,
    activated: bool,
    documents: u32,
    content_hash: String,
}

pub(crate) async fn run(
    apply: &Apply,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let author = apply.author.told();
    let applied = match (&apply.preview, apply.release) {
        (Some(hash), _) => previewed(&mesh, hash, author).await?,
        (None, Some(number)) => earlier(&mesh, number, author).await?,
        (None, None) => {
            let mut files = Vec::new();
            for path in &apply.paths {
                files.extend(read_documents(path)?);
            }
            let answer = mesh.apply_as(files, author).await?;
            Applied {
                release: answer.release,
                activated: answer.activated,
                documents: answer.documents,
                content_hash: answer.content_hash,
            }
        }
    };
    if apply.wait {
        recalculated(&mesh).await?;
    }
    tell(&applied, output)?;
    Ok(ExitCode::SUCCESS)
}

/// Goes back: the documents of an earlier release under another number.
pub(crate) async fn back(
    number: u64,
    author: ReleaseAuthor,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    tell(&earlier(&state.mesh()?, number, author).await?, output)?;
    Ok(ExitCode::SUCCESS)
}

async fn previewed(mesh: &Mesh, hash: &str, author: ReleaseAuthor) -> anyhow::Result<Applied> {
    let answer = mesh.apply_preview(hash, author).await?;
    Ok(Applied {
        release: answer.release,
        activated: answer.activated,
        documents: answer.documents,
        content_hash: answer.content_hash,
    })
}

async fn earlier(mesh: &Mesh, release: u64, author: ReleaseAuthor) -> anyhow::Result<Applied> {
    let mut progress = Progress::new();
    let request = PreviewReleaseRequest {
        files: Vec::new(),
        release,
        author: Some(author.clone()),
        people_max: 0,
    };
    let preview =
        mesh.preview(request, |done, total| progress.show("previewing", done, total, "")).await?;
    progress.finish();
    previewed(mesh, &preview.hash, author).await
}

/// Waits until everybody is evaluated with the release, in sight of whoever waits.
async fn recalculated(mesh: &Mesh) -> anyhow::Result<()> {
    let mut progress = Progress::new();
    loop {
        let answer = mesh.policy()?.get_progress(GetProgressRequest {}).await;
        let told = answer.context("ask how far the recalculation is")?.into_inner();
        progress.show("recalculating", told.evaluated, told.people, "");
        if told.evaluated >= told.people {
            progress.finish();
            return Ok(());
        }
        sleep(ASK_EVERY).await;
    }
}

fn tell(applied: &Applied, output: &Output) -> anyhow::Result<()> {
    let result = json!({
        "release": applied.release,
        "activated": applied.activated,
        "documents": applied.documents,
        "content_hash": applied.content_hash,
    });
    output.print(&result, |_result| match applied.activated {
        true => format!(
            "release {} is active: {} documents",
            applied.release,
            grouped(applied.documents.into())
        ),
        false => format!("release {} has this content and stays active", applied.release),
    })
}
