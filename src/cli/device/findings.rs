// SPDX-License-Identifier: GPL-2.0-only

//! What is wrong with a device, in words, and what to do about it.

use serde::Serialize;

use super::{
    model::{Device, Health},
    raw,
    source::Source,
    status::State,
    words::{counted, grouped, per_mille, span},
};
use crate::{
    history::Counts,
    smart::{self, Shown},
};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gravity {
    /// Worth knowing, and no reason to do anything.
    Note,
    /// It wants somebody's attention soon.
    Warning,
    /// Data is lost or about to be, or I/O fails.
    Danger,
}

impl Gravity {
    /// What stands before a finding.
    pub fn mark(self) -> &'static str {
        match self {
            Gravity::Note => "note",
            Gravity::Warning => "warning",
            Gravity::Danger => "DANGER",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub gravity: Gravity,
    /// A word that stays the same, for programs.
    pub code: &'static str,
    pub text: String,
    /// What to do; empty for a note.
    pub advice: String,
}

/// Spare blocks that failed: more of them speak of the spare device.
const FEW_FAILED: u64 = 3;

/// Below this, in seconds, the end of the spare blocks is near.
const SOON: u64 = 30 * 86400;

/// What was found, the gravest first.
pub fn of(source: &dyn Source, device: &Device) -> Vec<Finding> {
    let mut list = List {
        name: &device.name,
        findings: Vec::new(),
    };
    list.map(device);
    list.usage(source, device);
    list.spare(device);
    list.sectors(device);
    list.health(&device.health);
    if let Some(smart) = Shown::recorded(source, device) {
        list.disk("main", device.table.main.name(), smart.main.as_ref());
        list.disk("spare", device.table.spare.name(), smart.spare.as_ref());
    }
    list.scan(device, source.now());
    let mut findings = list.findings;
    findings.sort_by(|a, b| b.gravity.cmp(&a.gravity));
    findings
}

/// Whether nothing wants attention.
pub fn well(findings: &[Finding]) -> bool {
    findings.iter().all(|f| f.gravity == Gravity::Note)
}

struct List<'a> {
    name: &'a str,
    findings: Vec<Finding>,
}

impl List<'_> {
    fn add(&mut self, gravity: Gravity, code: &'static str, text: String, advice: String) {
        self.findings.push(Finding {
            gravity,
            code,
            text,
            advice,
        });
    }

    fn danger(&mut self, code: &'static str, text: String, advice: String) {
        self.add(Gravity::Danger, code, text, advice);
    }

    fn warning(&mut self, code: &'static str, text: String, advice: String) {
        self.add(Gravity::Warning, code, text, advice);
    }

    fn note(&mut self, code: &'static str, text: String) {
        self.add(Gravity::Note, code, text, String::new());
    }

    /// The map, and what can be done with it.
    fn map(&mut self, device: &Device) {
        let name = self.name;
        let spare = device.table.spare.name();
        let status = &device.status;
        let clear = format!("dmsetup message {name} 0 clear_needs_check");
        match status.state {
            State::Rw => {}
            State::Ro if device.read_only => self.note(
                "made_read_only",
                "it was made read-only: nothing is written, and nothing moves".to_owned(),
            ),
            State::Ro => self.danger(
                "map_cannot_change",
                "the map cannot change: a write that would move a block fails".to_owned(),
                format!("look at {spare} and its cable first, then run: {clear}"),
            ),
            State::Fail => self.danger(
                "map_not_known",
                "the map is not known to be right: all I/O to remapped blocks fails".to_owned(),
                format!("look at {spare} and its cable, close the device, and run remapctl check on the spare area"),
            ),
        }
        if status.needs_check {
            self.danger(
                "needs_check",
                "the metadata has to be checked".to_owned(),
                format!("run: {clear}"),
            );
        }
        if status.storm {
            self.danger(
                "storm",
                "errors come from everywhere, so that remapping has stopped: this is a cable, a controller or power, not the medium"
                    .to_owned(),
                "look at cable, controller and power, and at the kernel log; it goes on by itself when I/O works again".to_owned(),
            );
        }
        match status.degraded_copies.as_str() {
            "" => {}
            one @ ("a" | "b") => self.warning(
                "metadata_copy_lost",
                format!("copy {one} of the metadata cannot be written; the other one serves alone"),
                format!("look at {spare}, then run: {clear}"),
            ),
            _ => self.danger(
                "metadata_copies_lost",
                "no copy of the metadata can be written".to_owned(),
                format!("move the data away; look at {spare}, then run: {clear}"),
            ),
        }
        if device.suspended {
            self.warning(
                "suspended",
                "it is suspended: all I/O waits".to_owned(),
                format!("if nobody works at it, run: dmsetup resume {name}"),
            );
        }
    }

    /// Who else uses main.
    fn usage(&mut self, source: &dyn Source, device: &Device) {
        let main = &device.table.main;
        let users = raw::users(source, &main.device, device.dm_number);
        if !users.is_empty() {
            self.danger(
                "raw_main_in_use",
                format!(
                    "{} is used past the map by {}: what is read there may be old, and what is written there may be lost",
                    main.name(),
                    users.join(", ")
                ),
                format!("stop that, and use /dev/mapper/{} alone", self.name),
            );
        }
    }

    /// The spare blocks.
    fn spare(&mut self, device: &Device) {
        let status = &device.status;
        let (free, all) = (status.spare_free_blocks, status.spare_blocks);
        let more = "copy the data to a good disk, or make a new device with a larger spare area";
        if free == 0 {
            self.danger(
                "spare_exhausted",
                "no spare block is left: the next write to a bad block fails".to_owned(),
                more.to_owned(),
            );
        } else if free < all / 10 {
            self.warning(
                "spare_low",
                format!(
                    "only {} of {} are left",
                    grouped(free),
                    counted(all, "spare block")
                ),
                more.to_owned(),
            );
        } else if let Some(left) = device.health.time_to_spare_exhaustion_seconds {
            if left < SOON {
                self.warning(
                    "spare_runs_out",
                    format!("at the present rate the spare blocks end in {}", span(left)),
                    more.to_owned(),
                );
            }
        }
        let failed = status.spare_failed_blocks;
        let text = format!("{} could not be written", counted(failed, "spare block"));
        if failed > FEW_FAILED {
            let spare = device.table.spare.name();
            self.warning(
                "spare_device_fails",
                format!("{text}: the spare device fails, too"),
                format!("look at {spare} (smartctl -a), and move the data to good disks"),
            );
        } else if failed > 0 {
            self.note("spare_blocks_failed", text);
        }
    }

    /// Sectors and blocks.
    fn sectors(&mut self, device: &Device) {
        let name = self.name;
        let status = &device.status;
        if status.lost_sectors > 0 {
            self.danger(
                "lost_sectors",
                format!("{} lost: nobody holds the data any more", are(status.lost_sectors)),
                format!("restore the files from a backup; dmsetup message {name} 0 list lost says where"),
            );
        }
        if status.pending_sectors > 0 {
            self.warning(
                "pending_sectors",
                format!(
                    "{} could not be read, or {} marked",
                    counted(status.pending_sectors, "sector"),
                    if status.pending_sectors == 1 { "was" } else { "were" }
                ),
                format!(
                    "restore the files in which they lie (dmsetup message {name} 0 list pending says where), or try again: dmsetup message {name} 0 retest all"
                ),
            );
        }
        if status.pending_dropped_sectors > 0 {
            self.warning(
                "pending_dropped",
                format!(
                    "{} could not be read and found no place in the list of those",
                    counted(status.pending_dropped_sectors, "sector")
                ),
                "copy the data to a good disk".to_owned(),
            );
        }
        if status.remapped_blocks > 0 {
            self.note(
                "remapped_blocks",
                format!(
                    "{} moved to the spare area; if this number grows by itself, the disk is dying",
                    counted(status.remapped_blocks, "block")
                ),
            );
        }
        if !device.table.auto_remap {
            self.note(
                "no_auto_remap",
                "a failing write is an error, for nothing moves by itself (no_auto_remap)"
                    .to_owned(),
            );
        }
    }

    /// What the health part makes of it.
    fn health(&mut self, health: &Health) {
        let forecast = format!(
            "{} to fail within 30 days ({} confidence, {})",
            per_mille(health.failure_probability_per_mille),
            confidence(health.confidence_percent),
            health.trend
        );
        let advice = "copy the data to a good disk while it can be read; remapctl health says more";
        if health.severity >= crate::health::ALARM {
            let when = health
                .time_to_failure_seconds
                .map_or(String::new(), |left| format!(", perhaps in {}", span(left)));
            self.danger(
                "predicted_failure",
                format!("the main device is expected to fail{when}: {forecast}"),
                advice.to_owned(),
            );
        } else if health.level == "danger" {
            self.danger(
                "health_danger",
                format!("the health is {} of 1000: {forecast}", health.score),
                advice.to_owned(),
            );
        } else if health.level == "warning" {
            self.warning(
                "health_warning",
                format!("the health is {} of 1000: {forecast}", health.score),
                "see that there is a backup; remapctl health says more".to_owned(),
            );
        }
    }

    /// What a disk says of itself.
    fn disk(&mut self, role: &str, disk: &str, counts: Option<&Counts>) {
        let Some(counts) = counts else {
            return;
        };
        let said = smart::words(counts);
        if counts.passed == Some(false) {
            self.danger(
                "smart_failing",
                format!("SMART of the {role} device {disk}: {said}"),
                format!("copy the data to a good disk while it can be read (smartctl -a {disk})"),
            );
        } else if smart::bad_sectors(counts).is_some_and(|sectors| sectors > 0) {
            self.note(
                "smart_bad_sectors",
                format!("SMART of the {role} device {disk}: {said}"),
            );
        }
    }

    /// Whether somebody looks at the disk.
    fn scan(&mut self, device: &Device, now: u64) {
        let name = self.name;
        let scan = &device.scan;
        let verb = match scan.state.as_str() {
            "stopped" => "start",
            "paused" => "resume",
            _ => "now",
        };
        match scan.last_pass_unix_seconds {
            None if verb != "now" => self.note(
                "never_scanned",
                format!("it was never scanned: what nobody reads may be bad (remapctl scan {verb} {name})"),
            ),
            Some(last) => {
                let age = now.saturating_sub(last);
                if age > 2 * 86400 * scan.cycle_days {
                    self.warning(
                        "scan_overdue",
                        format!("the last whole scan ended {} ago", span(age)),
                        format!("run: remapctl scan {verb} {name}"),
                    );
                }
            }
            None => {}
        }
    }
}

fn are(sectors: u64) -> String {
    let verb = if sectors == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(sectors, "sector"))
}

/// The words of `docs/sysfs.md`.
pub fn confidence(percent: u64) -> &'static str {
    match percent {
        80.. => "high",
        50.. => "medium",
        _ => "low",
    }
}
