// SPDX-License-Identifier: GPL-2.0-only
//! Each allocation, and each request to a disk, of what an administrator does fails in turn, one at a time:
//! the device comes up or is refused, changes or stays as it is, and can be used after all of it.

use anyhow::{ensure, Context, Result};

use super::inject;
use super::stack::{linear, Stack, NAME};
use crate::crash::recorder::{Pair, MAIN, SPARE};
use crate::dm::Control;
use crate::failing;
use crate::pattern::mix;

/// More than any of these have.
const MOST: u32 = 20_000;

pub fn run(control: Control, pair: Pair, stride: u64, seed: &mut u64) -> Result<(Control, Pair)> {
    let mut stack = Stack::new(control, pair, "block_sectors 8")?;
    inject::requests("main0", true)?;
    inject::requests("spare0", true)?;
    let mut counts = Vec::new();
    let mut turns = |what: &str, stack: &mut Stack, act: Act, stride: u64| -> Result<()> {
        let mut n = 1 + (mix(seed) % stride) as u32;
        let mut hits = 0;
        loop {
            ensure!(n < MOST, "{what} has no end");
            let hit = act(stack, n).with_context(|| format!("{what}, at its turn {n}"))?;
            if !hit {
                break;
            }
            hits += 1;
            n += stride as u32;
        }
        counts.push(format!("{what} {hits}"));
        ensure!(hits > 0, "nothing failed in turn: {what}");
        Ok(())
    };
    // A device that has been up before costs a tenth of a new one.
    stack.control.create(NAME, &linear(&stack.pair, MAIN))?;
    turns("construct", &mut stack, construct, stride)?;
    turns("format", &mut stack, format, stride)?;
    serve(&stack)?;
    for n in 0..40 {
        stack.control.message(NAME, &format!("remap {}", n * 8))?;
    }
    stack.settle()?;
    turns("reload", &mut stack, reload, stride)?;
    turns("message", &mut stack, message, 1)?;
    turns("status", &mut stack, status, 1)?;
    retire(&stack)?;
    turns("open", &mut stack, open, stride)?;
    stack.control.remove(NAME)?;
    println!("failed in turn: {}", counts.join(", "));
    stack.calm()?;
    stack.end()
}

/// Does something at whose n-th chance a fault is injected, and tells whether there was one. What fails does
/// so for that reason alone.
type Act = fn(&mut Stack, u32) -> Result<bool>;

fn outcome<T>(result: (Result<T>, bool)) -> Result<bool> {
    match result {
        (Err(error), false) => Err(error.context("nothing was made to fail")),
        (_, hit) => Ok(hit),
    }
}

fn serve(stack: &Stack) -> Result<()> {
    stack.control.load(NAME, &stack.table(""))?;
    stack.control.resume(NAME).map(drop)
}

/// Another table takes the device's place, so that it is gone as by a removal.
fn retire(stack: &Stack) -> Result<()> {
    stack.control.load(NAME, &linear(&stack.pair, MAIN))?;
    stack.control.resume(NAME).map(drop)
}

fn construct(stack: &mut Stack, n: u32) -> Result<bool> {
    let (control, table) = (&stack.control, stack.table(""));
    let result = failing::nth(n, || control.load(NAME, &table))?;
    if result.0.is_ok() {
        control.clear(NAME)?;
    }
    outcome(result)
}

fn format(stack: &mut Stack, n: u32) -> Result<bool> {
    stack.pair.image(SPARE).fill(0);
    open(stack, n)
}

fn open(stack: &mut Stack, n: u32) -> Result<bool> {
    let control = &stack.control;
    control.load(NAME, &stack.table(""))?;
    let result = failing::nth(n, || control.resume(NAME))?;
    if result.0.is_ok() {
        let used = stack.status()?.swap_remove(0);
        ensure!(
            used.starts_with("0/") || used.starts_with("40/"),
            "it came up with {used} blocks"
        );
    }
    retire(stack)?;
    outcome(result)
}

fn reload(stack: &mut Stack, n: u32) -> Result<bool> {
    let control = &stack.control;
    let policy = ["any", "medium"][n as usize % 2];
    let table = stack.table(&format!("error_policy {policy}"));
    let result = failing::nth(n, || {
        control.load(NAME, &table)?;
        control.suspend(NAME)?;
        control.resume(NAME)
    })?;
    let up = result.0.is_ok();
    // It may be suspended, and it can be resumed.
    control.resume(NAME)?;
    if up {
        let now = control.table(NAME)?;
        ensure!(
            now.contains(policy),
            "it was reloaded with {policy}, and is {now}"
        );
    }
    let fields = stack.status()?;
    ensure!(
        fields[0].starts_with("40/"),
        "40 blocks had moved: {}",
        fields.join(" ")
    );
    outcome(result)
}

fn message(stack: &mut Stack, n: u32) -> Result<bool> {
    let control = &stack.control;
    let mut hits = false;
    for message in [
        "list",
        "query 0",
        "set error_policy any",
        "mark 4000",
        "unmark 4000",
    ] {
        let result = failing::nth(n, || control.message(NAME, message))?;
        hits |= outcome(result)?;
    }
    Ok(hits)
}

fn status(stack: &mut Stack, n: u32) -> Result<bool> {
    let control = &stack.control;
    let result = failing::nth(n, || {
        control.status(NAME)?;
        control.table(NAME)
    })?;
    outcome(result)
}
