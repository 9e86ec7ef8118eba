//! How far long work is: a bar at a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::output::{grouped, tell};

const LINE_EVERY: Duration = Duration::from_secs(5);

/// One piece of work after the other.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    stage: String,
    bar: Option<ProgressBar>,
    told: Option<(Instant, String)>,
    last: String,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            stage: String::new(),
            bar: None,
            told: None,
            last: String::new(),
        }
    }

    /// Shows how far a stage is; another stage than before ends that one.
    pub(crate) fn show(&mut self, stage: &str, done: u64, total: u64, note: &str) {
        if self.stage != stage {
            self.finish();
            stage.clone_into(&mut self.stage);
        }
        if self.terminal {
            let bar = self.bar.get_or_insert_with(|| bar(stage));
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(note.to_owned());
            return;
        }
        self.last = line(stage, done, total, note);
        let due = self.told.as_ref().is_none_or(|(told, _line)| told.elapsed() >= LINE_EVERY);
        if due {
            tell(&self.last);
            self.told = Some((Instant::now(), self.last.clone()));
        }
    }

    /// Ends the stage that is shown.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
        let last = std::mem::take(&mut self.last);
        if self.told.take().is_some_and(|(_when, told)| told != last) {
            tell(&last);
        }
        self.stage.clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }
}

fn bar(stage: &str) -> ProgressBar {
    let template = "{prefix:>12} {wide_bar} {human_pos}/{human_len} {elapsed} {msg}";
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_invalid| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_prefix(stage.to_owned())
}

fn line(stage: &str, done: u64, total: u64, note: &str) -> String {
    let mut line = format!("{stage}: {} of {}", grouped(done), grouped(total));
    if !note.is_empty() {
        line.push_str(", ");
        line.push_str(note);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_of_how_much() {
        assert_eq!(line("settling", 1200, 16_049, ""), "settling: 1,200 of 16,049");
        assert_eq!(line("settling", 0, 5, "3 actions open"), "settling: 0 of 5, 3 actions open");
    }
}
