//! Members that an application keeps twice.

use provisioning::connectors::Outcome;
use serde_json::json;

use super::target::{GROUP, NOT_APPLICABLE, Target, membership};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Returns what the application itself makes of a member that is added twice.
pub(crate) async fn a_member_added_twice_is_in_the_group_once(target: &Target) -> String {
    let [ada, grace] = target.hired(&target.connector(), ["ada", "grace"]).await;
    let change = membership(1, &ada, true);

    // Each connector has forgotten what the former did.
    let first = target.connector().change_memberships(std::slice::from_ref(&change)).await;
    let second = target.connector().change_memberships(std::slice::from_ref(&change)).await;
    let both = [change.clone(), change, membership(2, &grace, true)];
    let third = target.connector().change_memberships(&both).await;

    assert_eq!((first, second), (vec![Outcome::Done(())], vec![Outcome::Already(())]));
    assert_eq!(third, [Outcome::Already(()), Outcome::Already(()), Outcome::Done(())]);
    let mut expected = vec![ada.clone(), grace];
    expected.sort();
    assert_eq!(target.members().await, expected);

    let Target::Scim(service) = target else { return "is not asked twice".to_owned() };
    let adds = json!({"schemas": [PATCH], "Operations": [
        {"op": "add", "path": "members", "value": [{"value": ada}]},
    ]});
    let status = service.peer().patch(&service.group().await, &adds).await;
    let times = target.members().await.iter().filter(|member| **member == ada).count();
    match (status, times) {
        (200..300, 1) => "keeps it once".to_owned(),
        (200..300, 2) => "keeps it twice".to_owned(),
        (status, _) => format!("answers {status}"),
    }
}

/// Returns how it was taken.
pub(crate) async fn a_member_that_the_application_keeps_twice_goes_wholly(
    target: &Target,
) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    let [ada, grace] = target.hired(&target.connector(), ["ada", "grace"]).await;
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": GROUP,
        "members": [{"value": ada}, {"value": grace}, {"value": ada}],
    });
    service.peer().make("/Groups", &group).await;
    let kept = target.members().await.iter().filter(|member| **member == ada).count();
    match kept {
        0 => return "makes groups without members".to_owned(),
        1 => return "keeps it once".to_owned(),
        _ => {}
    }

    let taken = target.connector().change_memberships(&[membership(1, &ada, false)]).await;

    assert_eq!(taken, [Outcome::Done(())]);
    assert_eq!(target.members().await, [grace]);
    target.told()
}
