// SPDX-License-Identifier: GPL-2.0-only

//! A remap device, as all commands see it, and as JSON has it.

use anyhow::{bail, Context, Result};
use dm_remap_core::{
    fault::{ErrorPolicy, PendingWrites},
    grammar::table::TableLine,
    health::keeper::ScanMode,
};
use serde::Serialize;

use super::{
    source::Source,
    status::Status,
    sysfs::{self, Files},
    Id,
};

/// A remap device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    pub name: String,
    /// N of dm-N.
    pub dm_number: u32,
    /// What device-mapper knows it by, if anybody gave it that.
    pub dm_uuid: Option<String>,
    /// The spare area's own.
    pub area_uuid: String,
    /// I/O waits.
    pub suspended: bool,
    pub read_only: bool,
    pub table: Table,
    pub status: Status,
    pub health: Health,
    pub scan: Scan,
    pub map: Map,
}

/// What it was made from, with the features that are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    pub size_sectors: u64,
    pub main: Disk,
    pub main_start_sectors: u64,
    pub spare: Disk,
    pub spare_start_sectors: u64,
    pub spare_size_sectors: u64,
    pub error_policy: &'static str,
    pub pending_writes: &'static str,
    pub auto_remap: bool,
    pub scan: &'static str,
}

/// A device below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// As the table names it: major:minor.
    pub device: String,
    /// Its node, if it has one.
    pub path: Option<String>,
}

impl Disk {
    /// How people call it.
    pub fn name(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.device)
    }
}

/// How well it is, and how well it will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Of 1000.
    pub score: u64,
    pub level: String,
    pub trend: String,
    pub failure_probability_per_mille: u64,
    pub confidence_percent: u64,
    pub severity: u64,
    pub time_to_failure_seconds: Option<u64>,
    pub time_to_spare_exhaustion_seconds: Option<u64>,
    pub evidence: String,
    pub auto_evacuate: bool,
    pub slow_milliseconds: u64,
}

/// The scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scan {
    pub state: String,
    pub done_sectors: u64,
    pub pass_sectors: u64,
    pub passes: u64,
    /// When the last pass ended, in seconds since 1970.
    pub last_pass_unix_seconds: Option<u64>,
    pub errors: u64,
    pub read_sectors: u64,
    pub interval_milliseconds: u64,
    /// If not as many as make a pass in `cycle_days`.
    pub sectors_per_scan: Option<u64>,
    pub cycle_days: u64,
    pub intensity: u64,
    pub order: String,
    pub speed_min_kib_per_second: u64,
    pub speed_max_kib_per_second: u64,
}

/// The map of regions in which something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Map {
    pub tracked_regions: u64,
    pub memory_bytes: u64,
    pub worst: Vec<Region>,
}

/// A region of 1 MiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Region {
    pub first_sector: u64,
    pub score: u64,
}

/// Reads what there is of a device whose lines are these.
pub fn read(source: &dyn Source, id: &Id, table: &str, status: &str) -> Result<Device> {
    let folder = sysfs::folder(source, id.number);
    let files = Files::of(source, id.number);
    let flag = |file: &str| -> Result<bool> {
        Ok(sysfs::maybe(&folder.join(file))?.is_some_and(|text| text == "1"))
    };
    let uuid = sysfs::maybe(&folder.join("dm/uuid"))?;
    Ok(Device {
        name: id.name.clone(),
        dm_number: id.number,
        dm_uuid: uuid.filter(|uuid| !uuid.is_empty()),
        area_uuid: files.text("uuid")?,
        suspended: flag("dm/suspended")?,
        read_only: flag("ro")?,
        table: table_of(source, table).with_context(|| format!("table line '{table}'"))?,
        status: Status::parse(status)?,
        health: health(&files)?,
        scan: scan(&files)?,
        map: map(&files)?,
    })
}

fn table_of(source: &dyn Source, line: &str) -> Result<Table> {
    let mut words = line.split_ascii_whitespace();
    let (_, size, target) = (words.next(), words.next(), words.next());
    if target != Some(super::live::TARGET) {
        bail!("it is not of a remap target");
    }
    let size = size.and_then(|size| size.parse().ok());
    let parsed = TableLine::parse(words).map_err(|e| anyhow::anyhow!("{e}"))?;
    let disk = |device: &str| Disk {
        device: device.to_owned(),
        path: sysfs::node(source, device),
    };
    let features = parsed.features;
    Ok(Table {
        size_sectors: size.context("it has no length")?,
        main: disk(parsed.main),
        main_start_sectors: features.main_start.0,
        spare: disk(parsed.spare),
        spare_start_sectors: parsed.spare_start.0,
        spare_size_sectors: parsed.spare_len.0,
        error_policy: match features.error_policy {
            ErrorPolicy::Medium => "medium",
            ErrorPolicy::Confirm => "confirm",
            ErrorPolicy::Any => "any",
        },
        pending_writes: match features.pending_writes {
            PendingWrites::Remap => "remap",
            PendingWrites::Main => "main",
        },
        auto_remap: features.auto_remap,
        scan: match features.scan {
            ScanMode::Off => "off",
            ScanMode::Idle => "idle",
            ScanMode::On => "on",
        },
    })
}

fn health(files: &Files) -> Result<Health> {
    Ok(Health {
        score: files.number("health/score")?,
        level: files.text("health/level")?,
        trend: files.text("health/trend")?,
        failure_probability_per_mille: files.number("health/failure_probability")?,
        confidence_percent: files.number("health/confidence")?,
        severity: files.number("health/severity")?,
        time_to_failure_seconds: files.number_or_word("health/time_to_failure", "unknown")?,
        time_to_spare_exhaustion_seconds: files
            .number_or_word("health/time_to_spare_exhaustion", "unknown")?,
        evidence: files.text("health/evidence")?,
        auto_evacuate: files.number::<u8>("health/auto_evacuate")? != 0,
        slow_milliseconds: files.number("health/slow_ms")?,
    })
}

fn scan(files: &Files) -> Result<Scan> {
    let position = files.text("scan/position")?;
    let numbers = position.split_once(" / ").and_then(|(done, all)| {
        let pair: (u64, u64) = (done.parse().ok()?, all.parse().ok()?);
        Some(pair)
    });
    let (done, all) = numbers.with_context(|| format!("scan/position is '{position}'"))?;
    let last: u64 = files.number("scan/last_pass")?;
    Ok(Scan {
        state: files.text("scan/state")?,
        done_sectors: done,
        pass_sectors: all,
        passes: files.number("scan/passes")?,
        last_pass_unix_seconds: Some(last).filter(|last| *last != 0),
        errors: files.number("scan/errors")?,
        read_sectors: files.number("scan/sectors_read")?,
        interval_milliseconds: files.number("scan/interval_ms")?,
        sectors_per_scan: files.number_or_word("scan/sectors_per_scan", "auto")?,
        cycle_days: files.number("scan/cycle_days")?,
        intensity: files.number("scan/intensity")?,
        order: files.text("scan/order")?,
        speed_min_kib_per_second: files.number("scan/speed_min")?,
        speed_max_kib_per_second: files.number("scan/speed_max")?,
    })
}

fn map(files: &Files) -> Result<Map> {
    let worst = files.text("map/worst")?;
    let region = |word: &str| {
        let (sector, score) = word.split_once(':')?;
        Some(Region {
            first_sector: sector.parse().ok()?,
            score: score.parse().ok()?,
        })
    };
    let regions: Option<Vec<Region>> = worst.split_ascii_whitespace().map(region).collect();
    Ok(Map {
        tracked_regions: files.number("map/tracked_regions")?,
        memory_bytes: files.number("map/memory_bytes")?,
        worst: regions.with_context(|| format!("map/worst is '{worst}'"))?,
    })
}
