//! Answers that are false, late, or do not end.

use std::time::Duration;

use domain::AccountState;
use provisioning::connectors::{AccountChange, Outcome};
use testkit::{Said, WireTrouble};

use super::target::{GROUP, NOT_APPLICABLE, Target, done, leaver, membership, person};

/// Returns how the search for somebody ends in a list of which every page is the first one.
pub(crate) async fn a_list_that_never_advances_is_a_fault(target: &Target) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    for login in ["a", "b", "c", "d", "e"] {
        target.make_stranger(login).await;
    }
    service.proxy().meddle(|call| {
        let path = call.path.split('?').next().unwrap_or_default().to_owned();
        if call.method == "GET" && path.ends_with("/Users") {
            call.path = format!("{path}?count=2");
        }
        Said::Truth
    });

    let absent = leaver(&target.hire(1, "ada"), "no-such-id");
    let outcomes = target.connector().ensure_accounts(&[absent]).await;

    let lists = service.proxy().take_calls().iter().filter(|call| call.path.contains('?')).count();
    match outcomes.as_slice() {
        [Outcome::Retry { reason, .. }] if service.pages() => {
            assert_eq!(reason, "the application's list does not advance");
            assert_eq!(lists, 2, "the first page is read once more, and not again");
            "fault at the second page".to_owned()
        }
        [Outcome::Gone] if !service.pages() => "the whole list at once".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Returns nothing but that it held: it looks the same everywhere.
pub(crate) async fn too_many_requests_are_followed_by_the_pause_that_was_asked_for(
    target: &Target,
) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    service.proxy().meddle(|_call| Said::Instead(429, Some(("retry-after", "7"))));
    let connector = target.connector();

    let refused = connector.ensure_accounts(&[target.hire(1, "ada")]).await;
    service.proxy().meddle(|_call| Said::Truth);
    let asked = service.proxy().take_calls().len();
    let held_back = connector.ensure_accounts(&[target.hire(2, "grace")]).await;
    let group = connector.change_memberships(&[membership(1, "1", true)]).await;

    let seven = Duration::from_secs(7);
    assert!(
        matches!(refused.as_slice(), [Outcome::Wait { after, .. }] if *after == seven),
        "{refused:?}"
    );
    assert!(
        matches!(held_back.as_slice(), [Outcome::Wait { after, .. }]
            if !after.is_zero() && *after <= seven),
        "{held_back:?}"
    );
    assert!(matches!(group.as_slice(), [Outcome::Wait { after, .. }] if !after.is_zero()));
    assert_eq!((asked, service.proxy().take_calls().len()), (1, 0));
    assert!(target.accounts().await.is_empty());
    "waits".to_owned()
}

/// Returns how a hire, a grant and a revocation end whose answers were lost.
pub(crate) async fn a_failure_after_the_commit_doubles_nothing(target: &Target) -> String {
    let mut told = Vec::new();
    let connector = target.connector();
    target.make_stranger("somebody.else").await;

    lose_answers(target);
    let mut hired = connector.ensure_accounts(&[target.hire(1, "ada")]).await;
    told.push(word(&hired[0]));
    for _again in 0..2 {
        hired = connector.ensure_accounts(&[target.hire(1, "ada")]).await;
    }
    let [Outcome::Done(ada) | Outcome::Already(ada)] = hired.as_slice() else {
        panic!("{hired:?}")
    };
    assert_eq!(target.accounts().await.len(), 2);
    assert_eq!(ada.state, AccountState::Active);

    for held in [true, false] {
        let change = membership(1, &ada.account_id, held);
        lose_answers(target);
        let mut outcomes = connector.change_memberships(std::slice::from_ref(&change)).await;
        told.push(word(&outcomes[0]));
        for _again in 0..2 {
            outcomes = connector.change_memberships(std::slice::from_ref(&change)).await;
        }
        assert_eq!(outcomes, [Outcome::Already(())]);
        let members = target.members().await;
        assert_eq!(members, if held { vec![ada.account_id.clone()] } else { Vec::new() });
    }
    told.join(", ")
}

/// Has every write carried out and its answer lost: one write at a time where there is a connection
/// to lose.
fn lose_answers(target: &Target) {
    match target {
        Target::Scim(service) => service.proxy().meddle(|call| match call.method.as_str() {
            "GET" => Said::Truth,
            _ => Said::Afterwards(500),
        }),
        Target::Ldap(directory) => directory.wire().trouble(WireTrouble::Lose),
    }
}

fn word<T: std::fmt::Debug>(outcome: &Outcome<T>) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::Already(_)
        | Outcome::Gone
        | Outcome::LoginTaken
        | Outcome::Manual
        | Outcome::Wait { .. }
        | Outcome::Failed { .. } => panic!("{outcome:?}"),
    }
}

/// Returns nothing but that it held: it looks the same everywhere.
pub(crate) async fn an_ignored_filter_adopts_nobody(target: &Target) -> String {
    let Target::Scim(service) = target else { return NOT_APPLICABLE.to_owned() };
    for login in ["a", "b", "c"] {
        target.make_stranger(login).await;
    }
    let grace = done(target.connector().ensure_accounts(&[target.hire(2, "grace")]).await);
    service
        .peer()
        .make(
            "/Groups",
            &serde_json::json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "fire",
            }),
        )
        .await;
    let before = target.accounts().await;
    service.proxy().meddle(|call| {
        call.path = call.path.replace("?filter=", "?ignored=");
        Said::Truth
    });
    let connector = target.connector();

    let ada = done(connector.ensure_accounts(&[target.hire(1, "ada")]).await);
    let taken = connector.ensure_accounts(&[target.hire(3, "a")]).await;
    let known =
        leaver(&AccountChange { account_id: None, ..target.hire(2, "grace") }, "no-such-id");
    let left = done(connector.ensure_accounts(&[known]).await);
    let given = connector.change_memberships(&[membership(1, &ada.account_id, true)]).await;

    assert_ne!(ada.account_id, grace.account_id);
    assert_eq!(taken, [Outcome::LoginTaken]);
    assert_eq!(left.account_id, grace.account_id);
    assert_eq!(given, [Outcome::Done(())]);
    assert_eq!(target.members().await, [ada.account_id.as_str()]);
    assert!(service.peer().members("fire").await.is_empty(), "{GROUP} is another group");
    let after = target.accounts().await;
    let strangers = |accounts: &[super::target::Account]| {
        accounts.iter().filter(|account| account.person.is_empty()).cloned().collect::<Vec<_>>()
    };
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(strangers(&after), strangers(&before));
    assert!(
        after.iter().any(|one| one.id == ada.account_id && one.person == person(1).to_string())
    );
    "nobody adopted".to_owned()
}
