// SPDX-License-Identifier: GPL-2.0-only

//! All that is known of a device.

use maud::{html, Markup};

use super::{heat, past, smart_part, whole, Answer, Seen};
use crate::{
    device::{
        findings::{confidence, Finding, Gravity},
        model::{Device, Health},
        status::State,
        words::{grouped, per_mille, span},
    },
    health, status,
};

/// The section of device `n`.
pub fn section(answer: &Answer, seen: &Seen, n: usize) -> Markup {
    let looked = &seen.looked;
    let device = &looked.device;
    html! {
        section.device.{ "is-" (whole::class(seen.gravity())) } aria-labelledby={ "device-" (n) } {
            h2 id={ "device-" (n) } { bdi { (device.name) } " " (whole::state(seen)) }
            h3 { "What was found" }
            (findings(&looked.findings))
            h3 { "Figures" }
            (figures(device))
            h3 { "Forecast" }
            (forecast(&device.health))
            h3 { "Heat map" }
            @if let Some(error) = &seen.parts_error {
                p { "The map could not be read: " (error) "." }
            } @else {
                (heat::map(&seen.parts, n))
            }
            h3 { "History" }
            (past::part(answer, seen, n))
            h3 { "What the disks say of themselves" }
            (smart_part::part(seen, n))
            h3 { "What it is made of" }
            (made_of(device, answer.at_unix_seconds))
            p.back { a href="#top" { "All devices" } }
        }
    }
}

fn findings(findings: &[Finding]) -> Markup {
    html! {
        @if findings.iter().all(|f| f.gravity == Gravity::Note) {
            p { "Nothing is wrong with it." }
        }
        @if !findings.is_empty() {
            ul.findings {
                @for finding in findings {
                    (one(finding))
                }
            }
        }
    }
}

fn one(finding: &Finding) -> Markup {
    let (class, word) = match finding.gravity {
        Gravity::Danger => ("danger", "Danger"),
        Gravity::Warning => ("warning", "Warning"),
        Gravity::Note => ("note", "Note"),
    };
    html! {
        li.{ "is-" (class) } {
            p { (whole::sign(class)) " " strong { (word) ": " } (finding.text) "." }
            @if !finding.advice.is_empty() {
                p { strong { "What to do: " } (finding.advice) "." }
            }
        }
    }
}

/// Numbers with what they count.
fn figures(device: &Device) -> Markup {
    let status = &device.status;
    let counter = |key: &str| grouped(status.counters.get(key).copied().unwrap_or(0));
    let used = status.spare_blocks.saturating_sub(status.spare_free_blocks);
    let spare = format!(
        "{} of {} ({})",
        grouped(used),
        grouped(status.spare_blocks),
        whole::part(used, status.spare_blocks).replace(' ', "\u{a0}")
    );
    let figures = [
        ("Health", format!("{} of 1000", device.health.score)),
        ("Blocks moved", grouped(status.remapped_blocks)),
        ("Sectors pending", grouped(status.pending_sectors)),
        ("Sectors lost", grouped(status.lost_sectors)),
        ("Spare blocks used", spare),
        ("Spare blocks failed", grouped(status.spare_failed_blocks)),
        ("Read errors since it was opened", counter("read_errors")),
        ("Write errors since it was opened", counter("write_errors")),
        ("Errors that scans met, in all", grouped(device.scan.errors)),
    ];
    html! {
        dl.figures {
            @for (name, value) in figures {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// What is expected, and why.
fn forecast(health: &Health) -> Markup {
    html! {
        p {
            "It " (health::verdict(health)) ". "
            strong { (per_mille(health.failure_probability_per_mille)) }
            " to fail within 30 days, with " (confidence(health.confidence_percent)) " confidence ("
            (health.confidence_percent) "\u{a0}%). The trend is " (health.trend) "."
        }
        @if let Some(left) = health.time_to_failure_seconds {
            p { "It may fail in about " strong { (span(left)) } "." }
        }
        @if let Some(left) = health.time_to_spare_exhaustion_seconds {
            p { "At the present rate the spare blocks last for " strong { (span(left)) } "." }
        }
        p { "The evidence:" }
        ul.evidence {
            @for part in health.evidence.split(';') {
                li { (part.trim()) }
            }
        }
    }
}

fn made_of(device: &Device, now: u64) -> Markup {
    let table = &device.table;
    let map = match device.status.state {
        State::Rw => "can change, as it should",
        State::Ro => "cannot change (ro)",
        State::Fail => "is not known to be right (fail)",
    };
    let (main, spare) = status::disks(device);
    let features = format!(
        "error_policy {}, pending_writes {}, {}, scan {}",
        table.error_policy,
        table.pending_writes,
        if table.auto_remap {
            "writes move by themselves"
        } else {
            "no_auto_remap"
        },
        table.scan
    );
    let facts = [
        (
            "Node",
            format!("/dev/mapper/{} (dm-{})", device.name, device.dm_number),
        ),
        ("Main", main),
        ("Spare", spare),
        ("Area", device.area_uuid.clone()),
        (
            "Map",
            format!("{map}; generation {}", grouped(device.status.generation)),
        ),
        ("Scanner", status::scan(device, now)),
        ("Features", features),
    ];
    html! {
        dl.facts {
            @for (name, value) in facts {
                div { dt { (name) } dd { bdi { (value) } } }
            }
        }
    }
}
