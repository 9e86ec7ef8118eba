//! A private NATS server, spoken to in its plain text protocol.

use servers::{Nats, NatsConfig, Tools, scratch};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const ACCOUNTS: &str = r#"
accounts {
  MESH { jetstream: enabled, users: [{user: "mesh", password: "of the mesh"}] }
}
"#;

#[tokio::test]
async fn a_killed_server_comes_back_with_its_streams_on_the_same_port() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);
    let mut server = Nats::start(&tools, config(&folder, ACCOUNTS)).await?;
    let (url, first_pid) = (server.url(), server.pid());
    let made = ask(&server, "STREAM.CREATE.facts", r#"{"name":"facts","subjects":["facts.>"]}"#);
    assert!(made.await?.contains(r#""did_create":true"#));

    server.kill().await;
    assert!(!server.is_running());
    assert_eq!(server.ended().await, "signal: 9 (SIGKILL)");
    server.restart().await?;

    assert_eq!(server.url(), url);
    assert_ne!(server.pid(), first_pid);
    assert!(ask(&server, "STREAM.NAMES", "").await?.contains(r#"["facts"]"#));

    server.stop().await;
    assert_eq!(server.ended().await, "exit status: 0");
    server.restart().await?;
    assert_eq!(server.url(), url);
    assert!(ask(&server, "STREAM.NAMES", "").await?.contains(r#"["facts"]"#));
    Ok(())
}

#[tokio::test]
async fn a_configuration_the_server_refuses_is_an_error_that_says_so() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);

    let refused = Nats::start(&tools, config(&folder, "no_such_setting: 1")).await;

    let Err(error) = refused else { anyhow::bail!("the server started") };
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_server_waits_for_its_port_while_another_still_has_it() -> anyhow::Result<()> {
    let (tools, folder) = (Tools::locate().await?, scratch()?);
    let first = Nats::start(&tools, config(&folder, ACCOUNTS)).await?;
    let port = Some(first.port());
    let second_folder = scratch()?;
    let wanted = NatsConfig { port, ..config(&second_folder, ACCOUNTS) };

    let (second, ()) = tokio::join!(Nats::start(&tools, wanted), first.stop());

    assert_eq!(Some(second?.port()), port);
    Ok(())
}

fn config(folder: &impl AsRef<std::path::Path>, accounts: &str) -> NatsConfig {
    let (store_dir, config) = (folder.as_ref().join("nats"), accounts.to_owned());
    NatsConfig { store_dir, port: None, config, tls: None }
}

/// Sends one `JetStream` request and returns the answer.
async fn ask(server: &Nats, api: &str, request: &str) -> anyhow::Result<String> {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).await?;
    let mut stream = BufReader::new(stream);
    let login = r#"CONNECT {"user":"mesh","pass":"of the mesh","verbose":false}"#;
    let length = request.len();
    let lines =
        format!("{login}\r\nSUB answer 1\r\nPUB $JS.API.{api} answer {length}\r\n{request}\r\n");
    stream.write_all(lines.as_bytes()).await?;
    let mut line = String::new();
    while !line.starts_with("MSG answer") {
        line.clear();
        anyhow::ensure!(stream.read_line(&mut line).await? > 0, "the server hung up");
        anyhow::ensure!(!line.starts_with("-ERR"), "{line}");
    }
    line.clear();
    stream.read_line(&mut line).await?;
    Ok(line)
}
