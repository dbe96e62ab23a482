// SPDX-License-Identifier: GPL-2.0-only

//! The page: its head, all devices at a glance, and then each.

use maud::{html, Markup, PreEscaped, DOCTYPE};

use super::{device_part, Answer, Seen, Unknown};
use crate::device::{
    findings::Gravity,
    words::{counted, grouped, per_mille, percent, time},
};

const STYLE: &str = include_str!("page.css");

/// Nothing is loaded, and nothing runs: whatever the name of a device may be.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The states a device can be in, the gravest first: the name of its class and sign, and what it is called.
const STATES: [(Gravity, &str, &str); 3] = [
    (Gravity::Danger, "danger", "in danger"),
    (Gravity::Warning, "warning", "needs attention"),
    (Gravity::Note, "well", "is well"),
];

pub fn page(answer: &Answer) -> Markup {
    let title = match &answer.host {
        Some(host) => format!("Remap devices of {host}"),
        None => "Remap devices".to_owned(),
    };
    let at = time(answer.at_unix_seconds);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "remapctl " (env!("CARGO_PKG_VERSION")) };
                title { (title) ", " (at) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (signs())
                header id="top" {
                    h1 { (title) }
                    p.quiet { "As of " (at) " UTC. All times are in UTC." }
                }
                main {
                    (overview(answer))
                    @for (n, seen) in answer.devices.iter().enumerate() {
                        (device_part::section(answer, seen, n))
                    }
                    @if !answer.unknown.is_empty() {
                        (unknown(&answer.unknown))
                    }
                }
                footer {
                    p.quiet {
                        "Made by remapctl report, version " (env!("CARGO_PKG_VERSION")) ". "
                        "What the words mean is in remapctl.md and prediction.md of its documentation."
                    }
                }
            }
        }
    }
}

/// The signs of states, drawn once: a form of its own for each.
fn signs() -> Markup {
    html! {
        svg.hidden width="0" height="0" aria-hidden="true" focusable="false" {
            symbol id="sign-danger" viewBox="0 0 16 16" {
                path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" {}
                path.inside d="M5 5l6 6M11 5l-6 6" {}
            }
            symbol id="sign-warning" viewBox="0 0 16 16" {
                path d="M8 1l7.5 14H.5z" {}
                path.inside d="M8 6v4M8 12v1.4" {}
            }
            symbol id="sign-well" viewBox="0 0 16 16" {
                circle cx="8" cy="8" r="7" {}
                path.inside d="M4.5 8.5l2.5 2.5 4.5-5.5" {}
            }
            symbol id="sign-note" viewBox="0 0 16 16" {
                circle cx="8" cy="8" r="7" {}
                path.inside d="M8 7v5M8 3.6v1.4" {}
            }
        }
    }
}

/// A sign, beside words that say the same.
pub fn sign(name: &str) -> Markup {
    html! {
        svg.sign.{ "is-" (name) } width="16" height="16" aria-hidden="true" focusable="false" {
            use href={ "#sign-" (name) } {}
        }
    }
}

/// The state of a device: a sign and words.
pub fn state(seen: &Seen) -> Markup {
    let (_, class, _) = of(seen.gravity());
    html! {
        span.state.{ "is-" (class) } { (sign(class)) " " (seen.looked.verdict()) }
    }
}

/// The class of a gravity.
pub fn class(gravity: Gravity) -> &'static str {
    of(gravity).1
}

fn of(gravity: Gravity) -> (Gravity, &'static str, &'static str) {
    let row = STATES.iter().find(|row| row.0 == gravity);
    *row.unwrap_or(&STATES[2])
}

fn overview(answer: &Answer) -> Markup {
    let devices = &answer.devices;
    if devices.is_empty() && answer.unknown.is_empty() {
        return html! { p { "There is no remap device." } };
    }
    let all = devices.len() + answer.unknown.len();
    html! {
        section aria-labelledby="overview" {
            h2 id="overview" { "Overview" }
            ul.counts {
                li { strong { (grouped(all as u64)) } " " (if all == 1 { "device" } else { "devices" }) }
                @for (gravity, class, words) in STATES {
                    @let count = devices.iter().filter(|seen| seen.gravity() == gravity).count() as u64;
                    @if count > 0 {
                        li.{ "is-" (class) } { (sign(class)) " " strong { (grouped(count)) } " " (plural(words, count)) }
                    }
                }
                @if !answer.unknown.is_empty() {
                    li.is-danger {
                        (sign("danger")) " " strong { (grouped(answer.unknown.len() as u64)) } " could not be looked at"
                    }
                }
            }
            @if !devices.is_empty() {
                table.overview {
                    caption.quiet { "All devices, the gravest first" }
                    thead {
                        tr {
                            th scope="col" { "Device" }
                            th scope="col" { "State" }
                            th.number scope="col" { "Health" span.quiet { " of 1000" } }
                            th.number.wide scope="col" { "Fails within 30 days" }
                            th.number.wide scope="col" { "Blocks moved" }
                            th.number.wide scope="col" { "Sectors pending" }
                            th.number.wide scope="col" { "Sectors lost" }
                            th.number scope="col" { "Spare used" }
                        }
                    }
                    tbody {
                        @for (n, seen) in devices.iter().enumerate() {
                            (row(seen, n))
                        }
                    }
                }
            }
        }
    }
}

/// `1 is well`, `2 are well`; `1 needs attention`, `2 need attention`.
fn plural(words: &str, count: u64) -> String {
    match count {
        1 => words.to_owned(),
        _ => words.replace("is ", "are ").replace("needs ", "need "),
    }
}

fn row(seen: &Seen, n: usize) -> Markup {
    let device = &seen.looked.device;
    let status = &device.status;
    let used = status.spare_blocks.saturating_sub(status.spare_free_blocks);
    html! {
        tr {
            th scope="row" { a href={ "#device-" (n) } { bdi { (device.name) } } }
            td { (state(seen)) }
            td.number { (device.health.score) }
            td.number.wide { (per_mille(device.health.failure_probability_per_mille)) }
            td.number.wide { (grouped(status.remapped_blocks)) }
            td.number.wide { (grouped(status.pending_sectors)) }
            td.number.wide { (grouped(status.lost_sectors)) }
            td.number { (part(used, status.spare_blocks)) }
        }
    }
}

/// What part of `all` it is: nothing is 0 %, and little is not nothing.
pub fn part(used: u64, all: u64) -> String {
    match percent(used, all) {
        text if used > 0 && text.starts_with("0 ") => "< 1 %".to_owned(),
        text => text,
    }
}

/// Those of which nothing is known.
fn unknown(list: &[Unknown]) -> Markup {
    let count = list.len() as u64;
    html! {
        section.device.is-danger aria-labelledby="unknown" {
            h2 id="unknown" { (counted(count, "device")) " could not be looked at" }
            p { "They are there, and how they are is not known." }
            ul.findings {
                @for missed in list {
                    li.is-danger { (sign("danger")) " " strong { bdi { (missed.name) } } ": " (missed.error) }
                }
            }
        }
    }
}
