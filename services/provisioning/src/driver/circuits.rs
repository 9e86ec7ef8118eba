//! What workers share of applications that are out of reach: read with every look for work, written when
//! it changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use store::{Error, Tx};

use super::Shared;
use crate::circuit::{self, Circuit, Evidence};
use crate::code;
use crate::connectors::Beat;

/// Which applications are out of reach and which are not, as this process told it last.
pub(super) type OutOfReach = Mutex<BTreeMap<String, bool>>;

impl Shared {
    /// Returns what speaks against asking applications.
    pub(super) async fn circuits(&self, tx: &mut Tx) -> Result<BTreeMap<String, Circuit>, Error> {
        let circuits = circuit::table::all(tx).await?;
        let mut told = self.out_of_reach.lock().unwrap_or_else(PoisonError::into_inner);
        for application in self.applications.reachable() {
            let open = circuits.get(&application).is_some_and(|circuit| circuit.open.is_some());
            if told.get(&application) != Some(&open) {
                telemetry::metrics().circuit_open(&application, open);
                told.insert(application, open);
            }
        }
        Ok(circuits)
    }

    /// Takes in what a piece of work says of an application.
    pub(super) async fn learn(
        &self,
        tx: &mut Tx,
        application: &str,
        before: &Beat,
        after: Beat,
        probes: bool,
    ) -> Result<(), Error> {
        let known = circuit::table::of(tx, application).await?;
        let evidence = Evidence::between(before, after);
        let learned = known.learn(&evidence, probes, tx.now(), self.rules);
        self.keep_circuit(tx, application, &known, &learned).await
    }

    /// Writes what changed, and tells operators when an application went out of reach or came back.
    pub(super) async fn keep_circuit(
        &self,
        tx: &mut Tx,
        application: &str,
        known: &Circuit,
        learned: &Circuit,
    ) -> Result<(), Error> {
        if known == learned {
            return Ok(());
        }
        circuit::table::put(tx, application, learned).await?;
        match (&known.open, &learned.open) {
            (None, Some(open)) => tracing::warn!(
                application,
                code = code::OUT_OF_REACH,
                "{application} is out of reach, and its work waits ({}): {}",
                code::OUT_OF_REACH,
                open.reason
            ),
            (Some(open), None) => {
                let seconds = tx.now().duration_since(open.at).as_secs();
                tracing::info!(application, seconds, "{application} answers again");
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        Ok(())
    }
}
