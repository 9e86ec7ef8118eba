//! Codes of what an operator can meet.

/// Nobody is known who could be told.
pub(crate) const NOBODY: &str = "NOTI-101";
/// The mail server refused a message for good.
pub(crate) const REFUSED: &str = "NOTI-102";
/// A message was tried as often as the configuration allows.
pub(crate) const GAVE_UP: &str = "NOTI-103";
/// Twice nobody could say whether the mail server took a message over.
pub(crate) const UNKNOWN: &str = "NOTI-104";
/// A message could not be written from its template.
pub(crate) const UNWRITABLE: &str = "NOTI-105";
/// The mail server cannot be reached, or asks to be tried later.
pub(crate) const LATER: &str = "NOTI-106";
