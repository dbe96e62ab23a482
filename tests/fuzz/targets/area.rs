// SPDX-License-Identifier: GPL-2.0-only

//! A whole area with damages that have right checksums: the worst that a log can be. The kernel's reader, `check` and
//! `repair` look at it. An input is a list of edits of the small area.

use std::{cell::RefCell, fs::File, os::unix::fs::FileExt, path::Path};

use dm_remap_core::{
    log::seal_for_test,
    map::Map,
    open::{load, OpenError},
    record::Record,
    units::SectorCount,
};

use super::{
    golden::{self, Sparse, LEN},
    Target,
};
use crate::area::{
    self, as_recorded, build,
    file::AreaFile,
    judge::{judge, Severity},
    knowledge::Uncertain,
    newest,
    salvage::salvage,
};

pub const AREA: Target = Target {
    name: "area",
    most: 256,
    run: run_area,
    seeds,
    words: &[],
};

pub const REPAIR: Target = Target {
    name: "repair",
    most: 256,
    run: run_repair,
    seeds,
    words: &[],
};

fn seeds() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![3, 0x20, 0, 1, 0],
        vec![
            1, 0x68, 0, 8, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 6, 0x48, 0, 1, 9,
        ],
        vec![4, 0x50, 0, 0x81, 0],
    ]
}

/// An edit: which block (of those that are not zeros, and their neighbours), where in it, and with how many bytes. With the
/// highest bit of the length the checksum stays as it was, so that the block is torn.
fn edited(data: &[u8]) -> Sparse {
    let mut area = golden::area();
    let mut places: Vec<u64> = area.blocks.keys().flat_map(|&at| [at, at + 1]).collect();
    places.dedup();
    let mut rest = data;
    while let [place, low, high, len, more @ ..] = rest {
        let at = places[usize::from(*place) % places.len()];
        let block = area.blocks.entry(at).or_insert([0; 4096]);
        let offset = (usize::from(*low) | (usize::from(*high) << 8)) % 4096;
        let (bytes, more) = more.split_at(usize::from(len & 0x3f).min(more.len()));
        for (to, from) in block[offset..].iter_mut().zip(bytes) {
            *to = *from;
        }
        if len & 0x80 == 0 {
            seal_for_test(block);
        }
        rest = more;
    }
    area.blocks.retain(|at, _| *at < LEN / 8);
    area
}

fn records(map: &Map) -> Vec<Record> {
    map.records().collect()
}

fn run_area(data: &[u8]) {
    let damaged = edited(data);
    let served = area::read(&mut damaged.clone(), LEN);
    let read = served.ok().map(|(_, opened)| records(&opened.map));
    // Whoever may write settles what was left open: the next one finds the same map.
    let mut mended = damaged;
    mended.writable = true;
    if let Some(map) = opened_to_write(&mut mended) {
        assert_eq!(Some(&map), read.as_ref(), "it reads as it opens");
        mended.writable = false;
        let (_, again) = area::read(&mut mended, LEN).expect("what was opened opens again");
        assert_eq!(records(&again.map), map, "and says the same");
    }
}

fn opened_to_write(area: &mut Sparse) -> Option<Vec<Record>> {
    let found = newest(area, LEN).ok()?;
    let expect = as_recorded(&found.superblock, SectorCount(LEN), true);
    let opened = load(area, &found, &expect).ok()?;
    Some(records(&opened.map))
}

thread_local! {
    /// Two files in memory, for the commands that take files.
    static FILES: RefCell<[tempfile::NamedTempFile; 2]> =
        RefCell::new([(); 2].map(|()| tempfile::NamedTempFile::new().expect("a file")));
}

/// The commands for areas that no device serves: they agree with the kernel.
fn run_repair(data: &[u8]) {
    let damaged = &edited(data);
    let served = area::read(&mut damaged.clone(), LEN);
    let served: &Result<_, OpenError> = &served.map(|(_, opened)| records(&opened.map));
    FILES.with_borrow(|[from, to]| {
        put(from.as_file(), damaged);
        let step = &mut |_| Ok(());
        let mut file = opened(from.path(), LEN).expect("a file");
        let judgement = judge(&mut file, &mut |_| {}, step).expect("it can be read");
        let judged = judgement.served.map(|opened| records(&opened.map));
        assert_eq!(&judged, served, "check sees what the kernel sees");
        let treatments = [Uncertain::Lost, Uncertain::Keep];
        let uncertain = treatments[data.len() % treatments.len()];
        let Ok(saved) = salvage(&mut file, uncertain, step) else {
            return;
        };
        // What lies behind the end that the kernel finds is a loss for it, and perhaps none for who takes time.
        let whole = !judgement
            .findings
            .iter()
            .any(|f| f.severity == Severity::Loss);
        let as_it_was = whole && (uncertain == Uncertain::Keep || saved.doubtful.is_empty());
        if let (Ok(served), true) = (served, as_it_was) {
            assert_eq!(&records(&saved.map), served, "repair saves what is served");
        }
        empty(to.as_file());
        let len = saved.superblock.layout.len().0;
        let Some(mut new) = opened(to.path(), len) else {
            return;
        };
        if build::make(&mut new, &saved.superblock, &saved.map, saved.numbers, step).is_ok() {
            let (_, again) = area::read(&mut new, len).expect("the new area opens");
            assert_eq!(
                records(&again.map),
                records(&saved.map),
                "with the map that was saved"
            );
        }
    });
}

/// The file as an area of `len` sectors; `None` if no file can be as long as a superblock says.
fn opened(path: &Path, len: u64) -> Option<AreaFile> {
    let file = File::options().read(true).write(true).open(path);
    AreaFile::of_new(file.expect("a file"), path, 0, len).ok()
}

fn empty(file: &File) {
    file.set_len(0).expect("a file");
}

fn put(file: &File, area: &Sparse) {
    empty(file);
    file.set_len(LEN * 512).expect("a file");
    for (at, block) in &area.blocks {
        file.write_all_at(block, at * 4096).expect("a file");
    }
}
