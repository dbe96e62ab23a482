// SPDX-License-Identifier: GPL-2.0-only

//! The blocks of the format and the layout of an area.

mod core_format_lab;

use core_format_lab::{block8, formatted, found, plan, Disk, LEN};
use dm_remap_core::{
    layout::{CopyId, Half, Layout, LayoutError, MetaBlock, MetaBuf, Places, Region, Use},
    log::{classify, records, units_of, Found, Kind, Refused, UNITS},
    mem::Buf,
    open::{load, Area},
    record::{ChunkState, Record},
    superblock::{decode, encode, Decoded},
    units::{Block, BlockSize, Sector, SectorCount, SpareBlock},
};

const UUID: [u8; 16] = *b"\x10\x32\x54\x76\x98\xba\xdc\xfeFEDCBA98";

fn block_at(disk: &mut Disk, at: Sector) -> Box<MetaBlock> {
    let mut block = Box::new([0; 4096]);
    disk.read(at, block.as_mut_slice()).expect("readable");
    block
}

fn superblock_block() -> Box<MetaBlock> {
    block_at(&mut formatted(LEN), Sector(0))
}

#[test]
fn superblock_survives_a_round_trip() {
    let block = superblock_block();
    let Decoded::Superblock(sb) = decode(&block).expect("memory") else {
        panic!("no superblock");
    };
    assert_eq!((sb.uuid, sb.seq, sb.epoch, sb.sealed), (UUID, 1, 1, 1));
    assert_eq!((sb.main_start, sb.main_len.0), (Sector(2048), 1_000_003));
    assert_eq!(sb.names.main, core_format_lab::main_ids(2_000_000));
    assert_eq!(sb.layout.regions(), plan(LEN).regions());
    assert!(sb.clean && !sb.needs_check && sb.created == 1_700_000_000);
    let mut changed = sb.clone();
    changed.seq = u64::MAX;
    changed.clean = false;
    changed.needs_check = true;
    changed.degraded = [0, 77];
    let mut again = Box::new([0xff; 4096]);
    encode(&changed, &mut again);
    let Decoded::Superblock(back) = decode(&again).expect("memory") else {
        panic!("no superblock");
    };
    assert_eq!(
        (back.seq, back.clean, back.needs_check),
        (u64::MAX, false, true)
    );
    assert_eq!((back.degraded, back.log_floor), ([0, 77], sb.log_floor));
    encode(&back, &mut again);
    let mut third = Box::new([0; 4096]);
    encode(&changed, &mut third);
    assert_eq!(again, third);
}

#[test]
fn every_changed_byte_of_a_superblock_is_noticed() {
    let good = superblock_block();
    for at in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= change;
            let seen = decode(&bad).expect("memory");
            assert!(matches!(seen, Decoded::Garbage), "byte {at}: {seen:?}");
        }
    }
}

/// The first commit of a session, with these records.
fn commit_of(batch: &[Record]) -> Result<Box<MetaBlock>, Refused> {
    let mut disk = formatted(LEN);
    let opened = core_format_lab::open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    let mut writer = opened.writer;
    let mut buf = MetaBuf::try_new().expect("memory");
    let block = buf.get_mut().expect("a block");
    assert_eq!(writer.encode_commit(batch, block), Err(Refused::NoSession));
    writer.open_session(block).expect("a session");
    assert!(writer.superblock_written(1));
    let slot = writer.encode_commit(batch, block)?;
    assert_eq!(slot.places().as_slice().len(), 2);
    Ok(Box::new(*block))
}

fn some_records() -> Vec<Record> {
    let (block, spare) = (Block(u64::MAX), SpareBlock(u32::MAX));
    let state = ChunkState::new(u64::MAX, 0x8000_0000_0000_0001, u64::MAX).expect("a subset");
    vec![
        Record::Remap { block, spare },
        Record::Sectors {
            block,
            chunk: u16::MAX,
            state,
        },
        Record::Unmap { block: Block(0) },
        Record::Sectors {
            block: Block(3),
            chunk: 0,
            state: ChunkState::PLAIN,
        },
        Record::BadSpare { spare },
    ]
}

#[test]
fn records_survive_a_round_trip() {
    let block = commit_of(&some_records()).expect("a block");
    let back: Result<Vec<Record>, _> = records(&block).collect();
    assert_eq!(back, Ok(some_records()));
    let Found::Block(header) = classify(&block, &UUID) else {
        panic!("not a block");
    };
    assert_eq!(
        (header.kind, header.half, header.index),
        (Kind::Commit, 0, 1)
    );
    assert_eq!((header.generation, header.base, header.epoch), (2, 1, 2));
    assert_eq!(u64::from(header.units), 1 + 3 + 1 + 3 + 1);
    assert_eq!(classify(&block, &[7; 16]), Found::Foreign);
    assert_eq!(classify(&[0; 4096], &UUID), Found::Blank);
}

#[test]
fn every_changed_byte_of_a_log_block_is_noticed() {
    let good = commit_of(&some_records()).expect("a block");
    for at in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= change;
            assert_eq!(classify(&bad, &UUID), Found::Garbage, "byte {at}");
        }
    }
}

#[test]
fn every_torn_log_block_is_noticed() {
    let new = commit_of(&some_records()).expect("a block");
    for old in [[0u8; 4096], *superblock_block(), [0xff; 4096]] {
        for kept in 0u32..256 {
            let mut torn = Box::new(old);
            for piece in (0..8).filter(|p| (kept >> p) & 1 != 0) {
                let range = piece * 512..(piece + 1) * 512;
                torn[range.clone()].copy_from_slice(&new[range]);
            }
            // Zeros over zeros are no tear.
            let whole = torn == new;
            let taken = matches!(classify(&torn, &UUID), Found::Block(_));
            assert_eq!(taken, whole, "pieces {kept:#b}");
        }
    }
}

#[test]
fn a_block_holds_so_much_and_no_more() {
    let remap = |n: u64| Record::Remap {
        block: Block(n),
        spare: SpareBlock(n as u32),
    };
    let full: Vec<Record> = (0..UNITS).map(remap).collect();
    assert_eq!(full.iter().map(units_of).sum::<u64>(), UNITS);
    let block = commit_of(&full).expect("fits");
    assert_eq!(records(&block).count() as u64, UNITS);
    let over: Vec<Record> = (0..=UNITS).map(remap).collect();
    assert_eq!(commit_of(&over), Err(Refused::TooLarge));
    let states: Vec<Record> = (0..84)
        .map(|n| Record::Sectors {
            block: Block(n),
            chunk: 0,
            state: ChunkState::PLAIN.with_pending(1),
        })
        .collect();
    assert_eq!(
        commit_of(&states[..83]).map(|b| records(&b).count()),
        Ok(83)
    );
    assert_eq!(commit_of(&states), Err(Refused::TooLarge));
}

/// Which sectors something has taken already.
fn take(taken: &mut [bool], at: Sector, len: u64) {
    for sector in at.0..at.0 + len {
        let cell = &mut taken[sector as usize];
        assert!(!*cell, "sector {sector} twice");
        *cell = true;
    }
}

#[test]
fn metadata_and_spare_blocks_cannot_overlap() {
    for len in [4200, 6144, 6151, 32_775, 32_776, 40_000, 300_000] {
        for sectors in [1, 2, 8, 64, 2048] {
            let size = BlockSize::new(sectors).expect("a size");
            let layout = match Layout::plan(SectorCount(len), size, SectorCount(8), SectorCount(0))
            {
                Ok(layout) => layout,
                Err(e) => {
                    assert_eq!(e, LayoutError::TooSmall);
                    assert!(len < 40_000 * sectors.max(8) / 8, "{len} {sectors}");
                    continue;
                }
            };
            let mut taken = vec![false; len as usize];
            for &place in layout.places().as_slice() {
                take(&mut taken, place, 8);
            }
            for copy in CopyId::BOTH {
                for half in Half::BOTH {
                    for index in 0..layout.half_blocks() {
                        let (at, run) = layout.log_sector(copy, half, index).expect("inside");
                        assert!(run >= 1 && at.0 % 8 == 0);
                        take(&mut taken, at, 8);
                    }
                    assert_eq!(layout.log_sector(copy, half, layout.half_blocks()), None);
                }
            }
            assert!(layout.spare_count() >= 16);
            for spare in 0..layout.spare_count() {
                let at = layout.spare_sector(SpareBlock(spare)).expect("inside");
                assert_eq!(at.0 % sectors.max(8).min(sectors), 0, "aligned");
                take(&mut taken, at, sectors);
            }
            assert_eq!(layout.spare_sector(SpareBlock(layout.spare_count())), None);
        }
    }
}

#[test]
fn a_superblock_has_its_physical_blocks_for_itself() {
    for (physical, phase) in [(1, 0), (8, 0), (8, 1), (8, 7), (32, 0), (32, 24), (128, 8)] {
        let room = Layout::room(physical, phase);
        let layout = Layout::plan(SectorCount(100_000), block8(), SectorCount(8), room);
        let layout = layout.expect("a layout");
        let physical = u64::from(physical);
        let physical_block = |at: u64| (at + u64::from(phase)) / physical;
        let mut tested = 0;
        for region in layout.regions() {
            let end = region.start.0 + region.len.0;
            for place in layout.places().as_slice() {
                let before = physical_block(end - 1) < physical_block(place.0);
                let behind = physical_block(region.start.0) > physical_block(place.0 + 7);
                assert!(before || behind, "{physical} {phase} {region:?} {place:?}");
                tested += 1;
            }
        }
        assert!(tested > 12, "{tested}");
    }
}

#[test]
fn superblocks_lie_far_apart_and_copies_at_both_ends() {
    let len = SectorCount(1 << 31);
    let layout = Layout::plan(len, block8(), SectorCount(8), SectorCount(0)).expect("a layout");
    let places: Vec<u64> = layout.places().as_slice().iter().map(|s| s.0).collect();
    assert_eq!(places, [0, 2048, 32_768, 524_288, 8_388_608, 134_217_728]);
    let (a, _) = layout.log_sector(CopyId::A, Half::First, 0).expect("A");
    let last = layout.half_blocks() - 1;
    assert!(a.0 < 2048);
    let (b, _) = layout.log_sector(CopyId::B, Half::Second, last).expect("B");
    assert!(b.0 > len.0 / 10 * 9);
    // Room for a million entries, each with its sectors.
    assert!(layout.spare_count() > 1_000_000);
    assert!(u64::from(layout.half_blocks()) * 249 > u64::from(layout.spare_count()) * 4);
}

#[test]
fn alignment_is_kept() {
    for align in [8, 64, 2048] {
        let layout = Layout::plan(
            SectorCount(100_000),
            block8(),
            SectorCount(align),
            SectorCount(0),
        );
        let layout = layout.expect("a layout");
        for region in layout.regions().iter().filter(|r| r.r#use == Use::Spare) {
            assert_eq!(region.start.0 % align, 0);
        }
    }
}

#[test]
fn the_largest_and_the_smallest_area() {
    let plan = |len| Layout::plan(SectorCount(len), block8(), SectorCount(8), SectorCount(0));
    let huge = plan(u64::MAX).expect("a layout");
    assert_eq!(huge.spare_count(), 1 << 24);
    assert_eq!(huge.places().as_slice().len(), Places::MAX);
    let smallest = (0..1_000)
        .map(|n| n * 8)
        .find(|&len| plan(len).is_ok())
        .expect("some area is large enough");
    assert!(smallest > 2048 + 8 && smallest < LEN, "{smallest}");
    for len in 0..smallest {
        assert_eq!(plan(len).err(), Some(LayoutError::TooSmall));
    }
    // More room never gives fewer blocks.
    let counts: Vec<u32> = (0..50)
        .map(|n| plan(smallest + 512 * n).expect("a layout").spare_count())
        .collect();
    assert!(counts.is_sorted() && counts[0] >= 16 && counts[49] > counts[0]);
}

fn table(change: impl FnOnce(&mut Vec<Region>)) -> Result<Layout, LayoutError> {
    let layout = plan(LEN);
    let mut regions = layout.regions().to_vec();
    change(&mut regions);
    let mut buf = Buf::new();
    for region in regions {
        buf.push(region).expect("memory");
    }
    Layout::new(layout.len(), block8(), layout.pending_quota(), buf)
}

/// A sector later, and a block shorter, so that it still lies where nothing else does.
fn shifted(region: Region) -> Region {
    Region {
        start: Sector(region.start.0 + 1),
        len: SectorCount(region.len.0 - 8),
        ..region
    }
}

#[test]
fn tables_that_make_no_sense_are_refused() {
    assert!(table(|_| {}).is_ok());
    let of = plan(LEN);
    let at = |what| of.regions().iter().position(|r| r.r#use == what);
    let (log, spare) = (0, at(Use::Spare).expect("one"));
    let health = at(Use::Health).expect("one");
    type Change = Box<dyn Fn(&mut Vec<Region>)>;
    let changes: [(&str, Change); 10] = [
        ("over a place", Box::new(move |t| t[log].start = Sector(0))),
        ("overlap", Box::new(move |t| t[spare].start.0 -= 8)),
        ("twice", Box::new(move |t| t.push(t[spare]))),
        ("empty", Box::new(move |t| t[spare].len.0 = 0)),
        ("outside", Box::new(move |t| t[log].start = Sector(LEN))),
        (
            "overflow",
            Box::new(move |t| t[log].start = Sector(u64::MAX)),
        ),
        ("a shorter half", Box::new(move |t| t[log].len.0 -= 8)),
        ("part of a block", Box::new(move |t| t[spare].len.0 -= 1)),
        (
            "health within a metadata block",
            Box::new(move |t| t[health] = shifted(t[health])),
        ),
        (
            "no spare",
            Box::new(|t| t.retain(|r| r.r#use != Use::Spare)),
        ),
    ];
    for (what, change) in changes {
        let refused = table(change).err();
        assert!(matches!(refused, Some(LayoutError::Malformed(_))), "{what}");
    }
}

#[test]
fn an_area_that_was_just_formatted_is_empty() {
    let mut disk = formatted(LEN);
    let found = found(&mut disk, LEN).expect("a superblock");
    assert!(!found.stale_places && !found.unread_places);
    let before = disk.medium.clone();
    let opened = load(&mut disk, &found, &core_format_lab::expect(LEN));
    let opened = opened.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(opened.map.records().count(), 0);
    assert_eq!((opened.report.generation, opened.report.clean), (1, true));
    assert!(!opened.report.unsettled && !opened.writer.session_open());
    assert_eq!(opened.map.counters().spare_total, plan(LEN).spare_count());
    // Nothing was bad and nothing changed: nothing was written.
    assert!(disk.medium == before);
}
