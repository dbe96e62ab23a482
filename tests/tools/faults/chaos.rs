// SPDX-License-Identifier: GPL-2.0-only
//! What happens to the device while it is in use: its disks get worse and better, allocations fail, and
//! somebody sends it messages, suspends it and reloads it.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::inject;
use super::load::Ledger;
use super::stack::{disk_of, linear, Stack, LOWER, NAME, SPAN};
use crate::crash::recorder::{MAIN, SPARE};
use crate::failing;
use crate::pattern::mix;

/// How seldom a chance at a fault of each kind may be taken, from now and then to very often.
const WEATHER: [[u64; 3]; 4] = [[1000, 300, 1000], [200, 60, 200], [60, 20, 60], [20, 6, 30]];

/// One thing after another, until the users are told to stop.
pub fn run(stack: &Stack, ledger: &Ledger<'_>, seed: &mut u64) -> Result<()> {
    let mut below = [false; 2];
    while !ledger.stop.load(Ordering::Relaxed) {
        match mix(seed) % 32 {
            0..=7 => (0..8).try_for_each(|_| stack.bad_place(seed))?,
            8 => stack.bad_log(seed)?,
            9 => stack.pair.reset()?,
            10..=11 => weather(seed)?,
            12 => {
                let disk = mix(seed) as usize % 2;
                // What is bad gets good before it gets bad in another way.
                let table = match below[disk] {
                    true => linear(&stack.pair, disk),
                    false => bad_table(stack, disk, seed),
                };
                below[disk] = !below[disk];
                stack.below(disk, &table)?;
                if table.contains(" dust ") {
                    dust(stack, disk, seed)?;
                }
            }
            13 => administrate(stack, seed)?,
            14..=18 => ask(stack),
            _ => change(stack, seed),
        }
        thread::sleep(Duration::from_micros(mix(seed) % 40_000));
    }
    Ok(())
}

/// Faults are injected, more or less often.
pub fn weather(seed: &mut u64) -> Result<()> {
    let chance = mix(seed);
    let chosen = WEATHER[chance as usize % WEATHER.len()];
    for (kind, interval) in chosen.into_iter().enumerate() {
        // Now and then one kind alone, or none.
        let none = (chance >> (8 * kind + 8)) % 4 == 0;
        inject::often(kind, if none { 0 } else { interval })?;
    }
    Ok(())
}

/// A table under which requests fail, in a way that is its own.
fn bad_table(stack: &Stack, disk: usize, seed: &mut u64) -> String {
    let (len, node) = (stack.pair.sectors(disk), disk_of(disk));
    // Seconds: one in which all is well, and one in which it is not.
    let flakey = |feature: &str| format!("0 {len} flakey {node} 0 1 1 1 {feature}");
    let reads = disk == MAIN || !stack.spare_reads;
    match mix(seed) % 5 {
        0 if reads => format!("0 {len} error"),
        1 if reads => flakey("error_reads"),
        2 if reads => format!("0 {len} dust {node} 0 512"),
        _ => flakey("error_writes"),
    }
}

/// Bad blocks that cannot be read before they are written, and cannot be written at once.
fn dust(stack: &Stack, disk: usize, seed: &mut u64) -> Result<()> {
    let name = LOWER[disk];
    for _ in 0..20 {
        let sectors = [SPAN, stack.pair.sectors(SPARE)][disk];
        let (place, fails) = (mix(seed) % sectors, mix(seed) % 4);
        // It may be one already.
        let _ = stack
            .control
            .message(name, &format!("addbadblock {place} {fails}"));
    }
    stack.control.message(name, "quiet")?;
    stack.control.message(name, "enable").map(drop)
}

/// Suspends and resumes it, with another table or with the same.
fn administrate(stack: &Stack, seed: &mut u64) -> Result<()> {
    let (control, chance) = (&stack.control, mix(seed));
    failing::enter()?;
    if chance % 2 == 0 {
        let policy = ["any", "medium", "confirm"][(chance >> 8) as usize % 3];
        let auto = ["", "", "", " no_auto_remap"][(chance >> 16) as usize % 4];
        let _ = control.load(NAME, &stack.table(&format!("error_policy {policy}{auto}")));
    }
    let _ = match (chance >> 24) % 3 {
        0 => control.suspend_at_once(NAME),
        _ => control.suspend(NAME),
    };
    let mut resumed = control.resume(NAME);
    if resumed.is_err() {
        resumed = control.resume(NAME);
    }
    failing::leave();
    for _ in 0..50 {
        if resumed.is_ok() {
            break;
        }
        // A disk may not be as it should, which is for its time alone.
        thread::sleep(Duration::from_millis(20));
        resumed = control.resume(NAME);
    }
    resumed
        .map(drop)
        .context("it is suspended, and cannot be resumed")
}

/// Asks for what can be asked for.
fn ask(stack: &Stack) {
    let control = &stack.control;
    if failing::enter().is_ok() {
        let _ = (control.status(NAME), control.table(NAME));
        for message in ["help", "list", "list lost", "query 8"] {
            let _ = control.message(NAME, message);
        }
    }
    failing::leave();
    let wrong = control.status(NAME).is_ok_and(|line| line.contains(" ro "));
    if wrong {
        let _ = control.message(NAME, "clear_needs_check");
    }
}

/// Asks for a change, which may be refused.
fn change(stack: &Stack, seed: &mut u64) {
    let chance = mix(seed);
    let (place, count) = (mix(seed) % SPAN, 1 + chance % 64);
    let message = match (chance >> 8) % 16 {
        0..=3 => format!("remap {place}"),
        4 => format!("evacuate {place} {}", count.min(SPAN - place)),
        5..=8 => format!("retest {place} {}", count.min(SPAN - place)),
        9 if chance % 8 == 0 => "retest all".into(),
        10 => format!("mark {place}"),
        11 => format!("unmark {place} {}", count.min(SPAN - place)),
        12..=13 => {
            let policy = ["any", "any", "medium", "confirm"][(chance >> 16) as usize % 4];
            format!("set error_policy {policy}")
        }
        14 if chance % 2 == 0 => {
            let to = ["remap", "main"][(chance >> 16) as usize % 2];
            format!("set pending_writes {to}")
        }
        14 => format!(
            "set auto_remap {}",
            ["on", "on", "off"][(chance >> 16) as usize % 3]
        ),
        // It takes what is counted here with it.
        _ if chance % 8 == 0 => "reset_stats".into(),
        _ => "help".into(),
    };
    if failing::enter().is_ok() {
        let _ = stack.control.message(NAME, &message);
    }
    failing::leave();
}
