// SPDX-License-Identifier: GPL-2.0-only

//! The memory that scans read into. It is asked for without waiting, which might be for what main alone can free: a scan
//! goes on without it, in small parts.

use crate::{
    dm::io::IoBuffer,
    kernel_ext::clock,
    target::{notice, volume::Volume},
};

/// How long it is until memory that was refused is asked for again.
const AGAIN_MS: u64 = 60_000;

/// A buffer for the scanner's reads, if there was memory for it.
#[derive(Default)]
pub(super) struct ScanBuffer {
    memory: Option<IoBuffer>,
    /// None is asked for before this.
    after: u64,
}

impl ScanBuffer {
    /// Makes it as large as the scanner's reads.
    ///
    /// # Context
    ///
    /// Process context; waits for nothing.
    #[inline(never)]
    pub(super) fn fit(&mut self, volume: &Volume) {
        let want = volume.keeper.lock().scanner.step_sectors().into();
        let now = clock::monotonic_ms();
        let fits = |b: &IoBuffer| b.len_sectors() == want;
        if self.memory.as_ref().is_some_and(fits) || now < self.after {
            return;
        }
        if let Ok(made) = IoBuffer::new_nowait(want) {
            self.memory = Some(made);
            return;
        }
        self.after = now.saturating_add(AGAIN_MS);
        if volume.rare_limit.allow() {
            let what = format_args!("no memory for a scan's reads: they are small for a while");
            notice::say(volume.name(), false, what);
        }
    }

    /// Gives it back: no scan goes on.
    pub(super) fn free(&mut self) {
        *self = ScanBuffer::default();
    }

    /// The buffer, or `small` without one.
    pub(super) fn or<'a>(&'a mut self, small: &'a mut IoBuffer) -> &'a mut IoBuffer {
        self.memory.as_mut().unwrap_or(small)
    }
}
