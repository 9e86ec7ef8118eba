//! Texts of requests, checked.

use tonic::Status;
use uuid::Uuid;

/// The longest name of somebody who decides or answers for something, and the longest note, in bytes.
const TEXT_MAX: usize = 500;

/// Reads a text that may be empty.
pub(super) fn remark(field: &'static str, text: &str) -> Result<String, Status> {
    if text.len() > TEXT_MAX {
        return Err(Status::invalid_argument(format!("{field}: longer than {TEXT_MAX} bytes")));
    }
    Ok(text.trim().to_owned())
}

/// Reads the name of somebody.
pub(super) fn named(field: &'static str, name: &str) -> Result<String, Status> {
    let name = name.trim();
    if name.is_empty() || name.len() > TEXT_MAX {
        let message = format!("{field}: name somebody, in {TEXT_MAX} bytes at most");
        return Err(Status::invalid_argument(message));
    }
    Ok(name.to_owned())
}

/// Reads an id that may be left out.
pub(super) fn optional_id<I: From<Uuid>>(
    field: &'static str,
    id: &str,
) -> Result<Option<I>, Status> {
    if id.is_empty() {
        return Ok(None);
    }
    let id = Uuid::parse_str(id);
    id.map(|id| Some(I::from(id)))
        .map_err(|_malformed| Status::invalid_argument(format!("{field}: not an id")))
}

/// Refuses a value that no enum has.
pub(super) fn unknown(field: &'static str) -> Status {
    Status::invalid_argument(format!("{field}: unknown enum value"))
}
