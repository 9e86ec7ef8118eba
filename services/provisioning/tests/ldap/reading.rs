//! A directory read as a whole.

use domain::AccountState;
use provisioning::connectors::Completeness;
use testkit::Slapd;

use crate::directory::{connect, done, hire, membership, person};
use crate::reading::Whole;

#[tokio::test]
async fn every_account_is_read_page_by_page_with_whose_it_is_and_what_it_holds() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    directory.change_memberships(&[membership(1, &ada.account_id, "police", true)]).await;
    // More than one page holds, and made by somebody else.
    let strangers: String = (0..700)
        .map(|number| {
            format!(
                "dn: uid=s{number},ou=people,dc=city,dc=example\nchangetype: add\n\
                 objectClass: inetOrgPerson\nuid: s{number}\ncn: S\nsn: {number}\n\n"
            )
        })
        .collect();
    slapd.change(&strangers).await;
    slapd
        .change(
            "dn: uid=s7,ou=people,dc=city,dc=example\nchangetype: modify\n\
             add: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n",
        )
        .await;

    let whole = Whole::of(&directory).await.unwrap();

    assert_eq!(whole.completeness, Some(Completeness::Whole));
    assert_eq!(whole.accounts.len(), 701);
    assert!(whole.pages > 2, "{}", whole.pages);
    let seen = &whole.accounts["ada"];
    assert_eq!((seen.person, &seen.account), (Some(person(1)), &ada));
    assert_eq!(whole.accounts["s6"].person, None);
    assert_eq!(whole.accounts["s6"].account.state, AccountState::Active);
    assert_eq!(whole.accounts["s7"].account.state, AccountState::Suspended);
    assert_eq!(whole.holders("police"), ["ada"]);
}

#[tokio::test]
async fn who_is_in_a_group_of_a_group_holds_it_through_that_one() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let grace = done(directory.ensure_accounts(&[hire(2, "grace")]).await);
    directory
        .change_memberships(&[
            membership(1, &ada.account_id, "police", true),
            membership(2, &grace.account_id, "everybody", true),
        ])
        .await;
    slapd
        .change(&format!(
            "dn: cn=everybody,{base}\nchangetype: modify\nadd: member\nmember: cn=police,{base}\n",
            base = slapd.groups_base()
        ))
        .await;

    let whole = Whole::of(&directory).await.unwrap();

    assert_eq!(whole.holders("police"), ["ada"]);
    assert_eq!(whole.holders("everybody"), ["ada through police", "grace"]);
}
