//! The texts of messages: built in, each replaceable by a file of the same name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::{Line, TaskLine};
use crate::milestone::TEMPLATES;
use crate::standing::clean;

/// Every template, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    environment: Environment<'static>,
}

/// A message's subject and its two bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// How many notices of a digest are about which milestone.
#[derive(Debug, Serialize)]
struct Count {
    milestone: &'static str,
    notices: usize,
}

/// The template of messages with several notices.
pub(crate) const DIGEST: &str = "digest";
/// The template of messages with tasks.
pub(crate) const TASKS: &str = "tasks";
/// Instructions that one rendering may take.
const FUEL: u64 = 1_000_000;
/// What the first line of a text begins with.
const SUBJECT: &str = "Subject: ";

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        [$((
            $name,
            include_str!(concat!("../../templates/", $name, ".txt")),
            include_str!(concat!("../../templates/", $name, ".html")),
        )),+]
    };
}

const BUILT_IN: [(&str, &str, &str); 10] = built_in![
    "joining",
    "rehired",
    "access_ready",
    "moved",
    "leaving",
    "leaving_again",
    "left",
    "leaving_withdrawn",
    "digest",
    "tasks",
];

impl Templates {
    /// Compiles every template; files of the folder replace those of the same name.
    ///
    /// # Errors
    /// When a file is not one of the templates or is not valid.
    pub(crate) fn load(folder: Option<&Path>) -> anyhow::Result<Self> {
        let mut sources: BTreeMap<String, String> = BUILT_IN
            .into_iter()
            .flat_map(|(name, text, html)| {
                [
                    (format!("{name}.txt"), text.to_owned()),
                    (format!("{name}.html"), html.to_owned()),
                ]
            })
            .collect();
        if let Some(folder) = folder {
            replace(folder, &mut sources)?;
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|name| {
            if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
        });
        for (name, source) in sources {
            environment
                .add_template_owned(name.clone(), source)
                .with_context(|| format!("read the template {name}"))?;
        }
        Ok(Self { environment })
    }

    /// Writes a message about one notice.
    pub(crate) fn notice(&self, line: &Line) -> Result<Rendered, minijinja::Error> {
        let name = TEMPLATES.into_iter().find(|name| *name == line.template);
        self.render(name.unwrap_or(line.milestone), context! { notice => Serde(line) })
    }

    /// Writes a message about several notices, of which it lists at most `limit`.
    pub(crate) fn digest(
        &self,
        lines: &[Line],
        limit: usize,
    ) -> Result<Rendered, minijinja::Error> {
        let mut counts: Vec<Count> = Vec::new();
        for line in lines {
            match counts.iter_mut().find(|count| count.milestone == line.milestone) {
                Some(count) => count.notices += 1,
                None => counts.push(Count { milestone: line.milestone, notices: 1 }),
            }
        }
        let listed = &lines[..lines.len().min(limit)];
        let more = lines.len() - listed.len();
        self.render(
            DIGEST,
            context! {
                notices => Serde(listed),
                total => lines.len(),
                more => more,
                counts => Serde(&counts),
            },
        )
    }

    /// Writes a message about what somebody has to do, of which it lists at most `limit`.
    pub(crate) fn tasks(
        &self,
        tasks: &[TaskLine],
        limit: usize,
    ) -> Result<Rendered, minijinja::Error> {
        let listed = &tasks[..tasks.len().min(limit)];
        let late = tasks.iter().filter(|task| task.late).count();
        self.render(
            TASKS,
            context! {
                tasks => Serde(listed),
                total => tasks.len(),
                late => late,
                more => tasks.len() - listed.len(),
            },
        )
    }

    fn render(&self, name: &str, context: Value) -> Result<Rendered, minijinja::Error> {
        let text =
            self.environment.get_template(&format!("{name}.txt"))?.render(context.clone())?;
        let html = self.environment.get_template(&format!("{name}.html"))?.render(context)?;
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let subject = clean(first.strip_prefix(SUBJECT).unwrap_or(first));
        Ok(Rendered { subject, text: rest.trim_start_matches('\n').to_owned(), html })
    }
}

fn replace(folder: &Path, sources: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let read = || format!("read the templates in {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(read)? {
        let path = entry.with_context(read)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(
            sources.contains_key(&name),
            "{} replaces no template; there are {}",
            path.display(),
            sources.keys().cloned().collect::<Vec<_>>().join(", ")
        );
        let source =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        sources.insert(name, source);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
