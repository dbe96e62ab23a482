// SPDX-License-Identifier: GPL-2.0-only

//! How much may be read, and when: what each scan is given, and the pauses of the users.

use crate::health::{scan::settings::Settings, DAY};

/// How many scans' worth of reading may be made up for at most.
const BACKLOG: u64 = 60;

/// How much faster it goes while errors are expected (Mahdisoltani).
const HASTE: u64 = 2;

/// What one scan is given: `whole` sectors, and `part` of `of` of one.
#[derive(Clone, Copy)]
struct Share {
    whole: u64,
    part: u64,
    of: u64,
    haste: u64,
}

impl Share {
    /// `auto` divides `sectors` among the milliseconds of a cycle, exactly.
    fn new(settings: &Settings, sectors: u64, expected: bool) -> Share {
        let haste = if expected { HASTE } else { 1 };
        if let Some(each) = settings.sectors_per_scan {
            return Share {
                whole: each.into(),
                part: 0,
                of: 1,
                haste,
            };
        }
        let of = u64::from(settings.cycle_days).saturating_mul(DAY.wrapping_mul(1000));
        let interval = u64::from(settings.interval_ms);
        let whole = sectors.checked_div(of).unwrap_or(0);
        let rest = sectors.checked_rem(of).unwrap_or(0);
        // The milliseconds of a year, times those of a day: less than 2^62.
        let part = rest.saturating_mul(interval);
        let more = part.checked_div(of).unwrap_or(0);
        Share {
            whole: whole.saturating_mul(interval).saturating_add(more),
            part: part.checked_rem(of).unwrap_or(0),
            of,
            haste,
        }
    }
}

/// What was given and used, and since when the users rest.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Sectors that may be read before the next scan.
    budget: u64,
    /// Sectors that were read beyond that: the last read is never cut.
    debt: u64,
    /// What a scan has, a sector that was begun included.
    each: u64,
    /// What was not given yet of a sector, in parts of [`Share::of`].
    carry: u64,
    next_scan: u64,
    /// No scan was wanted: none is made up for.
    asleep: bool,
    /// The users' counter, and when it changed last.
    traffic: u64,
    busy: u64,
    /// No read before this time, for the limit and for rest.
    not_before: u64,
    /// The time of the next read on a disk that is busy.
    forced: u64,
}

impl Pace {
    pub(super) const fn new() -> Pace {
        Pace {
            budget: 0,
            debt: 0,
            each: 0,
            carry: 0,
            next_scan: 0,
            asleep: true,
            traffic: 0,
            busy: 0,
            not_before: 0,
            forced: 0,
        }
    }

    /// The settings are others: a `new_interval` begins at once.
    pub(super) fn changed(&mut self, new_interval: bool) {
        if new_interval {
            self.asleep = true;
            self.next_scan = 0;
        }
        self.carry = 0;
        self.budget = self.budget.min(self.each);
    }

    /// The users' counter is so far.
    pub(super) fn look(&mut self, now: u64, traffic: u64) {
        if traffic != self.traffic {
            self.traffic = traffic;
            self.busy = now;
        }
    }

    /// Nothing is to be read.
    pub(super) fn sleep(&mut self) {
        self.asleep = true;
    }

    /// Gives what the scans have that should have begun since this was asked: they begin at their times, however late
    /// this is, or a pass would take longer than its days.
    pub(super) fn give(&mut self, now: u64, sectors: u64, settings: &Settings, expected: bool) {
        let slept = core::mem::replace(&mut self.asleep, false);
        let Some(late) = now.checked_sub(self.next_scan) else {
            return;
        };
        let interval = u64::from(settings.interval_ms);
        let share = Share::new(settings, sectors, expected);
        let (due, next) = if slept {
            (1, now.saturating_add(interval))
        } else {
            let due = late.checked_div(interval).unwrap_or(0).saturating_add(1);
            let next = due.saturating_mul(interval).saturating_add(self.next_scan);
            (due.min(BACKLOG), next)
        };
        let mut all = self.budget;
        for _ in 0..due.saturating_mul(share.haste) {
            self.carry = self.carry.saturating_add(share.part);
            if self.carry >= share.of {
                self.carry = self.carry.wrapping_sub(share.of);
                all = all.saturating_add(1);
            }
            all = all.saturating_add(share.whole);
        }
        self.each = share.whole.saturating_add(1).saturating_mul(share.haste);
        let all = all.min(self.each.saturating_mul(BACKLOG));
        self.budget = all.saturating_sub(self.debt);
        self.debt = self.debt.saturating_sub(all);
        self.next_scan = next;
    }

    /// When there is more to read, if nothing is left.
    pub(super) fn spent(&self) -> Option<u64> {
        (self.budget == 0).then_some(self.next_scan)
    }

    /// Nothing was read that was not given.
    pub(super) const fn is_even(&self) -> bool {
        self.debt == 0
    }

    /// When to ask again, if nothing may be read now for the users, the limit, or a rest.
    pub(super) fn held(&self, now: u64, settings: &Settings) -> Option<u64> {
        let patience = u64::from(settings.step().patience);
        let idle = self.busy.saturating_add(patience);
        let idle = if self.busy == 0 { 0 } else { idle };
        let start = match settings.speed_min {
            0 => idle,
            _ => idle.min(self.forced),
        };
        let start = start.max(self.not_before);
        if now >= start {
            return None;
        }
        // Users are noticed when it is looked, and count from then on. So while there are some it looks more often
        // than it has to.
        let soon = now.saturating_add(patience.wrapping_shr(2));
        let users = self.busy == now && soon > now;
        Some(if users { start.min(soon) } else { start })
    }

    /// So many sectors were read from `begun` to `now`; what is read in a `hurry` is nothing that was taken in advance.
    pub(super) fn took(
        &mut self,
        begun: u64,
        now: u64,
        sectors: u64,
        hurry: bool,
        settings: &Settings,
    ) {
        let over = sectors.saturating_sub(self.budget);
        self.budget = self.budget.saturating_sub(sectors);
        if !hurry {
            self.debt = self.debt.saturating_add(over);
        }
        // Half a KiB a sector: milliseconds at so many KiB/s.
        let at = |speed: u32| {
            let ms = sectors.saturating_mul(500);
            begun.saturating_add(ms.checked_div(speed.into()).unwrap_or(0))
        };
        let took = now.saturating_sub(begun);
        let rest = took.saturating_mul(settings.step().rest.into());
        self.not_before = now.saturating_add(rest).max(at(settings.speed_max));
        self.forced = at(settings.speed_min).max(now);
    }
}
