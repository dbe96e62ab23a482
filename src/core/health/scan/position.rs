// SPDX-License-Identifier: GPL-2.0-only

//! What a scanner keeps over a restart: where it was, what it counted, and what it was following up.

use crate::{
    health::scan::{follow::WAITING, order::Order, Scanner},
    wire::{
        transmute_mut, transmute_ref, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, U32,
        U64,
    },
};

/// How long a position is.
pub const POSITION_BYTES: usize = 96;

const STAGGERED: u8 = 0;
const SEQUENTIAL: u8 = 1;

/// A position on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    order: u8,
    pad: [u8; 3],
    offset: U32,
    main: U64,
    rank: U64,
    passes: U64,
    last_pass: U64,
    sectors_read: U64,
    errors: U64,
    reserved: U64,
    /// Spans to follow up, plus one; 0 for none. The highest bit: something was found there.
    follow: [U32; WAITING],
}

const _: () = assert!(size_of::<Raw>() == POSITION_BYTES);

const FOUND: u32 = 1 << 31;

impl Scanner {
    /// Writes the position.
    pub fn encode(&self, to: &mut [u8; POSITION_BYTES]) {
        to.fill(0);
        let raw: &mut Raw = transmute_mut!(to);
        for (to, (span, dirty)) in raw.follow.iter_mut().zip(self.follow.waiting()) {
            let found = if dirty { FOUND } else { 0 };
            *to = (span.saturating_add(1) | found).into();
        }
        raw.order = match self.settings.order {
            Order::Staggered => STAGGERED,
            Order::Sequential => SEQUENTIAL,
        };
        raw.offset = self.offset.into();
        raw.main = self.main.into();
        raw.rank = self.rank.into();
        raw.passes = self.passes.into();
        raw.last_pass = self.last_pass.into();
        raw.sectors_read = self.sectors_read.into();
        raw.errors = self.errors.into();
    }

    /// Takes up the counters of a former session, and its position if that was in the same order over the same
    /// length: what is not so begins a new pass.
    pub fn restore(&mut self, from: &[u8; POSITION_BYTES]) {
        let raw: &Raw = transmute_ref!(from);
        self.passes = raw.passes.get();
        self.last_pass = raw.last_pass.get();
        self.sectors_read = raw.sectors_read.get();
        self.errors = raw.errors.get();
        let order = match raw.order {
            STAGGERED => Order::Staggered,
            SEQUENTIAL => Order::Sequential,
            _ => return,
        };
        if order != self.settings.order || raw.main.get() != self.main {
            return;
        }
        self.rank = raw.rank.get();
        self.offset = raw.offset.get();
        for span in raw.follow {
            let found = span.get() & FOUND != 0;
            if let Some(span) = (span.get() & !FOUND).checked_sub(1) {
                self.follow.add(span, found);
            }
        }
    }
}
