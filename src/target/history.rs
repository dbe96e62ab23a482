// SPDX-License-Identifier: GPL-2.0-only

//! What a former session knew of a disk's health, taken up when the volume is loaded.

use dm_remap_core::{
    health::image::{self, Image, Reader},
    layout::{Layout, MetaBlock, MetaBuf},
    open::Area,
    units::SectorCount,
};

use crate::{
    kernel_ext::clock,
    target::{area::SpareArea, volume::Volume, worker::image_sector},
};

/// The scanner is told how much there is.
#[inline(never)]
pub(crate) fn measure(volume: &Volume, layout: &Layout, len: SectorCount) {
    let spare = u64::from(layout.spare_count());
    let spare = spare.saturating_mul(layout.block_size().sectors().into());
    volume.keeper.lock().resize(len, SectorCount(spare));
}

/// Takes up what former sessions knew of the disk's health, from the newer of two images that is whole. Where there is
/// none it begins anew.
#[inline(never)]
pub(crate) fn load(volume: &Volume, layout: &Layout, area: &mut SpareArea<'_>, uuid: &[u8; 16]) {
    let slot = Image::slot_blocks(layout.health_blocks());
    let mut buf = MetaBuf::try_new().unwrap_or_default();
    let Some(block) = buf.get_mut() else { return };
    let mut found = [None, None];
    for (parity, found) in (0u64..).zip(&mut found) {
        if let Some(at) = image_sector(layout, parity, 0) {
            if area.read(at, block).is_ok() {
                *found = image::examine(block, uuid, slot).filter(|f| f.sequence & 1 == parity);
            }
        }
    }
    let [even, odd] = found;
    let newer = even.is_some_and(|e| odd.is_none_or(|o| o.sequence < e.sequence));
    let order = if newer { [even, odd] } else { [odd, even] };
    for found in order.into_iter().flatten() {
        if take_up(volume, layout, area, uuid, found, block).is_some() {
            return;
        }
    }
}

/// Reads one image; `None` if it is not whole.
fn take_up(
    volume: &Volume,
    layout: &Layout,
    area: &mut SpareArea<'_>,
    uuid: &[u8; 16],
    found: image::Found,
    block: &mut MetaBlock,
) -> Option<()> {
    let mut reader = Reader::new(found, *uuid).ok()?;
    for index in 0..found.blocks {
        let at = image_sector(layout, found.sequence, index)?;
        area.read(at, block).ok()?;
        reader.push(block).then_some(())?;
    }
    let mut keeper = volume.keeper.lock();
    let unix = clock::real_seconds();
    keeper.restore(&reader, found.sequence, unix).ok()
}
