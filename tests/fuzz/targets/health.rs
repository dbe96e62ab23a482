// SPDX-License-Identifier: GPL-2.0-only

//! An image of health: what was taken up is written as it was read, and goes on counting.

use dm_remap_core::{
    health::{
        image::{examine, Image, Reader, MOST_BLOCKS},
        monitor::Health,
        scan::{settings::Settings, Scanner},
        Event, Region, What, HOUR,
    },
    identity::Marks,
    layout::MetaBlock,
    log::seal_for_test,
    units::SectorCount,
};

use super::{block_of, golden::trimmed, Target};

const START: u64 = 1_700_006_400;
const UUID: [u8; 16] = [7; 16];
const MAIN: Marks = Marks([1, 2, 3]);

pub const HEALTH: Target = Target {
    name: "health",
    most: 3 * 4096,
    run,
    seeds: || vec![image_of(1), image_of(60), image_of(300)],
    words: &["dmrm-hlt"],
};

fn scanner() -> Scanner {
    Scanner::new(
        SectorCount(1 << 32),
        SectorCount(1 << 20),
        Settings::DEFAULT,
    )
    .expect("valid")
}

fn event(now: u64, region: u32, what: What) -> Event {
    Event {
        now,
        region: Region(region),
        what,
        sectors: 1,
    }
}

/// The image of a device with so many regions that had errors.
fn image_of(regions: u32) -> Vec<u8> {
    let mut health = Health::new(START);
    for i in 0..regions {
        let what = if i % 3 == 0 { What::Slow } else { What::Error };
        let now = START + u64::from(i) * 5 * HOUR;
        health
            .note(&event(now, i * 7919 % 100_000, what))
            .expect("memory");
    }
    trimmed(&written(&health, &scanner()).concat())
}

fn written(health: &Health, scanner: &Scanner) -> Vec<MetaBlock> {
    let image = Image::new(MAIN, health, scanner, MOST_BLOCKS, UUID, 3).expect("memory");
    let block = |index| {
        let mut block = [0; 4096];
        image.block(index, &mut block);
        block
    };
    (0..image.blocks()).map(block).collect()
}

fn taken(blocks: &[MetaBlock]) -> Option<(Health, Scanner)> {
    let found = examine(blocks.first()?, &UUID, MOST_BLOCKS)?;
    assert!(found.blocks >= 1 && found.blocks <= MOST_BLOCKS);
    let mut reader = Reader::new(found, UUID).expect("memory");
    let all = blocks.iter().take(found.blocks as usize);
    let whole = all.fold(0, |n, block| n + u32::from(reader.push(block)));
    if whole != found.blocks {
        return None;
    }
    let (mut health, mut scanner) = (Health::new(START), scanner());
    reader.finish(&mut health, &mut scanner).expect("memory");
    Some((health, scanner))
}

fn run(data: &[u8]) {
    let mut blocks: Vec<MetaBlock> = data.chunks(4096).map(block_of).collect();
    blocks.iter_mut().for_each(seal_for_test);
    let Some((mut health, scanner)) = taken(&blocks) else {
        return;
    };
    assert!(health.score() <= 1000);
    let first = written(&health, &scanner);
    let (again, position) = taken(&first).expect("what was written is whole");
    assert!(
        written(&again, &position) == first,
        "it is written as it was read"
    );
    assert_eq!(again.score(), health.score());
    // And it can live on.
    for (i, what) in [What::Error, What::Slow, What::Error]
        .into_iter()
        .enumerate()
    {
        let now = START + i as u64 * 40 * HOUR;
        health.note(&event(now, i as u32, what)).expect("memory");
        health.advance(now + HOUR);
    }
    assert!(health.score() <= 1000);
}
