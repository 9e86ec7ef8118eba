//! The only room that reads a wall clock or makes an id.
//!
//! Everything else is handed a [`Clock`]; tests hand in a [`TestClock`] and move it by hand.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::Timestamp;
use uuid::Uuid;

/// Tells the time and makes ids that sort by it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Source>);

trait Source: Send + Sync {
    fn now(&self) -> Timestamp;
    fn new_id(&self) -> Uuid;
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(SystemClock))
    }

    /// The present instant, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Returns a UUID version 7: its first 48 bits are the present millisecond.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.0.new_id()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
impl Source for SystemClock {
    fn now(&self) -> Timestamp {
        whole_micros(Timestamp::now())
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// A clock that stands still until it is moved; clones share the time.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<TestState>);

#[derive(Debug)]
struct TestState {
    micros: AtomicI64,
    ids: AtomicU64,
}

impl TestClock {
    /// Starts a clock at an instant.
    #[must_use]
    pub fn at(instant: Timestamp) -> Self {
        Self(Arc::new(TestState {
            micros: AtomicI64::new(instant.as_microsecond()),
            ids: AtomicU64::new(0),
        }))
    }

    /// The clock to hand to services.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock(Arc::new(self.clone()))
    }

    /// Moves the clock to an instant; it never goes back.
    pub fn advance_to(&self, instant: Timestamp) {
        self.0.micros.fetch_max(instant.as_microsecond(), Ordering::SeqCst);
    }
}

impl Source for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.micros.load(Ordering::SeqCst))
            .expect("the clock was started at a valid instant and only moves to valid ones")
    }

    /// Ids count up within the millisecond, so a run with one thread makes the same ids each time.
    fn new_id(&self) -> Uuid {
        let count = self.0.ids.fetch_add(1, Ordering::SeqCst);
        let millis = u64::try_from(self.now().as_millisecond()).unwrap_or_default();
        let mut random = [0_u8; 10];
        random[2..].copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

fn whole_micros(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}
