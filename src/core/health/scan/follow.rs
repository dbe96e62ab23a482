// SPDX-License-Identifier: GPL-2.0-only

//! Where something was found, more is: the span of a hit is read, then its neighbours, each way until one is clean.

use crate::health::{
    scan::{
        order::{spans, SPAN},
        segments, SEGMENT,
    },
    REGION_SHIFT,
};

/// Spans that can wait. What finds no room is met by the pass later.
pub(super) const WAITING: usize = 8;

/// Spans that were read and are remembered for the rest of the pass.
const DONE: usize = 16;

/// A span that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Walk {
    span: u32,
    /// Something was found in it, before or while it was read: its neighbours are next.
    dirty: bool,
    /// Sectors of it that were read.
    at: u32,
}

/// Spans to be read, the first of them first.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    waiting: [Option<Walk>; WAITING],
    done: [Option<u32>; DONE],
    next_done: usize,
}

impl Follow {
    pub(super) const fn new() -> Follow {
        Follow {
            waiting: [None; WAITING],
            done: [None; DONE],
            next_done: 0,
        }
    }

    /// Something new was found in `segment`.
    pub(super) fn hit(&mut self, segment: u64) {
        if let Ok(span) = u32::try_from(segment.wrapping_div(SPAN)) {
            self.add(span, true);
        }
    }

    /// The segment of `main` sectors to read next, and how many sectors of it were read.
    pub(super) fn next(&mut self, main: u64) -> Option<(u64, u32)> {
        loop {
            let walk = (*self.waiting.first()?)?;
            let into = u64::from(walk.at.wrapping_shr(REGION_SHIFT));
            let segment = u64::from(walk.span).wrapping_mul(SPAN).wrapping_add(into);
            let offset = walk.at & SEGMENT.wrapping_sub(1);
            let start = segment.saturating_mul(SEGMENT.into());
            if into < SPAN && start.saturating_add(offset.into()) < main {
                return Some((segment, offset));
            }
            self.finish(walk, segments(main));
        }
    }

    /// So many sectors of what [`next`](Self::next) told were read.
    pub(super) fn read(&mut self, sectors: u32, hit: bool) {
        if let Some(walk) = self.waiting.first_mut().and_then(Option::as_mut) {
            walk.at = walk.at.saturating_add(sectors);
            walk.dirty |= hit;
        }
    }

    /// The pass is over: what was read in it may be read again.
    pub(super) fn end_pass(&mut self) {
        self.done = [None; DONE];
    }

    /// The spans that wait, and which of them begin with a hit.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u32, bool)> + '_ {
        self.waiting.iter().flatten().map(|w| (w.span, w.dirty))
    }

    /// Adds a span, if it is not there and was not read in this pass.
    pub(super) fn add(&mut self, span: u32, dirty: bool) {
        if let Some(walk) = self.waiting.iter_mut().flatten().find(|w| w.span == span) {
            walk.dirty |= dirty;
        } else if self.done.iter().flatten().all(|&d| d != span) {
            if let Some(free) = self.waiting.iter_mut().find(|w| w.is_none()) {
                *free = Some(Walk { span, dirty, at: 0 });
            }
        }
    }

    fn finish(&mut self, walk: Walk, segments: u64) {
        self.waiting.copy_within(1.., 0);
        if let Some(last) = self.waiting.last_mut() {
            *last = None;
        }
        if let Some(slot) = self.done.get_mut(self.next_done) {
            *slot = Some(walk.span);
        }
        self.next_done = self.next_done.wrapping_add(1) & DONE.wrapping_sub(1);
        if walk.dirty {
            let spans = spans(segments);
            let beside = [walk.span.checked_sub(1), walk.span.checked_add(1)];
            for span in beside.into_iter().flatten() {
                if u64::from(span) < spans {
                    self.add(span, false);
                }
            }
        }
    }
}
