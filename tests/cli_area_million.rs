// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl dump` and `restore` with as many entries as the format promises.

mod cli_lab;
mod core_format_lab;

use std::{fs, os::unix::fs::FileExt};

use cli_lab::{inside, remapctl, text};
use core_format_lab::{open_with, params, Disk};
use dm_remap_core::{
    format::format,
    layout::MetaBuf,
    log::Outcome,
    open::Area,
    record::Record,
    units::{Block, SectorCount, SpareBlock},
};
use tempfile::tempdir;

fn says(args: &[&str]) -> (String, i32) {
    let run = remapctl(args);
    let said = text(&run.stdout).to_owned() + text(&run.stderr);
    (said, run.status.code().expect("it was not killed"))
}

#[test]
fn a_million_entries_go_through_dump_and_restore() {
    const ENTRIES: u32 = 1_000_000;
    let folder = tempdir().expect("a folder");
    let name = |file: &str| inside(&folder, file);
    let path = name("area");
    // Spare blocks of a sector each, so that the file is small.
    let block = dm_remap_core::units::BlockSize::new(1).expect("a size");
    let len = SectorCount(1_800_000);
    let layout = dm_remap_core::layout::Layout::plan(len, block, SectorCount(8), SectorCount(0))
        .expect("a layout");
    assert!(layout.spare_count() >= ENTRIES);
    let mut disk = Disk::new(len.0);
    let main_len = SectorCount(1 << 40);
    format(
        &mut disk,
        dm_remap_core::format::Params {
            layout,
            main_len,
            ..params(len.0)
        },
    )
    .expect("formats");
    let mut wanted = core_format_lab::expect(len.0);
    wanted.main_len = main_len;
    let opened = open_with(&mut disk, &wanted).unwrap_or_else(|e| panic!("{e}"));
    let mut writer = opened.writer;
    let mut buf = MetaBuf::try_new().expect("memory");
    let block = buf.get_mut().expect("a block");
    let superblock = |disk: &mut Disk, writer: &mut dm_remap_core::log::Writer, block: &[u8]| {
        for round in writer.rounds() {
            for &place in round.places.as_slice() {
                disk.write(place, block, true).expect("it is memory");
            }
        }
        assert!(writer.superblock_written(u32::MAX));
    };
    writer.open_session(block).expect("a session");
    superblock(&mut disk, &mut writer, block);
    writer.begin_checkpoint().expect("a checkpoint");
    let mut records = (0..ENTRIES).map(|n| Record::Remap {
        block: Block(u64::from(n) * 977),
        spare: SpareBlock(ENTRIES - 1 - n),
    });
    while writer.in_checkpoint() {
        let slot = writer
            .encode_checkpoint(&mut || records.next(), block)
            .expect("room");
        for &place in slot.places().as_slice() {
            disk.write(place, block, true).expect("it is memory");
        }
        assert_eq!(writer.outcome(&slot, 3), Outcome::Done);
        writer.acknowledge(slot);
    }
    writer.close_session(block).expect("an end");
    superblock(&mut disk, &mut writer, block);
    // A file with holes where there is nothing.
    let file = fs::File::create(&path).expect("room");
    file.set_len(len.0 * 512).expect("room");
    for (n, piece) in (0u64..).zip(disk.medium.chunks(1 << 16)) {
        if piece.iter().any(|&byte| byte != 0) {
            file.write_all_at(piece, n << 16).expect("room");
        }
    }
    drop(disk);
    let area = path;
    let (first, second, copy) = (name("first"), name("second"), name("copy"));
    assert_eq!(says(&["dump", "--json", &area, "-o", &first]).1, 0);
    let (said, code) = says(&["restore", "-i", &first, "-o", &copy, "--data-in-place"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1000000 remapped blocks"), "{said}");
    assert_eq!(says(&["check", "-q", &copy]).1, 0);
    assert_eq!(says(&["dump", "--json", &copy, "-o", &second]).1, 0);
    assert!(fs::read(first).expect("a dump") == fs::read(second).expect("a dump"));
}
