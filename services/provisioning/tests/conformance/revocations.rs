//! Revocations that an application accepts and does not carry out, or carries out too well.

use provisioning::connectors::Outcome;
use serde_json::json;
use testkit::{Said, WireTrouble};

use super::target::{NOT_APPLICABLE, Provider, Taking, Target, membership, taking};

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
    let [ada, grace, edsger] = target.hired(&connector, ["ada", "grace", "edsger"]).await;
    let members = [(1, &ada), (2, &grace), (3, &edsger)];
    let given: Vec<_> = members.iter().map(|(n, id)| membership(*n, id, true)).collect();
    let given = connector.change_memberships(&given).await;
    assert_eq!(given, vec![Outcome::Done(()); 3]);
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
    let [ada, grace, edsger] = target.hired(&connector, ["ada", "grace", "edsger"]).await;
    let members = [(1, &ada), (2, &grace), (3, &edsger)];
    let given: Vec<_> = members.iter().map(|(n, id)| membership(*n, id, true)).collect();
    connector.change_memberships(&given).await;
    // As RFC 7644 has it, an operation on the members without a filter takes all of them. A program
    // that understands values is told of everybody.
    let everybody = match service.provider() {
        Provider::Scimmy | Provider::DjangoScim2 => {
            json!([{"value": ada}, {"value": grace}, {"value": edsger}])
        }
        Provider::Scim2Server
        | Provider::WithoutPatch
        | Provider::WithoutFilters
        | Provider::WithCursors => json!(null),
    };
    service.proxy().meddle(move |call| match taking(call) {
        Some(Taking::Path) => Said::Instead(204, None),
        Some(Taking::Values) => {
            call.body["Operations"][0]["value"] = everybody.clone();
            Said::Truth
        }
        Some(Taking::Put) | None => Said::Truth,
    });
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
