// SPDX-License-Identifier: GPL-2.0-only
//! Writes sectors that say who they are, and checks them. For guest tests. All I/O is direct.
//!
//! ```text
//! sectors write  DEVICE FROM COUNT GENERATION [--step N] [--durable] [--nowait]
//! sectors verify DEVICE FROM COUNT GENERATION [--step N] [--nowait]
//! sectors hammer DEVICE FROM COUNT [--writers N] [--readers N] [--writes N] [--longest N] [--unit N]
//!                [--seed N] [--errors-ok] [--record FILE]
//! sectors check  DEVICE FROM FILE MOMENT
//! sectors crash  [--seed N] [--rounds N] [--stride N] [--players N] [--story NAME] [--lie flush|fua]
//! sectors faults [--seconds N] [--session N] [--seed N] [--stride N]
//! sectors fuzz   DEVICE COUNT TABLES [--seed N]
//! sectors judge  LANE CONSOLE
//! sectors cycle  MODULE ROUNDS TABLE
//! sectors messages DEVICE
//! sectors time   read|write DEVICE FROM SPAN COUNT
//! sectors speed  read|write DEVICE FROM SPAN DEPTH COUNT
//! sectors bursts  read|write DEVICE FROM SPAN COUNT BURST PAUSE_MS
//! sectors together DEVICE FROM STEP COUNT GATE GENERATION
//! sectors area   DEVICE MAIN_SECTORS ENTRIES [--step N] [--second SECTOR]
//! sectors load   DEVICE TABLE
//! sectors uevents
//! ```
//!
//! `hammer` records what was acknowledged; `check` compares a device with that, at a moment of the record,
//! which is called `end`. `crash` is the crash campaign, `faults` the fault campaign, `fuzz` sends a device
//! what is wrong. `judge` says what the kernel of a guest had to complain of. `messages` sends what it reads, a line each.
//! `time`, `speed`, `bursts`, `together` and `load` measure, and print nanoseconds. `area` makes a spare area with entries.

#[path = "aio.rs"]
mod aio;
#[path = "area.rs"]
mod area;
#[path = "crash.rs"]
mod crash;
#[path = "cycle.rs"]
mod cycle;
#[path = "dm.rs"]
mod dm;
#[path = "failing.rs"]
mod failing;
#[path = "faults.rs"]
mod faults;
#[path = "fuzz.rs"]
mod fuzz;
#[path = "hammer.rs"]
mod hammer;
#[path = "ledger.rs"]
mod ledger;
#[path = "pattern.rs"]
mod pattern;
#[path = "time.rs"]
mod time;
#[path = "uevents.rs"]
mod uevents;
#[path = "../common/verdict.rs"]
mod verdict;

use std::env;
use std::process::ExitCode;

use anyhow::{anyhow, bail, Context, Result};
use pattern::{Buffer, Device, SECTOR};

const USAGE: &str = "usage: sectors write|verify|hammer|check|crash|faults|fuzz|judge|cycle|messages|time|speed|bursts|together|area|load|uevents ... (see the head of its source)";

fn main() -> ExitCode {
    match run(env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sectors: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Vec<String>) -> Result<()> {
    let mut words = Vec::new();
    let mut options = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--") {
            Some(flag @ ("durable" | "nowait" | "errors-ok")) => {
                options.push((flag.to_owned(), String::new()))
            }
            Some(key) => {
                let value = args
                    .next()
                    .with_context(|| format!("{arg} needs a value"))?;
                options.push((key.to_owned(), value));
            }
            None => words.push(arg),
        }
    }
    let options = Options(options);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["write", device, from, count, generation] => {
            let device = Device::open(device)?;
            let step = options.number("step", 8)?;
            let durable = options.has("durable");
            each(number(from)?, number(count)?, step, |first, buffer| {
                for (n, sector) in (first..).zip(buffer.chunks_exact_mut(SECTOR)) {
                    pattern::fill(sector, n, number(generation)? as u32);
                }
                let result = if options.has("nowait") {
                    device.write_now(buffer, first)
                } else {
                    device.write(buffer, first, durable)
                };
                result.with_context(|| format!("cannot write sector {first} and those behind it"))
            })
        }
        ["verify", device, from, count, generation] => {
            let device = Device::open(device)?;
            let wanted = number(generation)? as u32;
            let step = options.number("step", 8)?;
            each(number(from)?, number(count)?, step, |first, buffer| {
                let result = if options.has("nowait") {
                    device.read_now(buffer, first)
                } else {
                    device.read(buffer, first)
                };
                result
                    .with_context(|| format!("cannot read sector {first} and those behind it"))?;
                ledger::compare(
                    buffer,
                    first,
                    &vec![(wanted, wanted); buffer.len() / SECTOR],
                )
            })
        }
        ["check", device, from, file, moment] => {
            let device = Device::open(device)?;
            ledger::check(&device, number(from)?, &ledger::find(file, moment)?)
        }
        ["hammer", device, from, count] => hammer::run(&hammer::Plan {
            device: device.to_owned(),
            from: number(from)?,
            count: number(count)?,
            writers: options.number("writers", 4)?,
            readers: options.number("readers", 1)?,
            writes: options.number("writes", 1000)?,
            longest: options.number("longest", 32)?,
            unit: options.number("unit", 1)?,
            record: options.all("record").pop(),
            errors_ok: options.has("errors-ok"),
            seed: options.number("seed", 1)?,
        }),
        ["crash"] => crash::run(&crash::Plan {
            seed: options.number("seed", 1)?,
            stride: options.number("stride", 1)?,
            players: options.number("players", 3)?,
            rounds: options.number("rounds", 1)?,
            lie: options.all("lie").pop(),
            story: options.all("story").pop(),
        }),
        ["faults"] => faults::run(&faults::Plan {
            seed: options.number("seed", 1)?,
            seconds: options.number("seconds", 3600)?,
            session: options.number("session", 10)?,
            stride: options.number("stride", 1)?,
        }),
        ["fuzz", device, count, tables] => fuzz::run(&fuzz::Plan {
            device: device.to_owned(),
            messages: number(count)?,
            tables: number(tables)?,
            seed: options.number("seed", 1)?,
        }),
        ["judge", lane, console] => {
            let text = std::fs::read(console).with_context(|| console.to_owned())?;
            let text = String::from_utf8_lossy(&text);
            let reason = verdict::judge(lane, &text);
            reason.map_or(Ok(()), |reason| {
                bail!("{reason}\n{}", verdict::excerpt(&text, &reason))
            })
        }
        ["cycle", module, rounds, table] => cycle::run(module, number(rounds)?, table),
        ["messages", device] => messages(device),
        ["uevents"] => uevents::run(),
        ["time", op @ ("read" | "write"), device, from, span, count] => {
            let write = op == "write";
            let ns = time::run(device, write, number(from)?, number(span)?, number(count)?)?;
            println!("{ns:.0}");
            Ok(())
        }
        ["speed", op @ ("read" | "write"), device, from, span, depth, count] => {
            let write = op == "write";
            let depth = number(depth)? as usize;
            let (from, span, count) = (number(from)?, number(span)?, number(count)?);
            let (each, latency) = aio::speed(device, write, from, span, depth, count)?;
            println!("{each:.0} {latency:.0}");
            Ok(())
        }
        ["bursts", op @ ("read" | "write"), device, from, span, count, burst, pause] => {
            let plan = time::Bursts {
                write: op == "write",
                from: number(from)?,
                span: number(span)?,
                count: number(count)?,
                burst: number(burst)?,
                pause_ms: number(pause)?,
            };
            let (each, p99) = plan.run(device)?;
            println!("{each} {p99}");
            Ok(())
        }
        ["together", device, from, step, count, gate, generation] => {
            let (from, step, count) = (number(from)?, number(step)?, number(count)?);
            let generation = number(generation)? as u32;
            println!(
                "{}",
                aio::together(device, from, step, count, gate, generation)?
            );
            Ok(())
        }
        ["area", device, main, entries] => area::run(&area::Plan {
            device: device.to_owned(),
            main: number(main)?,
            entries: number(entries)?,
            step: options.number("step", 8)?,
            second: options.number("second", 0)?,
        }),
        ["load", device, table] => {
            let control = dm::Control::open()?;
            let start = std::time::Instant::now();
            control.create(device, table)?;
            println!("{}", start.elapsed().as_nanos());
            Ok(())
        }
        _ => bail!(USAGE),
    }
}

/// Sends each line of the standard input to a device-mapper device.
fn messages(device: &str) -> Result<()> {
    let control = dm::Control::open()?;
    for line in std::io::stdin().lines() {
        control.message_patiently(device, &line?)?;
    }
    Ok(())
}

/// Runs over a range in steps, with a buffer for each.
fn each(
    from: u64,
    count: u64,
    step: u64,
    mut act: impl FnMut(u64, &mut [u8]) -> Result<()>,
) -> Result<()> {
    let mut buffer = Buffer::new(step as usize)?;
    let mut at = from;
    while at < from + count {
        let len = step.min(from + count - at);
        act(at, &mut buffer[..len as usize * SECTOR])?;
        at += len;
    }
    Ok(())
}

struct Options(Vec<(String, String)>);

impl Options {
    fn all(&self, key: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(k, _)| k == key)
            .map(|(_, v)| v.clone())
            .collect()
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(k, _)| k == key)
    }

    fn number(&self, key: &str, default: u64) -> Result<u64> {
        self.all(key)
            .last()
            .map_or(Ok(default), |value| number(value))
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| anyhow!("{text} is no number"))
}
