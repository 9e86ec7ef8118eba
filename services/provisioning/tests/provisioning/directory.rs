//! A person's whole time, from desired access to a real directory, read there with its own clients.

use proto::provisioning::v1::PersonSettled;
use provisioning::Config;
use testkit::{Slapd, until};

use crate::world::{Desired, World, announced, person};

#[tokio::test]
async fn somebody_is_hired_moves_marries_leaves_and_comes_back_in_a_directory() {
    let slapd = Slapd::start().await;
    let world = world(&slapd).await;

    settle(&world, &ada(1, "Ada Byron", "Byron", "Clerk", &["police"])).await;
    let hired = slapd.account("ada").await;
    slapd.set_password(&hired.dn, "pass-word").await;
    assert_eq!(hired.one("employeeNumber"), person(1).to_string());
    assert_eq!(slapd.members("police").await, ["ada"]);

    settle(&world, &ada(2, "Ada Byron", "Byron", "Captain", &["fire"])).await;
    assert_eq!(slapd.account("ada").await.one("title"), "Captain");
    assert!(slapd.members("police").await.is_empty());
    assert_eq!(slapd.members("fire").await, ["ada"]);

    settle(&world, &ada(3, "Ada Lovelace", "Lovelace", "Captain", &["fire"])).await;
    let married = slapd.account("ada").await;
    assert_eq!((married.one("cn"), married.one("sn")), ("Ada Lovelace", "Lovelace"));
    assert_eq!(married.one("entryUUID"), hired.one("entryUUID"));
    assert!(slapd.can_sign_in(&hired.dn, "pass-word").await);

    settle(&world, &Desired::of(person(1), 4).closed("directory", "ada")).await;
    assert!(!slapd.can_sign_in(&hired.dn, "pass-word").await);
    assert!(slapd.members("fire").await.is_empty());

    settle(&world, &ada(5, "Ada Lovelace", "Lovelace", "Chief", &["police"])).await;
    let back = slapd.account("ada").await;
    assert_eq!((back.dn.as_str(), back.one("title")), (hired.dn.as_str(), "Chief"));
    assert_eq!(back.one("entryUUID"), hired.one("entryUUID"));
    assert!(slapd.can_sign_in(&hired.dn, "pass-word").await);
    assert_eq!(slapd.members("police").await, ["ada"]);
    assert_eq!(slapd.accounts().await.len(), 1);

    assert_eq!(
        world.ended().await,
        [
            "directory create account: done",
            "directory grant police: done",
            "directory update account: done",
            "directory grant fire: done",
            "directory revoke police: done",
            "directory update account: done",
            "directory disable account: done",
            "directory revoke fire: done",
            "directory update account: done",
            "directory enable account: done",
            "directory grant police: done",
        ]
    );
}

#[tokio::test]
async fn two_people_of_one_name_get_distinct_logins_in_a_directory_that_knows_a_third() {
    let slapd = Slapd::start().await;
    slapd
        .change(
            "dn: uid=ada,ou=people,dc=city,dc=example\nchangetype: add\n\
             objectClass: inetOrgPerson\nuid: ada\ncn: Ada\nsn: Augusta\n",
        )
        .await;
    let world = world(&slapd).await;
    let hire = |number| {
        Desired::of(person(number), 1)
            .active("directory", "ada", &["police"])
            .attribute("directory", "cn", "Ada")
            .attribute("directory", "sn", "Byron")
    };

    world.feed.deliver(&[hire(1).changed(), hire(2).changed()]).await;
    work(&world, 2).await;

    let mut logins: Vec<String> =
        slapd.accounts().await.iter().map(|entry| entry.one("uid").to_owned()).collect();
    logins.sort();
    assert_eq!(logins, ["ada", "ada2", "ada3"]);
    assert_eq!(slapd.members("police").await, ["ada2", "ada3"]);
}

#[tokio::test]
async fn a_leaver_is_locked_out_once_a_directory_that_was_down_is_back() {
    let mut slapd = Slapd::start().await;
    let world = world(&slapd).await;
    settle(&world, &ada(1, "Ada", "Byron", "Clerk", &["police"])).await;

    slapd.kill().await;
    let left = Desired::of(person(1), 2).closed("directory", "ada");
    world.feed.deliver(&[left.changed()]).await;
    world.feed.drive().await;
    let open = world.feed.published::<PersonSettled>().await.len();
    slapd.restart().await;
    work(&world, open + 1).await;

    assert_eq!(slapd.account("ada").await.one("pwdAccountLockedTime"), "000001010000Z");
    assert!(slapd.members("police").await.is_empty());
}

fn ada(version: i64, name: &str, family: &str, title: &str, groups: &[&str]) -> Desired {
    Desired::of(person(1), version)
        .active("directory", "ada", groups)
        .attribute("directory", "cn", name)
        .attribute("directory", "sn", family)
        .attribute("directory", "title", title)
}

/// A service that holds a release with this directory.
async fn world(slapd: &Slapd) -> World {
    let world = World::empty(Config::default()).await;
    let text = format!(
        "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: directory}}
spec:
  connector:
    kind: ldap
    url: {}
    ldap:
      bind_dn: {}
      password: {}
      accounts_base: {}
      groups_base: {}
  account:
    login: person.name
    attributes: {{cn: person.name, sn: person.family_name, title: person.title}}
  entitlements: [{{name: police}}, {{name: fire}}]
",
        slapd.url(),
        slapd.bind_dn(),
        slapd.password_reference(),
        slapd.accounts_base(),
        slapd.groups_base(),
    );
    let documents = rules::document::load("directory.yaml", &text).unwrap();
    let (released, activated) = announced(1, &documents);
    world.feed.deliver(&released).await;
    world.feed.deliver(&[activated]).await;
    world
}

async fn settle(world: &World, desired: &Desired) {
    let before = world.feed.published::<PersonSettled>().await.len();
    world.feed.deliver(&[desired.changed()]).await;
    work(world, before + 1).await;
    let settled = world.feed.published::<PersonSettled>().await;
    let last = settled.last().unwrap();
    assert_eq!((last.open, last.failed), (0, 0));
}

/// Works, also at later times, until people have settled so many times.
async fn work(world: &World, settled: usize) {
    let mut second = 0;
    until("everybody settles", async || {
        world.feed.drive().await;
        second += 60;
        world.at_second(second);
        (world.feed.published::<PersonSettled>().await.len() >= settled).then_some(())
    })
    .await;
}
