//! Who keeps what of a batch, because nobody else administers the application.

use std::collections::BTreeMap;

use domain::{PersonId, Rejection, Timestamp};
use rules::document;
use store::Tx;

use crate::account::Account;
use crate::action::Action;
use crate::dossier::Key;
use crate::guard::{self, Losing};
use crate::plan::Kind;

/// Returns which administrative entitlements people keep because nobody else holds them.
pub(super) async fn kept(
    tx: &mut Tx,
    application: &str,
    spec: &document::Application,
    accounts: &BTreeMap<Key, Account>,
    actions: &BTreeMap<Key, Vec<Action>>,
) -> Result<Losing, Rejection> {
    let administrative = guard::administrative(spec);
    if administrative.is_empty() {
        return Ok(Losing::new());
    }
    let losing = actions.iter().filter_map(|(key, actions)| {
        let open = actions.iter().filter(|action| action.is_open());
        let lost = guard::lost(&administrative, accounts.get(key), open);
        (!lost.is_empty()).then_some((key.0, lost))
    });
    let losing: Losing = losing.collect();
    if losing.is_empty() {
        return Ok(losing);
    }
    let unasked = guard::table::unasked(tx, application, &losing).await?;
    let losing = guard::by_right(losing, &unasked, &planned_at(actions));
    if losing.is_empty() {
        return Ok(losing);
    }
    let others = guard::table::others(tx, application, &losing).await?;
    Ok(guard::kept(&losing, &others))
}

/// When it was planned, by person, that something is taken away.
fn planned_at(actions: &BTreeMap<Key, Vec<Action>>) -> BTreeMap<PersonId, Timestamp> {
    let takes = |action: &&Action| {
        action.is_open()
            && match action.step.kind {
                Kind::DisableAccount | Kind::Revoke => true,
                Kind::CreateAccount | Kind::UpdateAccount | Kind::EnableAccount | Kind::Grant => {
                    false
                }
            }
    };
    let first = |(key, actions): (&Key, &Vec<Action>)| {
        let taken = actions.iter().filter(takes);
        Some((key.0, taken.map(|action| action.created_at).min()?))
    };
    actions.iter().filter_map(first).collect()
}
