// SPDX-License-Identifier: GPL-2.0-only

//! Whether a table line fits its devices: each way not to, with a text of its own.

use std::collections::BTreeSet;

use dm_remap_core::grammar::geometry::{Device, Request};
use dm_remap_core::units::{BlockSize, Sector, SectorCount};
use proptest::prelude::*;

/// One line that a log and `ti->error` can carry.
fn check_text(text: &str) {
    assert!(!text.is_empty() && text.len() < 100, "{text:?}");
    assert!(text.bytes().all(|b| (b' '..0x7f).contains(&b)), "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_request_that_is_accepted_fits(
        sizes in (any::<u64>(), any::<u64>()),
        logical in (0u32..15, 0u32..15),
        physical in any::<(u32, u32)>(),
        ranges in prop::array::uniform4(prop_oneof![any::<u64>(), 0u64..64, (0u64..1000).prop_map(|n| n * 8)]),
        same_device in any::<bool>(),
        block in prop::option::of(0u32..12),
    ) {
        let device = |size, logical: u32, physical_bytes| Device {
            size: SectorCount(size),
            logical_bytes: 1 << logical,
            physical_bytes,
            zoned: false,
        };
        let request = Request {
            main: device(sizes.0, logical.0, physical.0),
            spare: device(sizes.1, logical.1, physical.1),
            same_device,
            main_start: Sector(ranges[0]),
            spare_start: Sector(ranges[1]),
            spare_len: SectorCount(ranges[2]),
            begin: Sector(0),
            len: SectorCount(ranges[3]),
            block_size: block.and_then(|shift| BlockSize::new(1 << shift)),
        };
        match request.check() {
            Err(e) => check_text(&e.to_string()),
            Ok(size) => {
                let block = u64::from(size.sectors()) * 512;
                prop_assert!(block >= u64::from(request.main.logical_bytes));
                let main = u128::from(ranges[0])..u128::from(ranges[0]) + u128::from(ranges[3]);
                let spare = u128::from(ranges[1])..u128::from(ranges[1]) + u128::from(ranges[2]);
                prop_assert!(main.end <= u128::from(sizes.0) && spare.end <= u128::from(sizes.1));
                prop_assert!(!same_device || main.end <= spare.start || spare.end <= main.start);
            }
        }
    }
}

/// A 100 GiB disk with 512-byte sectors on 4 KiB ones, and a spare disk of 1 GiB.
fn request() -> Request {
    let device = |size| Device {
        size: SectorCount(size),
        logical_bytes: 512,
        physical_bytes: 4096,
        zoned: false,
    };
    Request {
        main: device(209_715_200),
        spare: device(2_097_152),
        same_device: false,
        main_start: Sector(0),
        spare_start: Sector(2048),
        spare_len: SectorCount(1_048_576),
        begin: Sector(0),
        len: SectorCount(209_715_200),
        block_size: None,
    }
}

#[test]
fn the_default_block_is_the_larger_of_4_kib_and_the_physical_blocks() {
    let block = |main: u32, spare: u32| {
        let mut r = request();
        r.main.physical_bytes = main;
        r.spare.physical_bytes = spare;
        r.check().map(|size| size.sectors())
    };
    assert_eq!(block(512, 512), Ok(8));
    assert_eq!(block(4096, 512), Ok(8));
    assert_eq!(block(512, 16384), Ok(32));
    assert_eq!(block(8192, 4096), Ok(16));
    assert_eq!(block(6000, 512), Ok(16), "rounded up to a power of two");
    assert_eq!(block(1 << 22, 512), Ok(2048), "never above 1 MiB");
    let mut r = request();
    r.block_size = BlockSize::new(1);
    assert_eq!(r.check().map(|size| size.sectors()), Ok(1));
}

#[test]
fn each_request_that_does_not_fit_has_a_text_of_its_own() {
    type Spoil = fn(&mut Request);
    let cases: [(Spoil, &str); 21] = [
        (|r| r.main.zoned = true, "main is a zoned"),
        (|r| r.spare.zoned = true, "the spare is a zoned"),
        (
            |r| r.main.logical_bytes = 520,
            "main's logical block size is not",
        ),
        (
            |r| r.spare.logical_bytes = 256,
            "the spare's logical block size is not",
        ),
        (
            |r| r.main.logical_bytes = 8192,
            "main's logical block size is above",
        ),
        (
            |r| r.spare.logical_bytes = 65536,
            "the spare's logical block size is above",
        ),
        (|r| r.spare.logical_bytes = 4096, "larger than main's"),
        (|r| r.begin = Sector(8), "does not start at sector 0"),
        (|r| r.len = SectorCount(0), "the target's length is zero"),
        (|r| r.spare_len = SectorCount(0), "the spare area is zero"),
        (
            |r| {
                four_k(r);
                r.len.0 -= 1
            },
            "the target's length is not a multiple",
        ),
        (
            |r| {
                four_k(r);
                r.main_start.0 += 1
            },
            "main_start is not a multiple",
        ),
        (
            |r| {
                four_k(r);
                r.spare_start.0 += 4
            },
            "spare_start is not a multiple",
        ),
        (
            |r| {
                four_k(r);
                r.spare_len.0 -= 2
            },
            "spare_len is not a multiple",
        ),
        (
            |r| r.main_start = Sector(209_715_200),
            "main_start is past the end",
        ),
        (|r| r.main_start = Sector(1), "the main device ends before"),
        (
            |r| r.spare_start = Sector(2_097_152),
            "spare_start is past the end",
        ),
        (
            |r| r.spare_len = SectorCount(2_095_105),
            "the spare device ends before",
        ),
        (|r| r.same_device = true, "overlaps"),
        (
            |r| {
                four_k(r);
                r.block_size = BlockSize::new(4)
            },
            "block_sectors is less",
        ),
        (
            |r| {
                r.spare.physical_bytes = 0;
                r.main.physical_bytes = 0;
                r.len.0 = 209_715_201
            },
            "the main device ends before",
        ),
    ];
    let mut texts = BTreeSet::new();
    for (spoil, want) in cases {
        let mut r = request();
        assert!(r.check().is_ok());
        spoil(&mut r);
        let text = r.check().expect_err(want).to_string();
        assert!(text.contains(want), "{text:?}, not {want:?}");
        check_text(&text);
        texts.insert(text);
    }
    assert_eq!(texts.len(), 20);
}

/// Makes main a 4Kn disk.
fn four_k(r: &mut Request) {
    r.main.logical_bytes = 4096;
}

#[test]
fn a_spare_area_beside_the_target_on_one_disk_is_no_overlap() {
    let mut r = request();
    r.same_device = true;
    r.spare = r.main;
    r.len = SectorCount(200_000_000);
    r.spare_start = Sector(200_000_000);
    assert!(r.check().is_ok());
    r.spare_start = Sector(199_999_999);
    assert!(r.check().is_err());
    r.spare_start = Sector(0);
    r.main_start = Sector(1_048_576);
    assert!(r.check().is_ok());
    r.spare_len = SectorCount(1_048_577);
    assert!(r.check().is_err());
}
