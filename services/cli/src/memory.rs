//! What a process and its children keep in memory, as the kernel tells.

use std::collections::BTreeMap;
use std::fs;

/// Returns the memory of a process and all below it; pages that several share count once.
pub(crate) fn of_tree(root: u32) -> u64 {
    let parents = parents();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(child, _)| *child));
        next += 1;
    }
    tree.into_iter().map(of_process).sum()
}

fn of_process(pid: u32) -> u64 {
    // The proportional size shares PostgreSQL's common buffers out among its processes; it may be
    // hidden from us when the process belongs to somebody else.
    kibibytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
        .or_else(|| kibibytes(&format!("/proc/{pid}/status"), "VmRSS:"))
        .map_or(0, |kib| kib * 1024)
}

fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn parents() -> BTreeMap<u32, u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return BTreeMap::new() };
    processes
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let parent = kibibytes(&format!("/proc/{pid}/status"), "PPid:")?;
            Some((pid, u32::try_from(parent).ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_a_parent() {
        let own = std::process::id();

        assert!(of_tree(own) > 0);
        assert!(parents().contains_key(&own));
    }
}
