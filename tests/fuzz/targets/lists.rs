// SPDX-License-Identifier: GPL-2.0-only

//! Lists of bad places, as `remapctl import` reads them: what is taken is in order, on the device, and written in the same
//! form it reads as the same.

use super::{is_a_line, texts, Target};
use crate::tool::{
    device::runs::{Kind, Run},
    import::parse::{badblocks, ddrescue, json},
};

/// The device, in sectors: not a multiple of anything.
const SIZE: u64 = 409_603;

const KINDS: [Kind; 3] = [Kind::Pending, Kind::Remapped, Kind::Lost];

pub const BADBLOCKS: Target = Target {
    name: "badblocks",
    most: 256,
    run: run_badblocks,
    seeds: || texts(&["0\n1\n51200\n", "# a list\r\n\r\n7\n6\n", "409602"]),
    words: &[
        "\n",
        "#",
        "51200",
        "18446744073709551615",
        "409603",
        "-1",
        "0x",
    ],
};

pub const DDRESCUE: Target = Target {
    name: "ddrescue",
    most: 512,
    run: run_ddrescue,
    seeds: || {
        texts(&[
            "# Mapfile. Created by GNU ddrescue version 1.27\n0x00001000 ? 1\n0x00000000 0x00001000 +\n0x00001000 0x00000200 -\n",
            "0 +\n0 512 *\n512 512 /\n1024 077 ?\n",
        ])
    },
    words: &[
        "\n",
        "0x",
        " ? ",
        " * ",
        " / ",
        " - ",
        " + ",
        " F ",
        " G ",
        "#",
        "0xFFFFFFFFFFFFFFFF",
        "018",
    ],
};

pub const EXPORT: Target = Target {
    name: "export",
    most: 512,
    run: run_export,
    seeds: || {
        texts(&[
            "{\"schema\":\"dm-remap/export/1\",\"ranges\":[{\"first_sector\":8,\"size_sectors\":1,\"kind\":\"pending\"}]}",
            "{\"schema\":\"dm-remap/export/1\",\"ranges\":[]}",
        ])
    },
    words: &[
        "\"schema\":",
        "\"dm-remap/export/1\"",
        "\"ranges\":",
        "\"first_sector\":",
        "\"size_sectors\":",
        "\"kind\":",
        "\"pending\"",
        "\"remapped\"",
        "\"lost\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "18446744073709551615",
        "409603",
        "36028797018963968",
    ],
};

/// In order, apart from each other, on the device.
fn are_right(runs: &[Run]) {
    for run in runs {
        let end = run.first_sector.checked_add(run.size_sectors);
        assert!(
            run.size_sectors > 0 && end.is_some_and(|end| end <= SIZE),
            "{run:?}"
        );
    }
    let apart = |pair: &[Run]| pair[0].end() < pair[1].first_sector;
    assert!(runs.windows(2).all(apart), "{runs:?}");
}

fn run_badblocks(data: &[u8]) {
    for block in [512, 1024, 4096, 1 << 20] {
        match badblocks::parse(data, block, SIZE) {
            Err(why) => is_a_line(&why.to_string()),
            Ok(runs) => {
                are_right(&runs);
                let sectors = runs.iter().flat_map(|run| run.first_sector..run.end());
                let lines: Vec<String> = sectors.take(20_000).map(|s| s.to_string()).collect();
                let list = lines.join("\n");
                let count: u64 = runs.iter().map(|run| run.size_sectors).sum();
                let again = badblocks::parse(list.as_bytes(), 512, SIZE).expect("a list");
                assert!(count > 20_000 || again == runs, "{again:?}, not {runs:?}");
            }
        }
    }
}

fn run_ddrescue(data: &[u8]) {
    let read = |failed| ddrescue::parse(data, failed, SIZE);
    match (read(false), read(true)) {
        (Err(why), _) => {
            is_a_line(&why.to_string());
            assert!(read(true).is_err(), "it takes more, and refuses the same");
        }
        // What was not tried may reach past the end.
        (_, Err(why)) => is_a_line(&why.to_string()),
        (Ok(bad), Ok(all)) => {
            are_right(&bad);
            are_right(&all);
            let inside = |run: &Run| {
                let holds = |other: &Run| {
                    other.first_sector <= run.first_sector && run.end() <= other.end()
                };
                all.iter().any(holds)
            };
            assert!(bad.iter().all(inside), "what is bad has failed");
            let (mut map, mut at) = ("0x0 +\n".to_owned(), 0);
            for run in &all {
                if run.first_sector > at {
                    map += &format!("{:#x} {:#x} +\n", at * 512, (run.first_sector - at) * 512);
                }
                map += &format!(
                    "{:#x} {:#x} -\n",
                    run.first_sector * 512,
                    run.size_sectors * 512
                );
                at = run.end();
            }
            assert_eq!(ddrescue::parse(map.as_bytes(), false, SIZE), Ok(all));
        }
    }
}

fn run_export(data: &[u8]) {
    match json::parse(data, &KINDS, SIZE) {
        Err(why) => is_a_line(&why.to_string()),
        Ok(runs) => {
            are_right(&runs);
            let range = |run: &Run| {
                let (first, size) = (run.first_sector, run.size_sectors);
                format!("{{\"first_sector\":{first},\"size_sectors\":{size},\"kind\":\"lost\"}}")
            };
            let ranges: Vec<String> = runs.iter().map(range).collect();
            let text = format!(
                "{{\"schema\":\"dm-remap/export/1\",\"ranges\":[{}]}}",
                ranges.join(",")
            );
            assert_eq!(json::parse(text.as_bytes(), &KINDS, SIZE), Ok(runs));
            // Kinds that are not asked for are not taken.
            assert_eq!(
                json::parse(text.as_bytes(), &KINDS[..2], SIZE),
                Ok(Vec::new())
            );
        }
    }
}
