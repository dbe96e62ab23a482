// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's own fault injection: how often, for whom, and how often it was.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};

const DEBUGFS: &str = "/sys/kernel/debug";

/// What the kernel counts down from at each fault.
const PLENTY: i64 = 2_000_000_000;

/// The kinds: small allocations, pages, and requests to disks that fail on demand.
pub const KINDS: [&str; 3] = ["failslab", "fail_page_alloc", "fail_make_request"];

fn put(path: &str, value: &str) -> Result<()> {
    fs::write(path, value).with_context(|| format!("{path}: {value}"))
}

fn knob(kind: &str, name: &str, value: &str) -> Result<()> {
    put(&format!("{DEBUGFS}/{kind}/{name}"), value)
}

/// Makes all kinds ready, at no faults. Of allocations, those of tasks that are to fail alone do, also
/// where the caller could wait.
pub fn prepare() -> Result<()> {
    for kind in KINDS {
        ensure!(
            Path::new(DEBUGFS).join(kind).is_dir(),
            "this kernel cannot inject faults of the kind {kind}"
        );
        knob(kind, "probability", "0")?;
        knob(kind, "times", &PLENTY.to_string())?;
        knob(kind, "verbose", "0")?;
        knob(kind, "space", "0")?;
    }
    for kind in &KINDS[..2] {
        knob(kind, "task-filter", "Y")?;
        knob(kind, "ignore-gfp-wait", "N")?;
    }
    // But for what the kernel's own checks need: without that they end.
    knob(KINDS[0], "cache-filter", "Y")?;
    let mut caches = 0;
    for entry in fs::read_dir("/sys/kernel/slab")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("kmemleak") && !name.starts_with("debug_objects") {
            caches += u64::from(fs::write(entry.path().join("failslab"), "1").is_ok());
        }
    }
    ensure!(caches > 20, "only {caches} caches can be made to fail");
    // What user space asks for is in high memory, as far as the kernel knows.
    knob(KINDS[1], "ignore-gfp-highmem", "Y")?;
    knob(KINDS[1], "min-order", "0")
}

/// One chance in `interval` at a kind of fault is taken, or none if that is 0.
pub fn often(kind: usize, interval: u64) -> Result<()> {
    // By itself an interval is as regular as a clock: half of its chances, twice as often.
    let (probability, interval) = match interval {
        0 => (0, 1),
        n => (50, n.div_ceil(2)),
    };
    knob(KINDS[kind], "interval", &interval.to_string())?;
    knob(KINDS[kind], "probability", &probability.to_string())
}

/// How many faults of each kind there were.
pub fn counts() -> Result<[u64; 3]> {
    let mut counts = [0; 3];
    for (count, kind) in counts.iter_mut().zip(KINDS) {
        let path = format!("{DEBUGFS}/{kind}/times");
        let left: i64 = fs::read_to_string(&path)?.trim().parse()?;
        *count = u64::try_from(PLENTY - left).context(path)?;
    }
    Ok(counts)
}

/// Whether requests to a disk may fail.
pub fn requests(disk: &str, fail: bool) -> Result<()> {
    put(
        &format!("/sys/block/{disk}/make-it-fail"),
        if fail { "1" } else { "0" },
    )
}

/// Whether allocations of the threads that the kernel's unbound workqueues have at this moment may fail:
/// what works for the target is among them.
pub fn workers(fail: bool) -> Result<u64> {
    let mut found = 0;
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        // What is no process, or has ended by now, is none of ours.
        let Ok(name) = fs::read_to_string(path.join("comm")) else {
            continue;
        };
        if name.starts_with("kworker/u") {
            found += u64::from(
                fs::write(path.join("make-it-fail"), if fail { "1" } else { "0" }).is_ok(),
            );
        }
    }
    Ok(found)
}
