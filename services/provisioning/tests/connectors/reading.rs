//! What a connector reads of an application as a whole.

use std::collections::BTreeMap;

use provisioning::connectors::{Completeness, Connector, Page, SeenAccount, Unread};

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) accounts: BTreeMap<String, SeenAccount>,
    /// By entitlement and account: the group through which it is held.
    pub(crate) holdings: BTreeMap<(String, String), Option<String>>,
    pub(crate) pages: usize,
    pub(crate) completeness: Option<Completeness>,
}

impl Whole {
    /// Reads an application to its end; accounts by login.
    pub(crate) async fn of(connector: &Connector) -> Result<Self, Unread> {
        let (sender, mut pages) = tokio::sync::mpsc::channel(2);
        let asked = async move { connector.read(&sender).await };
        let kept = async {
            let (mut whole, mut logins) = (Self::default(), BTreeMap::new());
            while let Some(page) = pages.recv().await {
                whole.pages += 1;
                match page {
                    Page::Accounts(accounts) => {
                        for seen in accounts {
                            let (id, login) = (&seen.account.account_id, &seen.account.login);
                            logins.insert(id.clone(), login.clone());
                            whole.accounts.insert(login.clone(), seen);
                        }
                    }
                    Page::Holdings(holdings) => {
                        for held in holdings {
                            let login = logins.get(&held.account_id).unwrap().clone();
                            whole.holdings.insert((held.entitlement, login), held.through);
                        }
                    }
                }
            }
            whole
        };
        let (read, whole) = tokio::join!(asked, kept);
        Ok(Self { completeness: Some(read?), ..whole })
    }

    /// Who holds an entitlement, and through which group.
    pub(crate) fn holders(&self, entitlement: &str) -> Vec<String> {
        let held = self.holdings.iter().filter(|((name, _login), _through)| name == entitlement);
        let shown = |(login, through): (&String, &Option<String>)| match through {
            None => login.clone(),
            Some(group) => format!("{login} through {group}"),
        };
        held.map(|((_name, login), through)| shown((login, through))).collect()
    }
}
