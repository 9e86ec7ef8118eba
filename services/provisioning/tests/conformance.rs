//! What connectors keep, whatever an application does: one list of scenarios, run against many
//! programs that somebody else wrote.
//!
//! A scenario states what must be so with every target, and tells in a few words what the target did;
//! `docs/connectors.md` says the same, and a test fails where it says something else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "conformance/accounts.rs"]
mod accounts;
#[path = "conformance/answers.rs"]
mod answers;
#[path = "conformance/memberships.rs"]
mod memberships;
#[path = "conformance/page.rs"]
mod page;
#[path = "conformance/revocations.rs"]
mod revocations;
#[path = "conformance/target.rs"]
mod target;

use std::time::Duration;

use target::{Kind, Target};

/// A list that never ends must not be waited for.
const SCENARIO_MAX: Duration = Duration::from_secs(60);

/// One module for each target, with one test for each scenario.
macro_rules! conformance {
    (targets: { $($target:ident: $family:ident::$kind:ident,)* } scenarios: $scenarios:tt) => {
        $(conformance!(target $target $family $kind $scenarios);)*

        const TARGETS: &[&str] = &[$(stringify!($target)),*];
        const SCENARIOS: &[&str] = conformance!(names $scenarios);
    };
    (target $target:ident $family:ident $kind:ident { $($file:ident: [$($scenario:ident,)*],)* }) => {
        mod $target {
            $($(
                #[tokio::test]
                async fn $scenario() {
                    let names = (stringify!($target), stringify!($scenario));
                    let kind = super::Kind::$family(super::target::$family::$kind);
                    super::check(kind, names, super::$file::$scenario).await;
                }
            )*)*
        }
    };
    (names { $($file:ident: [$($scenario:ident,)*],)* }) => {
        &[$($(stringify!($scenario)),*),*]
    };
}

conformance! {
    targets: {
        scim2_server: Provider::Scim2Server,
        scim2_server_without_patch: Provider::WithoutPatch,
        scim2_server_without_filters: Provider::WithoutFilters,
        scim2_server_with_cursors: Provider::WithCursors,
        scimmy: Provider::Scimmy,
        django_scim2: Provider::DjangoScim2,
        slapd: Server::Slapd,
        samba: Server::Samba,
    }
    scenarios: {
        accounts: [
            everything_done_twice_is_done_once,
            a_rename_keeps_the_account,
            a_recycled_login_is_taken_and_the_stranger_is_left_alone,
            an_unknown_id_is_gone_or_found_again,
        ],
        answers: [
            a_list_that_never_advances_is_a_fault,
            too_many_requests_are_followed_by_the_pause_that_was_asked_for,
            a_failure_after_the_commit_doubles_nothing,
            an_ignored_filter_adopts_nobody,
        ],
        memberships: [
            a_member_added_twice_is_in_the_group_once,
            a_member_that_the_application_keeps_twice_goes_wholly,
        ],
        revocations: [
            a_revocation_that_is_only_said_is_never_done,
            a_revocation_without_effect_is_tried_in_another_dialect,
            a_group_that_is_emptied_gets_its_members_back,
            an_emptied_group_whose_reading_back_failed_is_seen_to_with_the_next_change,
            a_member_whom_the_application_does_not_list_is_taken_all_the_same,
        ],
    }
}

/// Runs a scenario against a fresh target, and compares what it tells with the page.
async fn check(kind: Kind, (target, scenario): (&str, &str), run: impl AsyncFn(&Target) -> String) {
    let started = match Target::start(kind).await {
        Ok(started) => started,
        Err(why) => return skip(target, &why),
    };
    let told = tokio::time::timeout(SCENARIO_MAX, run(&started)).await;
    let told = told.unwrap_or_else(|_elapsed| panic!("{scenario} does not end"));

    assert_eq!(page::cell(scenario, target), told, "docs/connectors.md, {scenario}, {target}");
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests is told what did not run")]
fn skip(target: &str, why: &str) {
    eprintln!("{target} skipped: {why}");
}

#[test]
fn the_page_has_a_column_for_each_target_and_a_row_for_each_scenario() {
    assert_eq!(page::columns(), TARGETS);
    assert_eq!(page::rows(), SCENARIOS);
}
