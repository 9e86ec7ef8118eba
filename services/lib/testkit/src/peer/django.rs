use tokio::process::Command;

use super::{Peer, TOKEN, choosing_a_port, folder};
use crate::tools::python;

impl Peer {
    /// Starts `django-scim2` of the Python registry, in a Django project of one file.
    ///
    /// It keeps the login, the person's id, given and family name, one address and whether the
    /// account is active, and drops everything else.
    ///
    /// # Panics
    /// When it cannot be fetched or started.
    pub async fn django() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peer/django.py");
        let mut command = Command::new(python().await);
        let (process, port) = choosing_a_port(command.args(["-B", script, TOKEN])).await;
        Self::at(format!("http://127.0.0.1:{port}/scim"), folder(), process)
    }
}
