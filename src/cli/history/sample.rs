// SPDX-License-Identifier: GPL-2.0-only

//! What is recorded of a device each time.

use serde::{Deserialize, Serialize};

use crate::device::model::Device;

/// A device at one time. A line that lacks one of these is read with zero in its place, and what later versions write
/// besides is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at_unix_seconds: u64,
    /// What the device was called then.
    #[serde(default)]
    pub name: String,
    /// Spare blocks that are not free: in use, or failed.
    #[serde(default)]
    pub spare_used_blocks: u64,
    #[serde(default)]
    pub spare_total_blocks: u64,
    #[serde(default)]
    pub remapped_blocks: u64,
    #[serde(default)]
    pub pending_sectors: u64,
    #[serde(default)]
    pub lost_sectors: u64,
    /// Physical blocks that failed when they were tried alone, since the device came up or since `reset_stats`: they
    /// may be fewer than before.
    #[serde(default)]
    pub read_errors: u64,
    #[serde(default)]
    pub write_errors: u64,
    /// Reads of scans that found something new, of all sessions.
    #[serde(default)]
    pub scan_errors: u64,
    /// Of 1000.
    #[serde(default)]
    pub health_score: u64,
    /// To fail within 30 days.
    #[serde(default)]
    pub failure_probability_per_mille: u64,
    /// What the disks say of themselves, if they were asked.
    #[serde(default)]
    pub smart: Option<Smart>,
}

impl Sample {
    /// What is known of a device now.
    pub fn of(device: &Device, at_unix_seconds: u64) -> Self {
        let status = &device.status;
        let counter = |key: &str| status.counters.get(key).copied().unwrap_or(0);
        Sample {
            at_unix_seconds,
            name: device.name.clone(),
            spare_used_blocks: status.spare_blocks.saturating_sub(status.spare_free_blocks),
            spare_total_blocks: status.spare_blocks,
            remapped_blocks: status.remapped_blocks,
            pending_sectors: status.pending_sectors,
            lost_sectors: status.lost_sectors,
            read_errors: counter("read_errors"),
            write_errors: counter("write_errors"),
            scan_errors: device.scan.errors,
            health_score: device.health.score,
            failure_probability_per_mille: device.health.failure_probability_per_mille,
            smart: None,
        }
    }
}

/// What the disks below a device say of themselves; nothing of one that said nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smart {
    #[serde(default)]
    pub main: Option<Counts>,
    #[serde(default)]
    pub spare: Option<Counts>,
}

/// What a disk says of itself, of what it says anything of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The disk's own verdict: whether it says that it is well.
    #[serde(default)]
    pub passed: Option<bool>,
    /// ATA: attribute 5; SCSI: the grown defect list.
    #[serde(default)]
    pub reallocated_sectors: Option<u64>,
    /// ATA: attribute 197; SCSI: pending defects.
    #[serde(default)]
    pub pending_sectors: Option<u64>,
    /// ATA: attribute 198.
    #[serde(default)]
    pub offline_uncorrectable_sectors: Option<u64>,
    /// ATA: attribute 187; SCSI: uncorrected errors of reads and verifies; NVMe: media errors.
    #[serde(default)]
    pub reported_uncorrectable_errors: Option<u64>,
    /// NVMe: how much of its life it has used; may go past 100.
    #[serde(default)]
    pub used_percent: Option<u64>,
}
