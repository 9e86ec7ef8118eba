//! The SCIM connector against an application that misbehaves on request.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "connectors/changes.rs"]
mod changes;
#[path = "connectors/reading.rs"]
mod reading;

use std::time::Duration;

use clock::TestClock;
use domain::{AccountState, Lane, Timestamp};
use provisioning::connectors::{AccountChange, Connector, Outcome};
use testkit::sandbox::{Filters, Sandbox, SandboxConfig, Switches};
use testkit::{Proxy, Said};

use changes::{done, hire, membership, person, scim};

#[tokio::test]
async fn an_account_is_made_once_although_the_answer_was_lost() {
    let lost = [
        Switches { fail_after_next: 1, ..Switches::default() },
        Switches { drop_after_next: 1, ..Switches::default() },
        Switches { fail_after_next: 1, filters: Filters::Ignored, ..Switches::default() },
    ];
    for switches in lost {
        let (sandbox, directory) = start().await;
        done(directory.ensure_accounts(&[hire(9, "somebody.else")]).await);
        sandbox.set_switches(switches);

        let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);

        assert_eq!(ada.login, "ada");
        assert_eq!(sandbox.users().len(), 2);
    }
}

#[tokio::test]
async fn an_account_made_unseen_is_found_by_the_conflict_it_causes() {
    let (sandbox, directory) = start().await;
    let blind = Switches { filters: Filters::Empty, ..Switches::default() };
    sandbox.set_switches(Switches { fail_after_next: 1, ..blind.clone() });
    let unknown = directory.ensure_accounts(&[hire(1, "ada")]).await;

    sandbox.set_switches(blind);
    let found = directory.ensure_accounts(&[hire(1, "ada")]).await;

    assert!(matches!(unknown.as_slice(), [Outcome::Retry { .. }]), "{unknown:?}");
    assert!(matches!(found.as_slice(), [Outcome::Already(_)]), "{found:?}");
    assert_eq!(sandbox.users().len(), 1);
}

#[tokio::test]
async fn a_failure_before_anything_was_done_is_tried_again() {
    let (sandbox, directory) = start().await;
    sandbox.set_switches(Switches { fail_before_next: 1, ..Switches::default() });

    let failed = directory.ensure_accounts(&[hire(1, "ada")]).await;

    assert!(matches!(failed.as_slice(), [Outcome::Retry { .. }]), "{failed:?}");
    assert!(sandbox.users().is_empty());
    done(directory.ensure_accounts(&[hire(1, "ada")]).await);
}

#[tokio::test]
async fn an_ignored_filter_never_makes_a_stranger_ours() {
    let (sandbox, directory) = start().await;
    let grace = done(directory.ensure_accounts(&[hire(2, "grace")]).await);
    sandbox.set_switches(Switches { filters: Filters::Ignored, ..Switches::default() });

    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);

    assert_ne!(ada.account_id, grace.account_id);
    assert_eq!(
        sandbox.find_user_by_external_id(&person(2).to_string()).unwrap().user_name,
        "grace"
    );
}

#[tokio::test]
async fn a_login_held_by_a_stranger_is_taken() {
    for filters in [Filters::Honest, Filters::Ignored, Filters::Empty] {
        let (sandbox, directory) = start().await;
        done(directory.ensure_accounts(&[hire(2, "ada")]).await);
        sandbox.set_switches(Switches { filters, ..Switches::default() });

        let outcomes = directory.ensure_accounts(&[hire(1, "ada")]).await;

        assert_eq!(outcomes, [Outcome::LoginTaken], "{filters:?}");
        assert_eq!(sandbox.users().len(), 1);
    }
}

#[tokio::test]
async fn an_account_that_is_gone_is_made_anew_only_when_asked() {
    let (sandbox, directory) = start().await;
    let lost = AccountChange { account_id: Some("no-such-id".to_owned()), ..hire(1, "ada") };
    let leaver = AccountChange { state: AccountState::Suspended, create: false, ..lost.clone() };

    let gone = directory.ensure_accounts(&[leaver]).await;

    assert_eq!(gone, [Outcome::Gone]);
    assert!(sandbox.users().is_empty());
    done(directory.ensure_accounts(&[lost]).await);
    assert_eq!(sandbox.users().len(), 1);
}

#[tokio::test]
async fn an_account_linked_to_another_person_is_left_alone() {
    let (sandbox, directory) = start().await;
    let grace = done(directory.ensure_accounts(&[hire(2, "grace")]).await);
    let crossed = AccountChange { account_id: Some(grace.account_id), ..hire(1, "ada") };

    let outcomes = directory.ensure_accounts(&[crossed]).await;

    assert!(matches!(outcomes.as_slice(), [Outcome::Failed { code: "PROV-103", .. }]));
    assert_eq!(sandbox.users()[0].user_name, "grace");
}

#[tokio::test]
async fn a_patch_that_is_accepted_and_not_carried_out_is_noticed() {
    let (sandbox, directory) = start().await;
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    sandbox.set_switches(Switches { lie_on_patch: true, ..Switches::default() });
    let leaver = AccountChange {
        account_id: Some(ada.account_id.clone()),
        lane: Lane::Leaver,
        state: AccountState::Suspended,
        ..hire(1, "ada")
    };

    let accounts = directory.ensure_accounts(&[leaver]).await;
    let memberships = directory.change_memberships(&[membership(1, &ada.account_id, true)]).await;

    let expected = "PROV-107: read back, the account differs in active".to_owned();
    assert_eq!(accounts, [Outcome::Retry { after: Duration::ZERO, reason: expected }]);
    let expected = "PROV-107: read back, the membership is unchanged".to_owned();
    assert_eq!(memberships, [Outcome::Retry { after: Duration::ZERO, reason: expected }]);
}

#[tokio::test]
async fn a_group_whose_patches_are_not_carried_out_is_replaced_once_its_members_were_seen() {
    let (sandbox, directory) = start().await;
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    directory.change_memberships(&[membership(1, &ada.account_id, true)]).await;
    sandbox.set_switches(Switches { lie_on_patch: true, ..Switches::default() });

    for (held, members) in [(false, vec![]), (true, vec!["ada"])] {
        let change = membership(1, &ada.account_id, held);
        let outcomes = directory.change_memberships(&[change]).await;

        assert_eq!(outcomes, [Outcome::Done(())]);
        assert_eq!(sandbox.members_of("police"), members);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let (sandbox, _directory) = start().await;
    let elsewhere = Proxy::before(sandbox.base_url()).await;
    let here = Proxy::before(sandbox.base_url()).await;
    let location: &'static str = format!("{}/Users", elsewhere.url()).leak();
    for status in [301, 302, 307, 308] {
        here.meddle(move |_call| Said::Instead(status, Some(("location", location))));

        let outcomes = scim(here.url(), sandbox.token()).ensure_accounts(&[hire(1, "ada")]).await;

        assert!(
            matches!(outcomes.as_slice(), [Outcome::Retry { reason, .. }]
                if reason.starts_with("PROV-109")),
            "{outcomes:?}"
        );
    }
    assert!(elsewhere.take_calls().is_empty());
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_by_every_request() {
    let (sandbox, directory) = start().await;
    let pause = Switches { refuse_next: 1, retry_after_seconds: 30, ..Switches::default() };
    sandbox.set_switches(pause);

    let first = directory.ensure_accounts(&[hire(1, "ada")]).await;
    let second = directory.ensure_accounts(&[hire(2, "grace"), hire(3, "edsger")]).await;

    assert!(
        matches!(first.as_slice(), [Outcome::Wait { after, .. }] if after.as_secs() == 30),
        "{first:?}"
    );
    for outcome in second {
        assert!(matches!(outcome, Outcome::Wait { after, .. } if !after.is_zero()));
    }
    assert_eq!(sandbox.calls().len(), 1);
}

#[tokio::test]
async fn memberships_of_250_people_take_three_patches_and_two_readings() {
    let (sandbox, directory) = start().await;
    let hires: Vec<_> = (1..=250).map(|number| hire(number, &format!("login{number}"))).collect();
    let made = directory.ensure_accounts(&hires).await;
    let accounts: Vec<_> = made.into_iter().map(|one| done(vec![one]).account_id).collect();

    for held in [true, false] {
        let changes: Vec<_> =
            (1..).zip(&accounts).map(|(number, id)| membership(number, id, held)).collect();
        let (patches, readings) = (calls(&sandbox, "PATCH"), calls(&sandbox, "GET"));

        let outcomes = directory.change_memberships(&changes).await;

        assert_eq!(outcomes, vec![Outcome::Done(()); 250]);
        assert_eq!(sandbox.members_of("police").len(), if held { 250 } else { 0 });
        assert_eq!(calls(&sandbox, "PATCH") - patches, 3);
        assert_eq!(calls(&sandbox, "GET") - readings, 2);
    }
}

#[tokio::test]
async fn a_membership_whose_answer_was_lost_is_read_back_as_done() {
    let (sandbox, directory) = start().await;
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let changes = |held| [membership(1, &ada.account_id, held)];
    directory.change_memberships(&changes(true)).await;
    sandbox.set_switches(Switches { fail_after_next: 1, ..Switches::default() });

    let taken = directory.change_memberships(&changes(false)).await;

    assert_eq!(taken, [Outcome::Done(())]);
    assert!(sandbox.members_of("police").is_empty());
}

#[tokio::test]
async fn taking_from_a_group_that_is_not_there_makes_none() {
    let (sandbox, directory) = start().await;

    let outcomes = directory.change_memberships(&[membership(1, "1", false)]).await;

    assert_eq!(outcomes, [Outcome::Already(())]);
    assert!(sandbox.groups().is_empty());
}

#[tokio::test]
async fn two_replicas_that_need_one_group_end_with_one_group() {
    for filters in [Filters::Honest, Filters::Ignored] {
        let (sandbox, one) = start().await;
        let other = scim(sandbox.base_url(), sandbox.token());
        let hires = [hire(1, "ada"), hire(2, "grace")];
        let made = one.ensure_accounts(&hires).await;
        let ids: Vec<_> = made.into_iter().map(|one| done(vec![one]).account_id).collect();
        // The same latency for every call keeps both in step, so that each misses the other's group.
        let (ada, grace) = ([membership(1, &ids[0], true)], [membership(2, &ids[1], true)]);
        sandbox.set_switches(Switches { filters, latency_ms: 20, ..Switches::default() });

        tokio::join!(one.change_memberships(&ada), other.change_memberships(&grace));
        one.change_memberships(&ada).await;
        other.change_memberships(&grace).await;

        assert_eq!(sandbox.members_of("police"), ["ada", "grace"]);
        assert_eq!(sandbox.groups().len(), 1);
    }
}

async fn start() -> (Sandbox, Connector) {
    let clock = TestClock::at(Timestamp::UNIX_EPOCH).clock();
    let sandbox = Sandbox::start(SandboxConfig::new("directory", "s3cret", clock)).await.unwrap();
    let directory = scim(sandbox.base_url(), sandbox.token());
    (sandbox, directory)
}

/// How many requests for a single group there were.
fn calls(sandbox: &Sandbox, method: &str) -> u64 {
    let counters = sandbox.counters();
    let of_groups = counters
        .iter()
        .filter(|counter| counter.method == method && counter.template == "/Groups/{id}");
    of_groups.map(|counter| counter.count).sum()
}

#[tokio::test]
async fn a_reading_goes_on_after_the_pauses_that_are_asked_for() {
    let (sandbox, directory) = start().await;
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    directory.change_memberships(&[membership(1, &ada.account_id, true)]).await;
    sandbox.set_switches(Switches { refuse_next: 3, ..Switches::default() });

    let whole = reading::Whole::of(&directory).await.unwrap();

    assert_eq!(whole.completeness, Some(provisioning::connectors::Completeness::Whole));
    assert_eq!(whole.accounts["ada"].person, Some(person(1)));
    assert_eq!(whole.holders("police"), ["ada"]);
}
