//! Revocations that an application accepts and does not carry out, or carries out too well.

use std::sync::atomic::{AtomicBool, Ordering};

use provisioning::connectors::{Connector, Outcome};
use serde_json::{Value, json};
use testkit::{Call, Said, WireTrouble};

use super::target::{NOT_APPLICABLE, Provider, Service, Taking, Target, membership, taking};

/// Returns what was tried.
pub(crate) async fn a_revocation_that_is_only_said_is_never_done(target: &Target) -> String {
    let connector = target.connector();
    let [ada] = target.hired(&connector, ["ada"]).await;
    let given = connector.change_memberships(&[membership(1, &ada, true)]).await;
    assert_eq!(given, [Outcome::Done(())]);
    match target {
        Target::Scim(service) => service.proxy().meddle(|call| match taking(call) {
            Some(_) => Said::Instead(204, None),
            None => Said::Truth,
        }),
        Target::Ldap(directory) => directory.wire().trouble(WireTrouble::Lie),
    }
    target.told();

    let first = connector.change_memberships(&[membership(1, &ada, false)]).await;
    let told = target.told();
    let second = connector.change_memberships(&[membership(1, &ada, false)]).await;

    for outcomes in [first, second] {
        assert!(
            matches!(outcomes.as_slice(), [Outcome::Retry { reason, .. }]
                if reason.starts_with("PROV-107")),
            "{outcomes:?}"
        );
    }
    assert_eq!(target.members().await, [ada]);
    told
}

/// Returns what was tried for the first revocation and for the second one.
pub(crate) async fn a_revocation_without_effect_is_tried_in_another_dialect(
    target: &Target,
) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    let connector = target.connector();
    let [ada, grace, edsger] = three_members(target, &connector).await;
    service.proxy().meddle(|call| match taking(call) {
        Some(Taking::Path) => Said::Instead(204, None),
        Some(Taking::Values | Taking::Put) | None => Said::Truth,
    });
    target.told();

    let first = connector.change_memberships(&[membership(1, &ada, false)]).await;
    let told_first = target.told();
    let second = connector.change_memberships(&[membership(2, &grace, false)]).await;
    let told_second = target.told();

    assert_eq!((first, second), (vec![Outcome::Done(())], vec![Outcome::Done(())]));
    assert_eq!(target.members().await, [edsger]);
    format!("{told_first}; then {told_second}")
}

/// Returns what was tried for the first revocation, which emptied the group where values are
/// understood, and for the second one.
pub(crate) async fn a_group_that_is_emptied_gets_its_members_back(target: &Target) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    let connector = target.connector();
    let [ada, grace, edsger] = three_members(target, &connector).await;
    let everybody = everybody(service, [&ada, &grace, &edsger]);
    service.proxy().meddle(move |call| empties(call, &everybody));
    target.told();

    let first = connector.change_memberships(&[membership(1, &ada, false)]).await;
    let told_first = target.told();
    let mut expected = vec![grace.clone(), edsger.clone()];
    expected.sort();
    assert_eq!(first, [Outcome::Done(())]);
    assert_eq!(target.members().await, expected);

    let second = connector.change_memberships(&[membership(2, &grace, false)]).await;
    let told_second = target.told();
    assert!(!told_second.contains("values"), "{told_second}");
    if service.provider() == Provider::DjangoScim2 {
        // Without values there is no dialect left that it carries out.
        assert!(matches!(second.as_slice(), [Outcome::Retry { reason, .. }]
            if reason.starts_with("PROV-107")));
        assert_eq!(target.members().await, expected);
        return format!("{told_first}; then {told_second}, PROV-107");
    }
    assert_eq!(second, [Outcome::Done(())]);
    assert_eq!(target.members().await, [edsger]);
    format!("{told_first}; then {told_second}")
}

/// Returns what was tried before the reading back that failed.
pub(crate) async fn an_emptied_group_whose_reading_back_failed_is_seen_to_with_the_next_change(
    target: &Target,
) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    let connector = target.connector();
    let [ada, grace, edsger] = three_members(target, &connector).await;
    let everybody = everybody(service, [&ada, &grace, &edsger]);
    let emptied = AtomicBool::new(false);
    service.proxy().meddle(move |call| {
        if taking(call) == Some(Taking::Values) {
            emptied.store(true, Ordering::Relaxed);
        }
        let reads = call.method == "GET" && call.path.contains("/Groups/");
        if reads && emptied.swap(false, Ordering::Relaxed) {
            return Said::Instead(503, None);
        }
        empties(call, &everybody)
    });
    target.told();

    let unknown = connector.change_memberships(&[membership(1, &ada, false)]).await;
    let told = target.told();
    let again = connector.change_memberships(&[membership(1, &ada, false)]).await;

    let mut expected = vec![grace, edsger];
    expected.sort();
    assert_eq!(target.members().await, expected);
    if service.provider() == Provider::WithoutPatch {
        assert_eq!((unknown, again), (vec![Outcome::Done(())], vec![Outcome::Already(())]));
    } else {
        assert!(matches!(unknown.as_slice(), [Outcome::Retry { .. }]), "{unknown:?}");
        assert_eq!(again, [Outcome::Already(())]);
    }
    told
}

/// Returns how it was taken, and how that ended.
pub(crate) async fn a_member_whom_the_application_does_not_list_is_taken_all_the_same(
    target: &Target,
) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    let [ada, grace, edsger] = three_members(target, &target.connector()).await;
    service.proxy().meddle(|call| {
        if call.method == "GET" && call.path.contains("/Groups/") {
            call.path.push_str("?excludedAttributes=members");
        }
        Said::Truth
    });
    target.told();

    let taken = target.connector().change_memberships(&[membership(1, &ada, false)]).await;

    let told = target.told();
    let mut left = vec![grace, edsger];
    let outcome = match (service.provider(), taken.as_slice()) {
        (Provider::DjangoScim2, [Outcome::Done(())]) => "lists them",
        // What can neither be patched nor seen is not written for fear of the others.
        (Provider::WithoutPatch, [Outcome::Already(())]) => {
            left.push(ada);
            "is believed, and the member stays"
        }
        (_, [Outcome::Already(())]) => "cannot be read back",
        other => panic!("{other:?}"),
    };
    left.sort();
    assert_eq!(target.members().await, left);
    if told.is_empty() { outcome.to_owned() } else { format!("{told}; {outcome}") }
}

/// Hires three people into the group.
async fn three_members(target: &Target, connector: &Connector) -> [String; 3] {
    let ids = target.hired(connector, ["ada", "grace", "edsger"]).await;
    let given: Vec<_> = (1..).zip(&ids).map(|(n, id)| membership(n, id, true)).collect();
    let given = connector.change_memberships(&given).await;
    assert_eq!(given, vec![Outcome::Done(()); 3]);
    ids
}

/// What a program takes for every member: as RFC 7644 has it, an operation on the members without a
/// filter; those who understand values are told of everybody.
fn everybody(service: &Service, accounts: [&String; 3]) -> Value {
    match service.provider() {
        Provider::Scimmy | Provider::DjangoScim2 => {
            accounts.map(|account| json!({"value": account})).into()
        }
        Provider::Scim2Server
        | Provider::WithoutPatch
        | Provider::WithoutFilters
        | Provider::WithCursors => Value::Null,
    }
}

/// Carries no removal by a path out, and every removal by values too well.
fn empties(call: &mut Call, everybody: &Value) -> Said {
    match taking(call) {
        Some(Taking::Path) => Said::Instead(204, None),
        Some(Taking::Values) => {
            call.body["Operations"][0]["value"] = everybody.clone();
            Said::Truth
        }
        Some(Taking::Put) | None => Said::Truth,
    }
}
