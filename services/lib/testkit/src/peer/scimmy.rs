use tokio::process::Command;

use super::{Peer, TOKEN, choosing_a_port, folder};
use crate::tools::fetched;

impl Peer {
    /// Starts `scimmy` of the npm registry, with storage in memory; or says why it cannot be had here.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn scimmy() -> Result<Self, String> {
        let modules = fetched("scimmy").await?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peer/scimmy.mjs");
        let mut command = Command::new("node");
        let (process, port) = choosing_a_port(command.args([script, &modules, TOKEN])).await;
        Ok(Self::at(format!("http://127.0.0.1:{port}/scim"), folder(), process))
    }
}
