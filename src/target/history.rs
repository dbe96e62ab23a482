// SPDX-License-Identifier: GPL-2.0-only

//! What a former session knew of a disk's health, taken up when the volume is loaded.

use dm_remap_core::{health::history, identity::Identities, layout::Layout, units::SectorCount};

use crate::{
    kernel_ext::clock,
    target::{area::SpareArea, notice, volume::Volume},
};

/// The scanner is told how much there is.
#[inline(never)]
pub(crate) fn measure(volume: &Volume, layout: &Layout, len: SectorCount) {
    let spare = u64::from(layout.spare_count());
    let spare = spare.saturating_mul(layout.block_size().sectors().into());
    volume.keeper.lock().resize(len, SectorCount(spare));
}

/// Takes up what former sessions knew of the health of this main. Where there is nothing it begins anew.
#[inline(never)]
pub(crate) fn load(
    volume: &Volume,
    layout: &Layout,
    area: &mut SpareArea<'_>,
    uuid: &[u8; 16],
    main: &Identities,
) {
    let (now, unix) = (clock::monotonic_ms(), clock::real_seconds());
    let past = history::find(area, layout, uuid, main.marks(), unix);
    let restored = volume.keeper.lock().restore(&past, now);
    let text = if past.unread || restored.is_err() {
        "what was known of its health could not be read: that is old now, or nothing, see 'health'"
    } else if past.other > 0 && past.image().is_none() {
        "main is another disk than before: what is known of its health begins anew"
    } else {
        return;
    };
    notice::say(volume.name(), false, format_args!("{text}"));
}
