//! Compiles the `.proto` files with protox, so that no protoc is needed.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 16] = [
    "tenure/audit/v1/service.proto",
    "tenure/common/v1/common.proto",
    "tenure/hris/v1/cases.proto",
    "tenure/hris/v1/events.proto",
    "tenure/hris/v1/ingest.proto",
    "tenure/hris/v1/people.proto",
    "tenure/hris/v1/service.proto",
    "tenure/notification/v1/events.proto",
    "tenure/notification/v1/service.proto",
    "tenure/operations/v1/service.proto",
    "tenure/policy/v1/events.proto",
    "tenure/policy/v1/service.proto",
    "tenure/provisioning/v1/drift.proto",
    "tenure/provisioning/v1/events.proto",
    "tenure/provisioning/v1/service.proto",
    "tenure/provisioning/v1/tasks.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=tenure");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .btree_map(".")
        // A file's bytes are handed on as they came.
        .bytes(".tenure.hris.v1.ImportRequest.content")
        .include_file("tenure.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
