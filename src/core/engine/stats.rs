// SPDX-License-Identifier: GPL-2.0-only

//! What is counted since the device came up, or since somebody asked to begin anew.

/// What is counted: names one of [`Stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(usize);

impl Count {
    /// Reads of a physical block alone that failed, repeated ones not counted.
    pub const READ_ERRORS: Count = Count(0);
    /// Writes, likewise.
    pub const WRITE_ERRORS: Count = Count(1);
    /// Those of both that succeeded when they were repeated.
    pub const RECOVERED: Count = Count(2);
    /// Blocks that moved because a write failed.
    pub const MOVED: Count = Count(3);
    /// Blocks that moved because a message said so.
    pub const REMAPPED: Count = Count(4);
    /// Blocks that moved while all of them could be read.
    pub const EVACUATED: Count = Count(5);
    /// Blocks that went back to main.
    pub const RETURNED: Count = Count(6);
    /// Blocks that could not be done as a message asked.
    pub const STAYED: Count = Count(7);
    /// Log blocks that became durable.
    pub const COMMITS: Count = Count(8);
    /// Flushes of our own.
    pub const FLUSHES: Count = Count(9);
}

/// The names in the status line, in the order of the constants of [`Count`].
const NAMES: [&str; 10] = [
    "read_errors",
    "write_errors",
    "recovered",
    "moved_write",
    "moved_message",
    "evacuated",
    "returned",
    "stayed",
    "commits",
    "flushes",
];

/// The counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats([u64; NAMES.len()]);

impl Stats {
    /// One more.
    #[inline(never)]
    pub fn count(&mut self, what: Count) {
        self.add(what, 1);
    }

    /// So many more.
    pub fn add(&mut self, what: Count, n: u32) {
        if let Some(count) = self.0.get_mut(what.0) {
            *count = count.saturating_add(u64::from(n));
        }
    }

    /// How many there were.
    pub fn of(&self, what: Count) -> u64 {
        self.0.get(what.0).copied().unwrap_or_default()
    }

    /// Names and counts.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.into_iter().zip(self.0)
    }
}
