// SPDX-License-Identifier: GPL-2.0-only

//! Reading the log in large pieces, and telling block by block what could not be read.

use crate::{
    layout::{zeroed, CopyId, Half, Layout, MetaBlock, META_BYTES},
    log::{classify, Found},
    mem::{Buf, NoMemory},
    open::{Area, MAX_TRANSFER},
    wire::IntoBytes,
};

/// Blocks in a window.
pub(super) const WINDOW: u32 = 256;

const _: () = assert!(MAX_TRANSFER == 256 * META_BYTES);

/// What was found at an index of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The device said that it cannot read it.
    Unreadable,
    /// It could be read.
    Read(Found),
}

/// A run of blocks of one copy and half in memory.
struct Window {
    buf: Buf<[u64; 64]>,
    half: Half,
    first: u32,
    count: u32,
    /// A bit for each block that could not be read.
    bad: [u64; 4],
}

impl Window {
    fn new() -> Result<Window, NoMemory> {
        Ok(Window {
            buf: zeroed(MAX_TRANSFER / META_BYTES)?,
            half: Half::First,
            first: 0,
            count: 0,
            bad: [0; 4],
        })
    }

    /// How far into the window an index lies, if it does.
    fn offset(&self, half: Half, index: u32) -> Option<u32> {
        let offset = index.checked_sub(self.first)?;
        (half == self.half && offset < self.count).then_some(offset)
    }

    fn bytes(&mut self, from: u32, blocks: u32) -> Option<&mut [u8]> {
        let from = usize::try_from(from).ok()?.checked_mul(META_BYTES)?;
        let len = usize::try_from(blocks).ok()?.checked_mul(META_BYTES)?;
        let bytes = self.buf.as_mut_slice().as_mut_bytes();
        bytes.get_mut(from..from.checked_add(len)?)
    }

    fn block(&self, offset: u32) -> Option<&MetaBlock> {
        let from = usize::try_from(offset).ok()?.checked_mul(META_BYTES)?;
        let bytes = self.buf.as_slice().as_bytes();
        bytes
            .get(from..from.checked_add(META_BYTES)?)?
            .try_into()
            .ok()
    }

    fn is_bad(&self, offset: u32) -> bool {
        let word = self.bad.get(usize::try_from(offset / 64).unwrap_or(4));
        word.is_none_or(|w| w.wrapping_shr(offset % 64) & 1 != 0)
    }

    fn mark_bad(&mut self, offset: u32) {
        if let Some(word) = self.bad.get_mut(usize::try_from(offset / 64).unwrap_or(4)) {
            *word |= 1u64.wrapping_shl(offset % 64);
        }
    }

    /// Reads `count` blocks from `first` on, the readable ones among them one by one if need be.
    fn fill(
        &mut self,
        area: &mut dyn Area,
        layout: &Layout,
        copy: CopyId,
        half: Half,
        first: u32,
        count: u32,
    ) {
        self.half = half;
        self.first = first;
        self.count = count;
        self.bad = [0; 4];
        let (mut done, mut one_by_one) = (0u32, false);
        while done < count {
            let index = first.saturating_add(done);
            let Some((at, run)) = layout.log_sector(copy, half, index) else {
                // Past the end of the half: nobody asks.
                self.count = done;
                return;
            };
            let mut now = if one_by_one {
                1
            } else {
                run.min(count.saturating_sub(done)).max(1)
            };
            let mut read = |bytes: &mut [u8]| area.read(at, bytes).is_ok();
            if !self.bytes(done, now).is_some_and(&mut read) {
                // One block alone gets a second try.
                one_by_one = true;
                now = 1;
                if !self.bytes(done, 1).is_some_and(&mut read) {
                    self.mark_bad(done);
                }
            }
            done = done.saturating_add(now);
        }
    }
}

/// Both copies of the log, seen through a window each.
pub(super) struct Reader<'a> {
    pub(super) area: &'a mut dyn Area,
    layout: &'a Layout,
    uuid: [u8; 16],
    windows: [Window; 2],
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        area: &'a mut dyn Area,
        layout: &'a Layout,
        uuid: [u8; 16],
    ) -> Result<Self, NoMemory> {
        Ok(Reader {
            area,
            layout,
            uuid,
            windows: [Window::new()?, Window::new()?],
        })
    }

    /// Looks at one block, which is inside its half.
    pub(super) fn look(&mut self, copy: CopyId, half: Half, index: u32) -> Look {
        let window = copy.of_mut(&mut self.windows);
        if window.offset(half, index).is_none() {
            // Most maps are small: begin small.
            let want = if index == 0 { 16 } else { WINDOW };
            let count = want.min(self.layout.half_blocks().saturating_sub(index));
            window.fill(self.area, self.layout, copy, half, index, count);
        }
        match window.offset(half, index) {
            Some(offset) if !window.is_bad(offset) => match window.block(offset) {
                Some(block) => Look::Read(classify(block, &self.uuid)),
                None => Look::Unreadable,
            },
            _ => Look::Unreadable,
        }
    }

    /// The block that [`look`](Self::look) has just found.
    pub(super) fn block(&self, copy: CopyId, half: Half, index: u32) -> Option<&MetaBlock> {
        let [a, b] = &self.windows;
        let window = match copy {
            CopyId::A => a,
            CopyId::B => b,
        };
        window.block(window.offset(half, index)?)
    }

    /// Both of these indices are in memory.
    pub(super) fn holds(&self, copy: CopyId, half: Half, index: u32, other: u32) -> bool {
        let [a, b] = &self.windows;
        let window = match copy {
            CopyId::A => a,
            CopyId::B => b,
        };
        let inside = |index| window.offset(half, index).is_some();
        inside(index) && inside(other)
    }

    /// As many blocks as are in memory from `index` on, `most` at most.
    pub(super) fn run(
        &mut self,
        copy: CopyId,
        half: Half,
        index: u32,
        most: u32,
    ) -> Option<(&mut dyn Area, &mut [u8])> {
        let window = copy.of_mut(&mut self.windows);
        let offset = window.offset(half, index)?;
        let count = window.count.saturating_sub(offset).min(most);
        Some((&mut *self.area, window.bytes(offset, count)?))
    }
}
