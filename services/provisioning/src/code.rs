//! Codes of what an operator can meet in the service itself; those of connectors stand with them.

/// An action was tried as often as the configuration allows.
pub(crate) const GAVE_UP: &str = "PROV-120";
/// Desired access names no login for an account that has to be made.
pub(crate) const LOGIN_UNKNOWN: &str = "PROV-121";
/// Every login that can be formed for a person is taken.
pub(crate) const LOGINS_EXHAUSTED: &str = "PROV-122";
/// A grant waits for an account that could not be made.
pub(crate) const NO_ACCOUNT: &str = "PROV-123";
/// An account was made without values that other accounts should have supplied.
pub(crate) const MADE_WITHOUT: &str = "PROV-126";
/// An application cannot be reached with what its document says.
pub(crate) const NOT_CONNECTED: &str = "PROV-124";
/// An application did not answer in the time for which its work was leased.
pub(crate) const TOO_SLOW: &str = "PROV-125";
/// An account that was there already was taken over for a person.
pub(crate) const ADOPTED: &str = "PROV-127";
/// Several people, or several accounts, fit each other, and a human has to say whose is which.
pub(crate) const DOUBTFUL: &str = "PROV-128";
/// An account is protected, and is never touched.
pub(crate) const PROTECTED: &str = "PROV-129";
/// An application is out of reach, and its work waits.
pub(crate) const OUT_OF_REACH: &str = "PROV-140";
/// An application cannot be read as a whole.
pub(crate) const NOT_READ: &str = "PROV-130";
/// Nobody whom an application names for its tasks is here any more.
pub(crate) const NOBODY_LEFT: &str = "PROV-132";
/// Somebody would be left without an administrator.
pub(crate) const LAST_ADMINISTRATOR: &str = "PROV-133";
/// The breaker holds the repairs of an application.
pub(crate) const REPAIRS_HELD: &str = "PROV-131";
