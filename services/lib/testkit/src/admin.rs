use chassis::Admin;
use tokio::net::TcpListener;

/// The door for health of a service under test, on a port of its own, without metrics.
///
/// # Panics
/// When no port is free.
pub async fn admin() -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    Admin::open(listener, None::<fn() -> String>).expect("the address can be read back")
}
