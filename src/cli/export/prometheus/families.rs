// SPDX-License-Identifier: GPL-2.0-only

//! The metrics there are. `docs/remapctl.md` has them all.

use super::{Sample, Seen};
use crate::device::{findings, status::State};

/// A metric.
pub struct Family {
    /// Behind `dm_remap_`.
    pub name: &'static str,
    /// `gauge` or `counter`.
    pub kind: &'static str,
    pub help: &'static str,
    pub samples: fn(&Seen) -> Vec<Sample>,
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    samples: fn(&Seen) -> Vec<Sample>,
) -> Family {
    Family {
        name,
        kind: "gauge",
        help,
        samples,
    }
}

const fn counter(
    name: &'static str,
    help: &'static str,
    samples: fn(&Seen) -> Vec<Sample>,
) -> Family {
    Family {
        name,
        kind: "counter",
        help,
        samples,
    }
}

fn plain(value: impl ToString) -> Vec<Sample> {
    vec![Sample {
        labels: Vec::new(),
        value: value.to_string(),
    }]
}

fn flag(value: bool) -> Vec<Sample> {
    plain(u8::from(value))
}

/// So many sectors, in bytes.
fn bytes(sectors: u64) -> Vec<Sample> {
    plain(u128::from(sectors) * 512)
}

/// So many thousandths.
fn ratio(per_mille: u64) -> Vec<Sample> {
    plain(format!("{}.{:03}", per_mille / 1000, per_mille % 1000))
}

/// What is not known has no sample.
fn known(value: Option<u64>) -> Vec<Sample> {
    value.map_or(Vec::new(), plain)
}

/// A sample for each word, and 1 for the one that holds.
fn one_of(label: &'static str, words: &[&str], holds: &str) -> Vec<Sample> {
    let sample = |word: &&str| Sample {
        labels: vec![(label, (*word).to_owned())],
        value: u8::from(*word == holds).to_string(),
    };
    words.iter().map(sample).collect()
}

/// A counter of the status line.
fn counted(seen: &Seen, key: &str) -> Vec<Sample> {
    known(seen.device.status.counters.get(key).copied())
}

fn moved(seen: &Seen) -> Vec<Sample> {
    let reasons = [
        ("moved_write", "write"),
        ("moved_message", "message"),
        ("evacuated", "evacuation"),
    ];
    let samples = reasons.iter().flat_map(|(key, reason)| {
        let mut samples = counted(seen, key);
        for sample in &mut samples {
            sample.labels.push(("reason", (*reason).to_owned()));
        }
        samples
    });
    samples.collect()
}

fn info(seen: &Seen) -> Vec<Sample> {
    let device = seen.device;
    vec![Sample {
        labels: vec![
            ("node", format!("dm-{}", device.dm_number)),
            ("area_uuid", device.area_uuid.clone()),
            ("main", device.table.main.name().to_owned()),
            ("spare", device.table.spare.name().to_owned()),
        ],
        value: "1".to_owned(),
    }]
}

fn state(seen: &Seen) -> Vec<Sample> {
    let state = match seen.device.status.state {
        State::Rw => "rw",
        State::Ro => "ro",
        State::Fail => "fail",
    };
    one_of("state", &["rw", "ro", "fail"], state)
}

fn lost_copies(seen: &Seen) -> Vec<Sample> {
    let lost = &seen.device.status.degraded_copies;
    let sample = |copy: &str| Sample {
        labels: vec![("copy", copy.to_owned())],
        value: u8::from(lost.contains(copy)).to_string(),
    };
    ["a", "b"].map(sample).into()
}

fn found(seen: &Seen) -> Vec<Sample> {
    let sample = |finding: &findings::Finding| Sample {
        labels: vec![
            ("code", finding.code.to_owned()),
            ("gravity", format!("{:?}", finding.gravity).to_lowercase()),
        ],
        value: "1".to_owned(),
    };
    seen.findings.iter().map(sample).collect()
}

const LEVELS: [&str; 3] = ["good", "warning", "danger"];
const TRENDS: [&str; 3] = ["improving", "stable", "declining"];
const SCANS: [&str; 5] = ["stopped", "running", "waiting", "paused", "storm"];

#[rustfmt::skip] // a metric a line
pub const FAMILIES: &[Family] = &[
    gauge("info", "What the device is made of; always 1.", info),
    gauge("well", "1 if nothing wants attention.", |s| flag(findings::well(&s.findings))),
    gauge("finding", "What was found, as remapctl status says it; always 1.", found),
    gauge("size_bytes", "The length of the device.", |s| bytes(s.device.table.size_sectors)),
    gauge("block_size_bytes", "The size of a block, which moves as a whole.", |s| bytes(s.device.status.block_sectors)),
    gauge("suspended", "1 if I/O waits.", |s| flag(s.device.suspended)),
    gauge("read_only", "1 if the device is read-only.", |s| flag(s.device.read_only)),
    gauge("state", "What can be done with the map: 1 for the state that it is in.", state),
    gauge("needs_check", "1 if the metadata has to be checked.", |s| flag(s.device.status.needs_check)),
    gauge("storm", "1 while errors come from everywhere and nothing moves by itself.", |s| flag(s.device.status.storm)),
    gauge("metadata_copy_lost", "1 if this copy of the metadata is not written any more.", lost_copies),
    gauge("metadata_generation", "The number of the last change of the metadata.", |s| plain(s.device.status.generation)),
    gauge("spare_blocks", "Spare blocks in all.", |s| plain(s.device.status.spare_blocks)),
    gauge("spare_free_blocks", "Spare blocks that can still be handed out.", |s| plain(s.device.status.spare_free_blocks)),
    gauge("spare_failed_blocks", "Spare blocks that could not be written.", |s| plain(s.device.status.spare_failed_blocks)),
    gauge("remapped_blocks", "Blocks that live on the spare area.", |s| plain(s.device.status.remapped_blocks)),
    gauge("pending_bytes", "What could not be read where it is, or was marked.", |s| bytes(s.device.status.pending_sectors)),
    gauge("lost_bytes", "What nobody holds any more.", |s| bytes(s.device.status.lost_sectors)),
    gauge("queued_messages", "Messages that have not ended.", |s| plain(s.device.status.queued_messages)),
    counter("pending_dropped_bytes_total", "Pending sectors that had no room.", |s| bytes(s.device.status.pending_dropped_sectors)),
    counter("read_errors_total", "Physical blocks that failed when they were read alone.", |s| counted(s, "read_errors")),
    counter("write_errors_total", "Physical blocks that failed when they were written alone.", |s| counted(s, "write_errors")),
    counter("recovered_errors_total", "Those of both that worked when they were repeated.", |s| counted(s, "recovered")),
    counter("moved_blocks_total", "Blocks that moved to the spare area.", moved),
    counter("returned_blocks_total", "Blocks that a retest moved back.", |s| counted(s, "returned")),
    counter("stayed_blocks_total", "Blocks that a message could not do as asked.", |s| counted(s, "stayed")),
    counter("metadata_commits_total", "Changes of the metadata that became durable.", |s| counted(s, "commits")),
    counter("flushes_total", "Flushes of the devices that were not passed on from above.", |s| counted(s, "flushes")),
    gauge("health_ratio", "The score of the device; 1 is perfect.", |s| ratio(s.device.health.score)),
    gauge("health_level", "1 for the level that the score is in.", |s| one_of("level", &LEVELS, &s.device.health.level)),
    gauge("health_trend", "1 for the way that the health goes.", |s| one_of("trend", &TRENDS, &s.device.health.trend)),
    gauge("failure_probability_ratio", "That the disk fails within 30 days.", |s| ratio(s.device.health.failure_probability_per_mille)),
    gauge("failure_confidence_ratio", "How far that can be trusted.", |s| ratio(s.device.health.confidence_percent * 10)),
    gauge("failure_severity", "9 critical, 7 high, 4 medium, 1 low; the alarm is on from 7.", |s| plain(s.device.health.severity)),
    gauge("time_to_failure_seconds", "Order of magnitude; no sample if not known.", |s| known(s.device.health.time_to_failure_seconds)),
    gauge("time_to_spare_exhaustion_seconds", "At the present rate; no sample if not known.", |s| known(s.device.health.time_to_spare_exhaustion_seconds)),
    gauge("scan_state", "1 for what the scanner does.", |s| one_of("state", &SCANS, &s.device.scan.state)),
    gauge("scan_done_bytes", "What this pass has dealt with.", |s| bytes(s.device.scan.done_sectors)),
    gauge("scan_pass_bytes", "What a whole pass reads.", |s| bytes(s.device.scan.pass_sectors)),
    gauge("scan_cycle_seconds", "How long a pass is to take.", |s| plain(s.device.scan.cycle_days * 86400)),
    gauge("scan_last_pass_timestamp_seconds", "When the last pass ended; no sample if none did.", |s| known(s.device.scan.last_pass_unix_seconds)),
    counter("scan_passes_total", "Passes that ended.", |s| plain(s.device.scan.passes)),
    counter("scan_errors_total", "Reads of scans that found something new.", |s| plain(s.device.scan.errors)),
    counter("scan_read_bytes_total", "What scans have read.", |s| bytes(s.device.scan.read_sectors)),
    gauge("tracked_regions", "Regions of 1 MiB in which something happened.", |s| plain(s.device.map.tracked_regions)),
    gauge("health_memory_bytes", "The memory that is taken by the map of these.", |s| plain(s.device.map.memory_bytes)),
];
