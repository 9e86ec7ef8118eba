//! The shape of the workspace: who may depend on whom, and who speaks to whom.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use clock::Clock;
use proto::catalogue::{self, Service};
use testkit::Database;

/// No IO and no clock of their own: what these may use beyond the standard library.
const PURE: [(&str, &[&str]); 3] = [
    ("clock", &["domain", "jiff", "uuid"]),
    ("domain", &["jiff", "serde", "sha2", "thiserror", "uuid"]),
    (
        "rules",
        &[
            "batsat",
            "cel",
            "domain",
            "jiff",
            "schemars",
            "serde",
            "serde-saphyr",
            "serde_json",
            "sha2",
            "thiserror",
            "unicode-normalization",
        ],
    ),
];

/// Which rooms of `services/lib` each of them may use: arrows point down only.
const LIB: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("clock", &["domain"]),
    ("rules", &["domain"]),
    ("telemetry", &[]),
    ("servers", &[]),
    ("store", &["clock", "domain", "proto", "telemetry"]),
    ("bus", &["domain", "proto", "store", "telemetry"]),
    ("chassis", &["bus", "clock", "domain", "proto", "store", "telemetry"]),
    ("testkit", &["bus", "chassis", "clock", "domain", "proto", "servers", "store"]),
];

/// Nobody who is installed may use these.
const FOR_TESTS: [&str; 2] = ["testkit", "mesh-tests"];

struct Workspace(BTreeMap<String, Package>);

impl Workspace {
    fn load() -> Self {
        let metadata = MetadataCommand::new().no_deps().exec().unwrap();
        let packages = metadata.packages.into_iter();
        Self(packages.map(|package| (package.name.to_string(), package)).collect())
    }

    /// What a package needs to run, not to be tested or built.
    fn uses(&self, name: &str) -> BTreeSet<String> {
        self.0[name]
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.clone())
            .collect()
    }

    fn ours(&self, name: &str) -> BTreeSet<String> {
        self.uses(name).into_iter().filter(|used| self.0.contains_key(used)).collect()
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn pure_rooms_use_nothing_that_could_do_io() {
    let workspace = Workspace::load();
    for (room, allowed) in PURE {
        let extra: Vec<_> = workspace.uses(room).difference(&set(allowed)).cloned().collect();
        assert!(extra.is_empty(), "{room} is pure and uses {extra:?}");
    }
}

#[test]
fn arrows_between_shared_rooms_point_down() {
    let workspace = Workspace::load();
    for (room, allowed) in LIB {
        let extra: Vec<_> = workspace.ours(room).difference(&set(allowed)).cloned().collect();
        assert!(extra.is_empty(), "{room} may not use {extra:?}");
    }
    assert_eq!(workspace.ours("proto"), set(&["domain"]));
}

#[test]
fn services_never_depend_on_each_other() {
    let workspace = Workspace::load();
    let services: BTreeSet<String> =
        Service::ALL.iter().map(|service| service.as_str().to_owned()).collect();
    for service in &services {
        let used = workspace.ours(service);
        let others: Vec<_> = used.intersection(&services).collect();
        assert!(others.is_empty(), "{service} depends on {others:?}");
    }
    for package in workspace.0.keys().filter(|name| !FOR_TESTS.contains(&name.as_str())) {
        let used = workspace.ours(package);
        for room in FOR_TESTS {
            assert!(!used.contains(room), "{package} is installed and uses {room}");
        }
    }
}

#[tokio::test]
async fn services_register_exactly_what_the_catalogue_says() {
    let database = Database::start().await;
    for service in Service::ALL {
        let (app, _store) = mesh_tests::app(&database, service, Clock::system(), 1).await;
        let registered: BTreeSet<&str> =
            app.consumers().iter().map(|consumer| consumer.row().name).collect();
        let listed: BTreeSet<&str> = catalogue::consumers_of(service).map(|row| row.name).collect();
        assert_eq!(registered, listed, "{service}");
    }
}
