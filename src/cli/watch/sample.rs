// SPDX-License-Identifier: GPL-2.0-only

//! Devices for tests, as a kernel would show them.

use std::collections::BTreeMap;

use crate::{
    device::{
        cells::Cell,
        findings::{Finding, Gravity},
        kernel_log::Said,
        model::{Device, Disk, Health, Map, Region, Scan, Table},
        status::{State, Status},
    },
    status::Looked,
};

use super::look::{Page, Sample};

/// What the time is.
pub const NOW: u64 = 1_800_000_000;

/// A device that has seen something.
pub fn device(name: &str) -> Device {
    let disk = |device: &str, path: &str| Disk {
        device: device.to_owned(),
        path: Some(path.to_owned()),
    };
    let counters = [("read_errors", 2), ("write_errors", 3), ("moved_write", 3)];
    let counters: BTreeMap<String, u64> = counters.map(|(key, n)| (key.to_owned(), n)).into();
    Device {
        name: name.to_owned(),
        dm_number: 0,
        dm_uuid: None,
        area_uuid: "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11".to_owned(),
        suspended: false,
        read_only: false,
        table: Table {
            size_sectors: 209_715_200,
            main: disk("8:0", "/dev/sda"),
            main_start_sectors: 0,
            spare: disk("8:16", "/dev/sdb"),
            spare_start_sectors: 2048,
            spare_size_sectors: 2_097_152,
            error_policy: "confirm",
            pending_writes: "remap",
            auto_remap: true,
            scan: "idle",
        },
        status: Status {
            state: State::Rw,
            needs_check: false,
            storm: false,
            remapped_blocks: 3,
            spare_blocks: 238_520,
            spare_free_blocks: 238_517,
            spare_failed_blocks: 0,
            pending_sectors: 16,
            pending_dropped_sectors: 0,
            lost_sectors: 0,
            generation: 77,
            block_sectors: 8,
            degraded_copies: String::new(),
            queued_messages: 0,
            counters,
        },
        health: Health {
            score: 812,
            level: "good".to_owned(),
            trend: "stable".to_owned(),
            failure_probability_per_mille: 75,
            confidence_percent: 64,
            severity: 1,
            time_to_failure_seconds: None,
            time_to_spare_exhaustion_seconds: None,
            evidence: "5 episodes with errors at 3 places".to_owned(),
            auto_evacuate: false,
            slow_milliseconds: 100,
        },
        scan: Scan {
            state: "waiting".to_owned(),
            done_sectors: 52_905_784,
            pass_sectors: 211_623_136,
            passes: 7,
            last_pass_unix_seconds: Some(NOW - 3 * 86400),
            errors: 1,
            read_sectors: 1_534_267_736,
            interval_milliseconds: 60_000,
            sectors_per_scan: None,
            cycle_days: 14,
            intensity: 5,
            order: "staggered".to_owned(),
            speed_min_kib_per_second: 0,
            speed_max_kib_per_second: 0,
        },
        map: Map {
            tracked_regions: 2,
            memory_bytes: 64,
            worst: vec![Region {
                first_sector: 4096,
                score: 640,
            }],
        },
    }
}

/// A device, and what was found.
pub fn looked(device: Device, found: &[(Gravity, &'static str, &str)]) -> Looked {
    let findings = found.iter().map(|&(gravity, code, text)| Finding {
        gravity,
        code,
        text: text.to_owned(),
        advice: "do something".to_owned(),
    });
    let findings: Vec<Finding> = findings.collect();
    Looked {
        well: findings.is_empty(),
        findings,
        smart: None,
        device,
    }
}

/// What was seen of devices that are all well.
pub fn well(names: &[&str]) -> Sample {
    let devices = names
        .iter()
        .map(|name| ((*name).to_owned(), Ok(looked(device(name), &[]))));
    Sample {
        now: NOW,
        devices: devices.collect(),
        page: None,
    }
}

/// A page with so many parts, of which the second is in danger and the third has pending sectors.
pub fn page(name: &str, parts: u64) -> Page {
    let each = 209_715_200 / parts;
    let cell = |n| Cell {
        first_sector: n * each,
        size_sectors: each,
        score: if n == 1 { 100 } else { 1000 },
        remapped: false,
        pending: n == 2,
        lost: false,
    };
    Page {
        name: name.to_owned(),
        cells: Ok((0..parts).map(cell).collect()),
        said: vec![Said {
            at: NOW - 90,
            text: "its health is 812 of 1000 now".to_owned(),
        }],
    }
}
