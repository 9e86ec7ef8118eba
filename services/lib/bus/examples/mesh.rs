//! Prints every stream and consumer as the chart reads them; `cargo xtask gen` keeps it in
//! `helm/tenure/files/mesh.json`.
#![expect(clippy::print_stdout, reason = "it is run for what it prints")]

use bus::admin::{ACK_PENDING_MAX, ACK_WAIT, DUPLICATE_WINDOW, kept};
use domain::Lane;
use proto::catalogue::{STREAMS, Service, durables_of};
use serde_json::{Value, json};

fn main() {
    let publisher = |name: &str| {
        let row = STREAMS.iter().find(|row| row.name == name);
        row.map(|row| row.publisher.as_str())
    };
    let streams: Vec<Value> = kept()
        .into_iter()
        .map(|stream| {
            let republish = stream.republish.map(
                |(source, destination)| json!({ "source": source, "destination": destination }),
            );
            json!({
                "name": stream.name,
                "subjects": [stream.subjects],
                "publisher": publisher(stream.name),
                "max_age_seconds": stream.max_age.as_secs(),
                "duplicate_window_seconds": DUPLICATE_WINDOW.as_secs(),
                "republish": republish,
            })
        })
        .collect();
    let consumers: Vec<Value> = Service::ALL
        .into_iter()
        .flat_map(|service| {
            durables_of(service).into_iter().map(move |durable| {
                json!({
                    "service": service.as_str(),
                    "stream": durable.stream,
                    "durable": durable.name,
                    "filter": durable.filter,
                    "lane": durable.lane.map(Lane::as_str),
                    "ack_wait_seconds": ACK_WAIT.as_secs(),
                    "max_ack_pending": ACK_PENDING_MAX,
                })
            })
        })
        .collect();
    println!("{:#}", json!({ "streams": streams, "consumers": consumers }));
}
