// SPDX-License-Identifier: GPL-2.0-only
//! Judges the console of a guest: from the start marker on, the kernel must have had nothing to
//! complain of, and the end marker must say that all was well.

/// What the kernel says when something of its own is wrong. Looked for in lines with a time stamp
/// of the kernel's only, so that a test may print what it likes.
const REPORTS: &[&str] = &[
    "WARNING:",
    "BUG:",
    "kernel BUG at",
    "Oops",
    "general protection fault",
    "Kernel panic",
    "Unable to handle kernel",
    "possible circular locking",
    "possible recursive locking",
    "possible irq lock inversion",
    "irq lock inversion",
    "lock order detected",
    "inconsistent lock state",
    "inconsistent {",
    "suspicious RCU usage",
    "bad unlock balance",
    "held lock freed",
    "lock held when returning to user space",
    "locks held at task exit time",
    "INFO: trying to register non-static key",
    "turning off the locking correctness validator",
    "sleeping function called from invalid context",
    "scheduling while atomic",
    "blocked for more than",
    "hung_task:",
    "self-detected stall",
    "detected stalls",
    "soft lockup",
    "KASAN:",
    "UBSAN:",
    "kmemleak:",
    "refcount_t:",
    "ODEBUG:",
    "list_add corruption",
    "list_del corruption",
    "bad page",
    "Bad page",
    "slab error",
    "Objects remaining in",
    "panicked at",
    "not ok ",
];

const MARKER: &str = "dm-remap-guest: ";

/// The reason why a guest failed, or nothing.
pub fn judge(lane: &str, console: &str) -> Option<String> {
    let mut started = false;
    let mut end = None;
    let mut report = None;
    for line in console.lines() {
        let Some(line) = kernel_line(line) else {
            continue;
        };
        if let Some(text) = line.strip_prefix(MARKER) {
            started |= text.starts_with("start ");
            if let Some((_, text)) = text.strip_prefix("end ").and_then(|t| t.split_once(' ')) {
                end = Some(text.trim());
            }
        } else if started && report.is_none() && REPORTS.iter().any(|r| line.contains(r)) {
            report = Some(line.to_owned());
        }
    }
    if !started {
        return Some("the guest did not start the test".into());
    }
    // A report comes first: a failed test is often only its consequence.
    if let Some(report) = report {
        return Some(format!("the kernel reported: {report}"));
    }
    let Some(end) = end else {
        return Some("the guest ended without the end marker".into());
    };
    let field = |key: &str| {
        end.split_whitespace()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    match field("rc") {
        Some("0") => {}
        Some("124" | "137") => return Some("the test timed out".into()),
        rc => return Some(format!("the test ended with {}", rc.unwrap_or("nothing"))),
    }
    if field("module").is_some() {
        return Some("the test left the module loaded".into());
    }
    if lane == "lockdep" {
        if field("debug_locks") != Some("1") {
            return Some("lockdep is off at the end (debug_locks is not 1)".into());
        }
        match field("leaks") {
            Some("0") => {}
            Some(n) => return Some(format!("kmemleak found {n} unreferenced objects")),
            None => return Some("kmemleak did not run".into()),
        }
    }
    None
}

/// What follows the kernel's time stamp in a line, wherever that stands: the console mixes the
/// kernel's lines with those of the test.
fn kernel_line(line: &str) -> Option<&str> {
    line.match_indices('[').find_map(|(at, _)| {
        let (stamp, text) = line.get(at + 1..)?.split_once("] ")?;
        let (seconds, parts) = stamp.trim_start().split_once('.')?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        (digits(seconds) && digits(parts) && parts.len() == 6).then_some(text.trim_end())
    })
}

/// What a reader wants to see of a console, given the reason of a failure: the report with what is
/// around it, or else the end.
pub fn excerpt(console: &str, reason: &str) -> String {
    let line = reason
        .split_once("the kernel reported: ")
        .map(|(_, line)| line);
    let lines: Vec<&str> = console.lines().collect();
    let at = line.and_then(|line| lines.iter().position(|l| l.trim_end().ends_with(line)));
    let range = match at {
        Some(at) => at.saturating_sub(10)..(at + 30).min(lines.len()),
        None => lines.len().saturating_sub(40)..lines.len(),
    };
    lines.get(range).unwrap_or(&[]).join("\n")
}
