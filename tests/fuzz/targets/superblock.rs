// SPDX-License-Identifier: GPL-2.0-only

//! A superblock: what is taken describes an area that can be, and is written as it was read.

use dm_remap_core::{
    layout::{Use, MAX_SPARE_BLOCKS, MIN_SPARE_BLOCKS},
    log::seal_for_test,
    superblock::{decode, encode, Decoded, Superblock},
    units::Sector,
};

use super::{block_of, golden, Target};

pub const SUPERBLOCK: Target = Target {
    name: "superblock",
    most: 2880,
    run,
    seeds: || {
        let all = golden::blocks(b"dm-remap");
        all.into_iter()
            .take(1)
            .chain([b"dm-remap".to_vec()])
            .collect()
    },
    words: &["dm-remap"],
};

fn run(data: &[u8]) {
    let mut block = block_of(data);
    // As it came: a right checksum is not found by chance.
    let _ = decode(&block);
    seal_for_test(&mut block);
    let version = u32::from_le_bytes(block[12..16].try_into().expect("four"));
    let incompatible = u64::from_le_bytes(block[32..40].try_into().expect("eight"));
    match decode(&block).expect("memory") {
        Decoded::Blank => panic!("a checksum is never blank"),
        Decoded::Garbage => assert!(!block.starts_with(b"dm-remap"), "its checksum is right"),
        Decoded::Unsupported { .. } | Decoded::Malformed(_) => {}
        Decoded::Superblock(sb) => {
            assert!(block.starts_with(b"dm-remap"));
            assert_eq!((version, incompatible), (1, 0));
            can_be(&sb);
            let mut written = [0; 4096];
            encode(&sb, &mut written);
            let Ok(Decoded::Superblock(again)) = decode(&written) else {
                panic!("what was written is not read");
            };
            assert_eq!(format!("{again:?}"), format!("{sb:?}"));
            let mut twice = [0; 4096];
            encode(&again, &mut twice);
            assert!(twice == written, "the same is written again");
        }
    }
}

fn can_be(sb: &Superblock) {
    let layout = &sb.layout;
    assert!(sb.main_len.0 > 0 && sb.main_start.0.checked_add(sb.main_len.0).is_some());
    assert!(
        sb.degraded.iter().any(|&since| since == 0),
        "one copy is whole"
    );
    assert!(
        layout.block_size().sectors().is_power_of_two() && layout.block_size().sectors() <= 2048
    );
    assert!((MIN_SPARE_BLOCKS..=MAX_SPARE_BLOCKS).contains(&layout.spare_count()));
    let places: Vec<Sector> = layout.places().as_slice().to_vec();
    assert!(places.len() >= 2);
    let mut ranges = Vec::new();
    for region in layout.regions() {
        let end = region.start.0.checked_add(region.len.0);
        let end = end
            .filter(|end| *end <= layout.len().0)
            .expect("inside the area");
        for place in &places {
            assert!(
                end <= place.0 || place.0 + 8 <= region.start.0,
                "no region covers a superblock"
            );
        }
        if matches!(region.r#use, Use::Log { .. } | Use::Health) {
            assert_eq!(region.start.0 % 8, 0, "metadata lies at whole blocks");
        }
        ranges.push((region.start.0, end));
    }
    ranges.retain(|(start, end)| start < end);
    ranges.sort_unstable();
    assert!(
        ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0),
        "regions overlap"
    );
}
