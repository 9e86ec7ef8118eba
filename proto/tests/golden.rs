//! What any released version has written can be read by this one: services of two versions run side by
//! side during an update, streams keep events for a week, and audit for ever.
//!
//! `proto/golden/<version>/<event>.binpb` is an event with every field set, as that version encodes it, and
//! the `.json` beside it what it means. Before a release, `TENURE_WRITE_GOLDEN=1 cargo test -p proto --test
//! golden` adds those of the version at hand; files that are there are never written again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use proto::catalogue::EVENTS;

/// Messages may hold themselves; below this nothing is set.
const DEPTH_MAX: usize = 5;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(proto::DESCRIPTORS).unwrap()
}

/// A message with every field set to something of its own.
fn full(message: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut made = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let nested = matches!(field.kind(), Kind::Message(_));
        if nested && depth == DEPTH_MAX {
            continue;
        }
        let value = if field.is_map() {
            let Kind::Message(entry) = field.kind() else { unreachable!("a map has entries") };
            let key = MapKey::String(field.name().to_owned());
            Value::Map([(key, single(&entry.map_entry_value_field(), depth))].into())
        } else if field.is_list() {
            Value::List(vec![single(&field, depth)])
        } else {
            single(&field, depth)
        };
        made.set_field(&field, value);
    }
    made
}

fn single(field: &FieldDescriptor, depth: usize) -> Value {
    let number = field.number();
    match field.kind() {
        Kind::Double => Value::F64(f64::from(number) + 0.5),
        Kind::Float => Value::F32(1.5),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(-i32::try_from(number).unwrap()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(-i64::from(number)),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number.into()),
        Kind::Bool => Value::Bool(true),
        Kind::String => Value::String(field.name().to_owned()),
        Kind::Bytes => Value::Bytes(field.name().to_owned().into_bytes().into()),
        Kind::Enum(kinds) => Value::EnumNumber(kinds.values().last().unwrap().number()),
        Kind::Message(message) => Value::Message(full(&message, depth + 1)),
    }
}

fn json(message: &DynamicMessage) -> String {
    format!("{:#}\n", serde_json::to_value(message).unwrap())
}

#[test]
fn every_event_of_every_released_version_is_read_as_it_was_written() {
    let pool = pool();
    let mut read = 0;
    for version in fs::read_dir(golden()).unwrap() {
        for entry in fs::read_dir(version.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "binpb") {
                continue;
            }
            let name = path.file_stem().unwrap().to_str().unwrap();
            let message = pool.get_message_by_name(name);
            let message = message.unwrap_or_else(|| panic!("{name} is not known any more"));
            let bytes = fs::read(&path).unwrap();
            let event = DynamicMessage::decode(message, bytes.as_slice()).unwrap();
            let expected = fs::read_to_string(path.with_extension("json")).unwrap();
            assert_eq!(json(&event), expected, "{} is read otherwise", path.display());
            assert_eq!(event.unknown_fields().count(), 0, "{}", path.display());
            read += 1;
        }
    }
    assert!(read >= EVENTS.len(), "{read} fixtures are there");
}

#[test]
fn this_version_has_a_fixture_of_every_event() {
    let (pool, folder) = (pool(), golden().join(env!("CARGO_PKG_VERSION")));
    let write = std::env::var_os("TENURE_WRITE_GOLDEN").is_some();
    let mut missing = Vec::new();
    for row in EVENTS {
        let path = folder.join(format!("{}.binpb", row.event));
        if path.exists() {
            continue;
        }
        if !write {
            missing.push(row.event);
            continue;
        }
        fs::create_dir_all(&folder).unwrap();
        let event = full(&pool.get_message_by_name(row.event).unwrap(), 0);
        fs::write(&path, event.encode_to_vec()).unwrap();
        fs::write(path.with_extension("json"), json(&event)).unwrap();
    }
    assert!(missing.is_empty(), "run this with TENURE_WRITE_GOLDEN=1 to write {missing:?}");
}
