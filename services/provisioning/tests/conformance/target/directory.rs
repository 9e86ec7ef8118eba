//! Directories that speak LDAP, each behind a relay.

use provisioning::connectors::{Connector, Ldap, LdapSettings, Limits, Secret, Timeouts};
use rules::document::Spec;
use testkit::{DirectoryEntry, Samba, Slapd, Wire};
use uuid::Uuid;

use super::{Account, GROUP};

/// The directories.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    Slapd,
    Samba,
}

/// A directory, and the relay that connectors speak to.
pub(crate) struct Directory {
    program: Program,
    wire: Wire,
}

enum Program {
    Slapd(Box<Slapd>),
    Samba(Box<Samba>),
}

impl Directory {
    pub(super) async fn start(server: Server) -> Result<Self, String> {
        let program = match server {
            Server::Slapd => Program::Slapd(Box::new(Slapd::start().await)),
            Server::Samba => Program::Samba(Box::new(Samba::start().await?)),
        };
        let url = match &program {
            Program::Slapd(slapd) => slapd.url(),
            Program::Samba(samba) => samba.url().to_owned(),
        };
        let directory = Self { program, wire: Wire::before(&url).await };
        directory.make_group().await;
        Ok(directory)
    }

    pub(super) fn connector(&self) -> Connector {
        let documents = rules::document::load("directory.yaml", &self.document()).unwrap();
        let Spec::Application(application) = documents[0].spec.clone() else { panic!("not one") };
        let settings = LdapSettings {
            application: "directory".to_owned(),
            url: self.wire.url().to_owned(),
            starttls: false,
            ca: None,
            bind_dn: self.bind_dn().to_owned(),
            password: Secret::new(self.password().to_owned()),
            layout: application.connector.ldap.unwrap().layout(),
            managed: application.account.attributes.keys().cloned().collect(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            egress: provisioning::connectors::Egress::loopback(),
            budget: None,
        };
        Connector::Ldap(Box::new(Ldap::try_new(settings).unwrap()))
    }

    fn document(&self) -> String {
        // Nobody gets a password here, without which a domain opens an account only if it needs none.
        let habits = match self.program {
            Program::Slapd(_) => "schema: openldap",
            Program::Samba(_) => {
                "schema: active_directory\n      \
                 disable: {attribute: userAccountControl, bit: 2, enabled: \"544\"}"
            }
        };
        format!(
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
      password: file:/nowhere
      accounts_base: {}
      groups_base: {}
      {habits}
  account:
    login: person.name
    attributes:
      sn: person.family_name
      displayName: person.name
      title: person.title
      mail: person.mail
{}
  entitlements: [{{name: {GROUP}}}]
",
            self.wire.url(),
            self.bind_dn(),
            self.accounts_base(),
            self.groups_base(),
            match self.program {
                Program::Slapd(_) => "      cn: person.name",
                Program::Samba(_) => "",
            },
        )
    }

    pub(super) fn attributes(&self, number: u128) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("sn", format!("Family {number}")),
            ("displayName", format!("Person {number}")),
            ("title", "Officer".to_owned()),
            ("mail", format!("p{number}@city.example")),
        ];
        // A domain names entries by it, so it is the login there.
        if let Program::Slapd(_) = self.program {
            attributes.push(("cn", format!("Person {number}")));
        }
        attributes
    }

    /// What stands before it.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(super) async fn accounts(&self) -> Vec<Account> {
        let found = self.search(self.accounts_base(), "(objectClass=person)").await;
        found.iter().map(|entry| self.account(entry)).collect()
    }

    fn account(&self, entry: &DirectoryEntry) -> Account {
        let one = |name| entry.one(name).to_owned();
        let person = one("employeeNumber");
        match self.program {
            Program::Slapd(_) => Account {
                id: one("entryUUID"),
                login: one("uid"),
                active: one("pwdAccountLockedTime").is_empty(),
                person,
            },
            Program::Samba(_) => Account {
                id: Uuid::from_slice_le(entry.bytes("objectGUID")).unwrap().to_string(),
                login: one("sAMAccountName"),
                active: one("userAccountControl").parse::<u32>().unwrap() & 2 == 0,
                person,
            },
        }
    }

    /// The ids of the group's members that are accounts.
    pub(super) async fn members(&self) -> Vec<String> {
        let groups = self.search(self.groups_base(), &format!("(cn={GROUP})")).await;
        assert_eq!(groups.len(), 1, "groups of that name");
        let entries = self.search(self.accounts_base(), "(objectClass=person)").await;
        let accounts = groups[0]
            .all("member")
            .iter()
            .filter_map(|dn| Some(self.account(entries.iter().find(|entry| entry.dn == *dn)?).id));
        accounts.collect()
    }

    pub(super) async fn make_stranger(&self, login: &str) {
        let base = self.accounts_base();
        let entry = match self.program {
            Program::Slapd(_) => format!(
                "dn: uid={login},{base}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {login}\n\
                 cn: {login}\nsn: {login}\n"
            ),
            Program::Samba(_) => format!(
                "dn: CN=Stranger {login},{base}\nchangetype: add\nobjectClass: user\n\
                 sAMAccountName: {login}\nuserAccountControl: 544\n"
            ),
        };
        self.change(&entry).await;
    }

    /// A domain's groups are made by people, who decide of what kind they are.
    async fn make_group(&self) {
        if let Program::Samba(_) = self.program {
            let base = self.groups_base();
            let entry = format!("dn: CN={GROUP},{base}\nchangetype: add\nobjectClass: group\n");
            self.change(&format!("{entry}sAMAccountName: {GROUP}\n")).await;
        }
    }

    async fn change(&self, ldif: &str) {
        match &self.program {
            Program::Slapd(slapd) => slapd.change(ldif).await,
            Program::Samba(samba) => samba.change(ldif).await,
        }
    }

    async fn search(&self, base: &str, filter: &str) -> Vec<DirectoryEntry> {
        match &self.program {
            Program::Slapd(slapd) => slapd.search(base, filter).await,
            Program::Samba(samba) => samba.search(base, filter).await,
        }
    }

    fn bind_dn(&self) -> &'static str {
        match &self.program {
            Program::Slapd(slapd) => slapd.bind_dn(),
            Program::Samba(samba) => samba.bind_dn(),
        }
    }

    fn password(&self) -> &'static str {
        match &self.program {
            Program::Slapd(slapd) => slapd.password(),
            Program::Samba(samba) => samba.password(),
        }
    }

    fn accounts_base(&self) -> &'static str {
        match &self.program {
            Program::Slapd(slapd) => slapd.accounts_base(),
            Program::Samba(samba) => samba.accounts_base(),
        }
    }

    fn groups_base(&self) -> &'static str {
        match &self.program {
            Program::Slapd(slapd) => slapd.groups_base(),
            Program::Samba(samba) => samba.groups_base(),
        }
    }
}
