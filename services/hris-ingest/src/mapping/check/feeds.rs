//! How a source's files come: by which schedule, in which folder, parted by what.

use jiff::tz::TimeZone;

use super::Problems;
use crate::facts::Contract;
use crate::mapping::document::{Folder as FolderDocument, Spec, When};
use crate::mapping::folder::{self, Complete, FileNames, Folder};
use crate::mapping::{Format, Schedule};

/// Parts the columns of a file in which nothing else is stated.
const COMMA: u8 = b',';

/// What parts the columns of a file.
pub(super) fn delimiter(spec: &Spec, format: Option<Format>, problems: &mut Problems) -> u8 {
    let usable = |byte: &u8| *byte == b'\t' || (byte.is_ascii_punctuation() && *byte != b'"');
    match (format, spec.delimiter.as_deref().map(str::as_bytes)) {
        (Some(Format::Csv), Some([byte])) if usable(byte) => *byte,
        (Some(Format::Csv), Some(_)) => {
            let problem = "must be one character of punctuation that is no quote, or a tab";
            problems.add("spec.delimiter", problem);
            COMMA
        }
        (Some(Format::Tsv | Format::JsonLines | Format::Scim), Some(_)) => {
            problems.add("spec.delimiter", "only csv has one");
            COMMA
        }
        (Some(Format::Tsv), None) => b'\t',
        (Some(Format::Csv | Format::JsonLines | Format::Scim) | None, _) => COMMA,
    }
}

/// When the source is looked at; it has to have something to look at.
pub(super) fn schedule(spec: &Spec, zone: &TimeZone, problems: &mut Problems) -> Option<Schedule> {
    let when = match (&spec.schedule, &spec.folder) {
        (None, None) => return None,
        (None, Some(_)) => {
            problems.add("spec.schedule", "must say when the folder is looked at");
            return None;
        }
        (Some(_), None) => {
            problems.add("spec.schedule", "there is nothing to look at: name a folder");
            return None;
        }
        (Some(when), Some(_)) => when,
    };
    let schedule = match when {
        When { every: Some(span), cron: None, zone: None } => {
            Schedule::every(span).map_err(|problem| ("spec.schedule.every", problem))
        }
        When { every: None, cron: Some(text), zone: name } => {
            let named = name.as_deref().map(TimeZone::get).transpose();
            let named = named.map_err(|_error| ("spec.schedule.zone", NO_ZONE.to_owned()));
            named.and_then(|named| {
                Schedule::cron(text, named.as_ref().unwrap_or(zone))
                    .map_err(|problem| ("spec.schedule.cron", problem))
            })
        }
        When { .. } => Err(("spec.schedule", "holds every, or cron and its zone".to_owned())),
    };
    match schedule {
        Ok(schedule) => Some(schedule),
        Err((path, problem)) => {
            problems.add(path, problem);
            None
        }
    }
}

const NO_ZONE: &str = "there is no such time zone";

/// Where the source drops files.
pub(super) fn folder(
    spec: &Spec,
    format: Option<Format>,
    problems: &mut Problems,
) -> Option<Folder> {
    let FolderDocument { path, files, contract, complete } = spec.folder.as_ref()?;
    if format == Some(Format::Scim) {
        problems.add("spec.folder", "a SCIM source has no files");
    }
    let mut found = |path: &str, problem: String| problems.add(path, problem);
    let path = folder::path(path).map_err(|problem| found("spec.folder.path", problem));
    let files = FileNames::parse(files).map_err(|problem| found("spec.folder.files", problem));
    let contract = match contract.as_str() {
        "full" => Some(Contract::Full),
        "partial" => Some(Contract::Partial),
        _ => None,
    };
    if contract.is_none() {
        found("spec.folder.contract", "must be full or partial".to_owned());
    }
    let complete = Complete::ALL.into_iter().find(|known| known.as_str() == complete);
    if complete.is_none() {
        found("spec.folder.complete", "must be settled or marked".to_owned());
    }
    let (Ok(path), Ok(files)) = (path, files) else { return None };
    Some(Folder { path, files, contract: contract?, complete: complete? })
}
