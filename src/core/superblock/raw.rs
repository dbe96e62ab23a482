// SPDX-License-Identifier: GPL-2.0-only

//! The superblock, byte by byte.

use crate::{
    identity::{Identities, Identity, Kind, MAX_BYTES, MAX_IDENTITIES},
    layout::{
        Class, CopyId, Half, Layout, LayoutError, MetaBlock, Region, Use, MAX_REGIONS, META_BYTES,
    },
    log,
    mem::{Buf, NoMemory, Shared},
    superblock::{Features, Names, Superblock, VERSION},
    units::{BlockSize, Sector, SectorCount},
    wire::{
        transmute_mut, transmute_ref, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, U16,
        U32, U64,
    },
};

const MAGIC: [u8; 8] = *b"dm-remap";

const CLEAN: u32 = 1;
const NEEDS_CHECK: u32 = 2;

const LOG: u16 = 1;
const SPARE: u16 = 2;
const HEALTH: u16 = 3;

/// A superblock on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    crc: U32,
    version: U32,
    compatible: U64,
    read_only: U64,
    incompatible: U64,
    uuid: [u8; 16],
    seq: U64,
    created: U64,
    epoch: U64,
    sealed: U64,
    adopted: U64,
    log_floor: U64,
    degraded: [U64; 2],
    main_start: U64,
    main_len: U64,
    spare_start: U64,
    spare_len: U64,
    block_sectors: U32,
    pending_quota: U32,
    state: U32,
    regions: U32,
    reserved: [u8; 344],
    main: [RawIdentity; MAX_IDENTITIES],
    spare: [RawIdentity; MAX_IDENTITIES],
    region: [RawRegion; MAX_REGIONS],
    unused: [u8; 1216],
}

/// An identity on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawIdentity {
    kind: u8,
    detail: u8,
    len: u8,
    pad: [u8; 5],
    bytes: [u8; MAX_BYTES],
}

/// A region on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawRegion {
    kind: U16,
    class: u8,
    pad: u8,
    detail: [u8; 2],
    pad2: [u8; 2],
    start: U64,
    len: U64,
    reserved: U64,
}

const _: () = {
    assert!(size_of::<Raw>() == META_BYTES);
    assert!(size_of::<RawIdentity>() == 40);
    assert!(size_of::<RawRegion>() == 32);
    assert!(core::mem::offset_of!(Raw, main) == 512);
    assert!(core::mem::offset_of!(Raw, region) == 832);
};

/// What was read at a place of a superblock.
#[derive(Debug)]
pub enum Decoded {
    /// Zeros.
    Blank,
    /// No superblock, or one whose checksum is wrong.
    Garbage,
    /// A superblock that only newer code can use: its version and incompatible features.
    Unsupported {
        /// Its version.
        version: u32,
        /// Its incompatible features that are not known here.
        features: u64,
    },
    /// A superblock with a right checksum that was never written so.
    Malformed(LayoutError),
    /// A superblock.
    Superblock(Superblock),
}

/// Writes a superblock.
pub fn encode(sb: &Superblock, block: &mut MetaBlock) {
    block.fill(0);
    let raw: &mut Raw = transmute_mut!(block);
    raw.magic = MAGIC;
    raw.version = VERSION.into();
    raw.compatible = sb.features.compatible.into();
    raw.read_only = sb.features.read_only.into();
    raw.incompatible = sb.features.incompatible.into();
    raw.uuid = sb.uuid;
    raw.seq = sb.seq.into();
    raw.created = sb.created.into();
    raw.epoch = sb.epoch.into();
    raw.sealed = sb.sealed.into();
    raw.adopted = sb.adopted.into();
    raw.log_floor = sb.log_floor.into();
    raw.degraded = sb.degraded.map(U64::from);
    raw.main_start = sb.main_start.0.into();
    raw.main_len = sb.main_len.0.into();
    raw.spare_start = sb.spare_start.0.into();
    raw.spare_len = sb.layout.len().0.into();
    raw.block_sectors = sb.layout.block_size().sectors().into();
    raw.pending_quota = sb.layout.pending_quota().into();
    let clean = if sb.clean { CLEAN } else { 0 };
    let needs_check = if sb.needs_check { NEEDS_CHECK } else { 0 };
    raw.state = (clean | needs_check).into();
    put_identities(&mut raw.main, &sb.names.main);
    put_identities(&mut raw.spare, &sb.names.spare);
    let mut count = 0u32;
    for (to, region) in raw.region.iter_mut().zip(sb.layout.regions()) {
        put_region(to, region);
        count = count.saturating_add(1);
    }
    raw.regions = count.into();
    log::close(block);
}

fn put_identities(raw: &mut [RawIdentity; MAX_IDENTITIES], ids: &Identities) {
    for (to, id) in raw.iter_mut().zip(ids.iter()) {
        to.kind = id.kind().0;
        to.detail = id.detail();
        for (to, &from) in to.bytes.iter_mut().zip(id.bytes()) {
            *to = from;
            // At most 32 of them.
        }
        to.len = u8::try_from(id.bytes().len()).unwrap_or(0);
    }
}

fn put_region(to: &mut RawRegion, region: &Region) {
    let (kind, detail) = match region.r#use {
        Use::Log { copy, half } => (LOG, [copy.number(), half.number()]),
        Use::Spare => (SPARE, [0; 2]),
        Use::Health => (HEALTH, [0; 2]),
        Use::Unknown { kind, detail } => (kind, detail),
    };
    to.kind = kind.into();
    to.detail = detail;
    to.class = match region.class {
        Class::Compatible => 0,
        Class::ReadOnly => 1,
        Class::Incompatible => 2,
    };
    to.start = region.start.0.into();
    to.len = region.len.0.into();
}

/// Says what was read.
pub fn decode(block: &MetaBlock) -> Result<Decoded, NoMemory> {
    let raw: &Raw = transmute_ref!(block);
    if raw.magic != MAGIC {
        let blank = block.iter().all(|&b| b == 0);
        return Ok(if blank {
            Decoded::Blank
        } else {
            Decoded::Garbage
        });
    }
    if log::checksum(block) != raw.crc.get() {
        return Ok(Decoded::Garbage);
    }
    let (version, features) = (raw.version.get(), raw.incompatible.get());
    if version != VERSION || features != 0 {
        return Ok(Decoded::Unsupported { version, features });
    }
    match parse(raw) {
        Ok(sb) => Ok(Decoded::Superblock(sb)),
        Err(LayoutError::NoMemory) => Err(NoMemory),
        Err(LayoutError::Unsupported) => Ok(Decoded::Unsupported { version, features }),
        Err(why) => Ok(Decoded::Malformed(why)),
    }
}

fn parse(raw: &Raw) -> Result<Superblock, LayoutError> {
    let bad = LayoutError::Malformed;
    let block = BlockSize::new(raw.block_sectors.get().into());
    let block = block.ok_or(bad("an impossible block size"))?;
    let count = usize::try_from(raw.regions.get()).unwrap_or(usize::MAX);
    let table = raw.region.get(..count).ok_or(bad("too many regions"))?;
    let mut regions = Buf::new();
    regions.try_reserve(count)?;
    for region in table {
        let region = get_region(region).ok_or(bad("an impossible region"))?;
        regions.push(region)?;
    }
    let spare_len = SectorCount(raw.spare_len.get());
    let layout = Layout::new(spare_len, block, raw.pending_quota.get(), regions)?;
    let (main_start, main_len) = (raw.main_start.get(), raw.main_len.get());
    if main_len == 0 || main_start.checked_add(main_len).is_none() {
        return Err(bad("an impossible range of main"));
    }
    let names = Names {
        main: get_identities(&raw.main).ok_or(bad("an impossible identity"))?,
        spare: get_identities(&raw.spare).ok_or(bad("an impossible identity"))?,
    };
    let [degraded_a, degraded_b] = &raw.degraded;
    let degraded = [degraded_a.get(), degraded_b.get()];
    if degraded.iter().all(|&since| since != 0) {
        return Err(bad("no whole copy of the log"));
    }
    Ok(Superblock {
        seq: raw.seq.get(),
        uuid: raw.uuid,
        features: Features {
            compatible: raw.compatible.get(),
            read_only: raw.read_only.get(),
            incompatible: raw.incompatible.get(),
        },
        names: Shared::try_new(names)?,
        main_start: Sector(main_start),
        main_len: SectorCount(main_len),
        spare_start: Sector(raw.spare_start.get()),
        epoch: raw.epoch.get(),
        sealed: raw.sealed.get(),
        adopted: raw.adopted.get(),
        log_floor: raw.log_floor.get(),
        clean: raw.state.get() & CLEAN != 0,
        needs_check: raw.state.get() & NEEDS_CHECK != 0,
        degraded,
        created: raw.created.get(),
        layout: Shared::try_new(layout)?,
    })
}

fn get_identities(raw: &[RawIdentity; MAX_IDENTITIES]) -> Option<Identities> {
    let mut ids = Identities::NONE;
    for id in raw.iter().filter(|id| Kind(id.kind) != Kind::NONE) {
        let bytes = id.bytes.get(..usize::from(id.len))?;
        if !ids.add(Identity::new(Kind(id.kind), id.detail, bytes)) {
            return None;
        }
    }
    Some(ids)
}

fn get_region(raw: &RawRegion) -> Option<Region> {
    let class = match raw.class {
        0 => Class::Compatible,
        1 => Class::ReadOnly,
        2 => Class::Incompatible,
        _ => return None,
    };
    let kind = raw.kind.get();
    let [copy, half] = raw.detail;
    let r#use = match kind {
        LOG => Use::Log {
            copy: CopyId::BOTH.into_iter().find(|c| c.number() == copy)?,
            half: Half::BOTH.into_iter().find(|h| h.number() == half)?,
        },
        SPARE => Use::Spare,
        HEALTH => Use::Health,
        kind => Use::Unknown {
            kind,
            detail: raw.detail,
        },
    };
    Some(Region {
        r#use,
        class,
        start: Sector(raw.start.get()),
        len: SectorCount(raw.len.get()),
    })
}
