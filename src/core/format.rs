// SPDX-License-Identifier: GPL-2.0-only

//! Formatting an area: the logs first, the superblocks last, so that one that was interrupted has none.

use core::{ffi::CStr, fmt};

use crate::{
    identity::Identities,
    layout::{CopyId, Half, Layout, MetaBuf},
    log::{self, Stamp},
    mem::{NoMemory, Shared},
    open::Area,
    superblock::{encode, Features, Names, Superblock},
    units::{Sector, SectorCount},
};

/// The generation of the first block ever.
const FIRST: u64 = 1;

/// What a new area is to be.
#[derive(Debug)]
pub struct Params {
    /// Its UUID: random.
    pub uuid: [u8; 16],
    /// Main, as it is.
    pub main: Identities,
    /// The spare device, as it is.
    pub spare: Identities,
    /// The target's first sector on main.
    pub main_start: Sector,
    /// The target's length.
    pub main_len: SectorCount,
    /// The area's first sector on the spare device.
    pub spare_start: Sector,
    /// Now, in seconds since 1970.
    pub created: u64,
    /// How the area is divided.
    pub layout: Layout,
}

/// Why an area could not be formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// A write or a flush failed, at this sector of the area.
    Write(Sector),
    /// No memory.
    NoMemory,
}

impl FormatError {
    /// One line for the table.
    #[inline(never)]
    pub const fn text(&self) -> &'static CStr {
        match self {
            FormatError::Write(_) => c"spare area cannot be written",
            FormatError::NoMemory => c"not enough memory",
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().to_str().unwrap_or_default())?;
        match self {
            FormatError::Write(at) => write!(f, ": sector {} of the area", at.0),
            FormatError::NoMemory => Ok(()),
        }
    }
}

impl From<NoMemory> for FormatError {
    fn from(_: NoMemory) -> Self {
        FormatError::NoMemory
    }
}

/// Formats an area. Whether that may be done was asked before, of
/// [`examine`](crate::open::examine()); the superblock that it gives can be loaded as it is.
pub fn format(area: &mut dyn Area, params: Params) -> Result<Superblock, FormatError> {
    let sb = Superblock {
        seq: 1,
        uuid: params.uuid,
        features: Features::default(),
        names: Shared::try_new(Names {
            main: params.main,
            spare: params.spare,
        })?,
        main_start: params.main_start,
        main_len: params.main_len,
        spare_start: params.spare_start,
        epoch: 1,
        sealed: FIRST,
        adopted: FIRST,
        log_floor: FIRST,
        clean: true,
        needs_check: false,
        degraded: [0; 2],
        created: params.created,
        layout: Shared::try_new(params.layout)?,
    };
    let mut buf = MetaBuf::try_new()?;
    let block = buf.get_mut().ok_or(FormatError::NoMemory)?;
    let stamp = Stamp {
        uuid: sb.uuid,
        epoch: sb.epoch,
        generation: FIRST,
        base: FIRST,
        superblock: sb.seq,
        prev_crc: 0,
        half: Half::First,
        index: 0,
    };
    // The checkpoint of an empty map.
    log::encode(block, &stamp, true, &mut || None);
    for copy in CopyId::BOTH {
        let at = sb.layout.log_sector(copy, stamp.half, stamp.index);
        let (at, _) = at.ok_or(FormatError::Write(Sector(0)))?;
        area.write(at, block, true)
            .map_err(|_| FormatError::Write(at))?;
    }
    let flush = |area: &mut dyn Area| area.flush().map_err(|_| FormatError::Write(Sector(0)));
    flush(area)?;
    encode(&sb, block);
    for &place in sb.layout.places().as_slice() {
        area.write(place, block, true)
            .map_err(|_| FormatError::Write(place))?;
    }
    flush(area)?;
    Ok(sb)
}
