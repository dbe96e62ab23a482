// SPDX-License-Identifier: GPL-2.0-only

//! Where a spare area goes and how large it is: checked by the rules of the kernel module, and by its code.

use std::str::FromStr;

use anyhow::{bail, Context, Result};
use dm_remap_core::{
    grammar::geometry::Request,
    layout::{Layout, Use, META_SECTORS},
    units::{BlockSize, Sector, SectorCount},
};

use super::Args;
use crate::device::{disk::BlockDevice, words::size};

const MIB: u64 = 2048;

/// The share of main that a spare area has, and the least that it has.
const SHARE: Amount = Amount::Percent(2);
const LEAST: u64 = 64 * MIB;

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Sectors(u64),
    /// Of main.
    Percent(u64),
}

impl FromStr for Amount {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = &text[..text.len() - unit.len()];
        let number: u64 = number.parse().context("no number")?;
        let shift = match unit {
            "%" if (1..=100).contains(&number) => return Ok(Amount::Percent(number)),
            "%" => bail!("percents are from 1 to 100"),
            "s" => 0,
            "K" | "KiB" => 1,
            "M" | "MiB" => 11,
            "G" | "GiB" => 21,
            "T" | "TiB" => 31,
            "" => bail!("it lacks its unit: K, M, G, T, % or s for sectors"),
            _ => bail!("the unit {unit} is none of K, M, G, T, % and s for sectors"),
        };
        let sectors = number.checked_mul(1 << shift).context("it is too much")?;
        if sectors == 0 {
            bail!("it is nothing");
        }
        Ok(Amount::Sectors(sectors))
    }
}

impl Amount {
    fn of(self, main: u64) -> u64 {
        match self {
            Amount::Sectors(sectors) => sectors,
            Amount::Percent(percent) => {
                let part = u128::from(main) * u128::from(percent) / 100;
                u64::try_from(part).unwrap_or(u64::MAX)
            }
        }
    }
}

/// What will be made.
#[derive(Debug)]
pub struct Plan {
    pub start: u64,
    pub size: u64,
    pub main_start: u64,
    pub main_size: u64,
    /// Main is the spare device, too.
    pub one_disk: bool,
    /// What the rule wants, if there is less room.
    pub lacks_of: Option<u64>,
    /// How the kernel will divide it, but for some blocks.
    pub layout: Layout,
}

impl Plan {
    pub fn of(args: &Args, main: &BlockDevice, spare: &BlockDevice) -> Result<Plan> {
        let one_disk = main.id == spare.id;
        if one_disk && args.spare_start.is_none() {
            bail!("the spare area is to be on MAIN itself: --spare-start says where, behind the data (a partition of its own is safer)");
        }
        if !one_disk && main.disk == spare.disk && (main.disk == main.id || spare.disk == spare.id)
        {
            let (whole, part) = match main.disk == main.id {
                true => (main, spare),
                false => (spare, main),
            };
            bail!(
                "{} is a part of {}, and what is written to one changes the other: take two partitions, or one device twice",
                part.path,
                whole.path
            );
        }
        if let Some(device) = [main, spare].into_iter().find(|device| device.read_only) {
            bail!("{} is read-only", device.path);
        }
        let start = args.spare_start.unwrap_or(0);
        let Some(room) = spare.size_sectors.checked_sub(start).filter(|n| *n > 0) else {
            bail!("sector {start} is past the end of {}", spare.path);
        };
        let main_size = args.main_size.unwrap_or_else(|| {
            let end = match one_disk && start > args.main_start {
                true => start,
                false => main.size_sectors,
            };
            let block = u64::from(main.logical_bytes / 512).max(1);
            end.saturating_sub(args.main_start) / block * block
        });
        let wanted = wanted(args.size, main_size);
        if args.size.is_some() && wanted > room {
            bail!(
                "{} has {} from sector {start} on, not {}",
                spare.path,
                size(room),
                size(wanted)
            );
        }
        let block = u64::from(main.logical_bytes.max(spare.logical_bytes) / 512).max(1);
        let len = wanted.min(room) / block * block;
        let asked = match args.block_sectors {
            Some(sectors) => Some(BlockSize::new(sectors).with_context(|| {
                format!("--block-sectors {sectors} is no power of two from 1 to 2048")
            })?),
            None => None,
        };
        let request = Request {
            main: main.geometry(),
            spare: spare.geometry(),
            same_device: one_disk,
            main_start: Sector(args.main_start),
            spare_start: Sector(start),
            spare_len: SectorCount(len),
            begin: Sector(0),
            len: SectorCount(main_size),
            block_size: asked,
        };
        let block_size = request.check().map_err(|e| anyhow::anyhow!("{e}"))?;
        let physical = (spare.physical_bytes / 512).max(1);
        let past = (spare.start_sectors + start) % u64::from(physical);
        let room_of_places = Layout::room(physical, u32::try_from(past)?);
        let logical = SectorCount(u64::from(main.logical_bytes / 512));
        let layout = Layout::plan(SectorCount(len), block_size, logical, room_of_places);
        Ok(Plan {
            start,
            size: len,
            main_start: args.main_start,
            main_size,
            one_disk,
            lacks_of: Some(wanted / block * block).filter(|wanted| len < *wanted),
            layout: layout.map_err(|e| anyhow::anyhow!("{e}: it has {}", size(len)))?,
        })
    }

    /// What has to be zeros, as ranges of the area: superblocks, then all other metadata. The kernel knows
    /// more of the disk and may put it a few blocks elsewhere, so a MiB on each side goes along.
    pub fn to_zero(&self) -> Vec<(u64, u64)> {
        let places = self.layout.places();
        let places = places.as_slice().iter().map(|at| (at.0, META_SECTORS));
        let metadata = self.layout.regions().iter();
        let metadata = metadata.filter(|region| region.r#use != Use::Spare);
        let metadata = metadata.map(|region| (region.start.0, region.len.0));
        let wide = |(at, len): (u64, u64)| {
            let begin = at.saturating_sub(MIB) / MIB * MIB;
            let end = (at + len + MIB).next_multiple_of(MIB).min(self.size);
            (begin, end - begin)
        };
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (at, len) in places.chain(metadata).map(wide) {
            let end = at + len;
            // What was zeroed a moment ago is not again.
            let known = ranges.iter().any(|&(a, l)| a <= at && end <= a + l);
            if !known {
                ranges.push((at, len));
            }
        }
        ranges
    }
}

/// How large an area for a main of this size should be.
fn wanted(asked: Option<Amount>, main: u64) -> u64 {
    match asked {
        Some(amount) => amount.of(main),
        None => SHARE.of(main).next_multiple_of(MIB).max(LEAST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_unit() {
        for (text, amount) in [
            ("20G", Amount::Sectors(20 << 21)),
            ("512MiB", Amount::Sectors(512 << 11)),
            ("1T", Amount::Sectors(1 << 31)),
            ("4K", Amount::Sectors(8)),
            ("2448s", Amount::Sectors(2448)),
            ("3%", Amount::Percent(3)),
        ] {
            assert_eq!(text.parse::<Amount>().expect(text), amount);
        }
        for text in [
            "",
            "20",
            "G",
            "0M",
            "101%",
            "0%",
            "-1G",
            "1.5G",
            "20g",
            "99999999999T",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn two_percent_and_no_less_than_64_mib() {
        const TIB: u64 = 1 << 31;
        assert_eq!(wanted(None, 2048), LEAST);
        assert_eq!(wanted(None, TIB), (TIB / 50).next_multiple_of(MIB));
        assert_eq!(wanted(Some(Amount::Percent(50)), TIB), TIB / 2);
        assert_eq!(wanted(Some(Amount::Sectors(8)), TIB), 8);
    }

    fn device(id: &str, sectors: u64, bytes: u32) -> BlockDevice {
        BlockDevice {
            path: format!("/dev/{id}"),
            id: id.to_owned(),
            disk: id.to_owned(),
            size_sectors: sectors,
            logical_bytes: 512,
            physical_bytes: bytes,
            start_sectors: 0,
            zoned: false,
            read_only: false,
            model: None,
        }
    }

    fn args(more: &[&str]) -> Args {
        use clap::Parser;
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let words = [&["format", "main", "spare"], more].concat();
        Line::try_parse_from(words).expect("a command line").args
    }

    fn plan(more: &[&str], main: u64, spare: u64) -> Result<Plan> {
        let (main, spare) = (device("main", main, 512), device("spare", spare, 4096));
        Plan::of(&args(more), &main, &spare)
    }

    #[test]
    fn defaults_are_safe_and_said_otherwise_are_taken() {
        let made = plan(&[], 100 << 21, 10 << 21).expect("a plan");
        assert_eq!((made.start, made.size), (0, 2 << 21));
        assert_eq!((made.main_start, made.main_size), (0, 100 << 21));
        assert_eq!(made.layout.block_size().sectors(), 8);
        assert!(made.lacks_of.is_none() && !made.one_disk);
        let made = plan(&[], 100 << 21, 1 << 21).expect("a plan");
        assert_eq!((made.lacks_of, made.size), (Some(2 << 21), 1 << 21));
        let more = [
            "--size",
            "1G",
            "--spare-start",
            "2048",
            "--block-sectors",
            "64",
            "--main-size",
            "4096",
        ];
        let made = plan(&more, 100 << 21, 10 << 21).expect("a plan");
        assert_eq!(
            (made.start, made.size, made.main_size),
            (2048, 1 << 21, 4096)
        );
        assert_eq!(made.layout.block_size().sectors(), 64);
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        for (more, spare, says) in [
            (
                &["--size", "20G"][..],
                10 << 21,
                "has 10 GiB from sector 0 on, not 20 GiB",
            ),
            (&["--size", "1M"], 10 << 21, "spare area too small"),
            (&["--spare-start", "99999999999"], 10 << 21, "past the end"),
            (&["--block-sectors", "9"], 10 << 21, "is no power of two"),
            (
                &["--main-size", "99999999999"],
                10 << 21,
                "the main device ends before",
            ),
            (&[], 2047, "spare area too small"),
        ] {
            let error = plan(more, 100 << 21, spare).expect_err(says);
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
    }

    #[test]
    fn on_one_disk_the_area_lies_behind_the_data() {
        let disk = device("main", 100 << 21, 512);
        let error = Plan::of(&args(&[]), &disk, &disk).expect_err("where is not said");
        assert!(error.to_string().contains("--spare-start says where"));
        let start = (98u64 << 21).to_string();
        let made = Plan::of(&args(&["--spare-start", &start]), &disk, &disk).expect("a plan");
        assert_eq!((made.main_size, made.start), (98 << 21, 98 << 21));
        assert!(made.one_disk);
        let over = ["--spare-start", &start, "--main-size", "207618048"];
        let error = Plan::of(&args(&over), &disk, &disk).expect_err("they overlap");
        assert!(error.to_string().contains("overlaps"), "{error}");
    }

    #[test]
    fn a_disk_and_its_partition_are_not_main_and_spare() {
        let disk = device("disk", 100 << 21, 512);
        let part = |name| BlockDevice {
            disk: "disk".to_owned(),
            start_sectors: 2048,
            ..device(name, 10 << 21, 512)
        };
        let (one, two) = (part("one"), part("two"));
        for (main, spare) in [(&disk, &one), (&one, &disk)] {
            let error = Plan::of(&args(&[]), main, spare).expect_err("they overlap");
            let says = "/dev/one is a part of /dev/disk, ";
            assert!(error.to_string().starts_with(says), "{error}");
        }
        assert!(Plan::of(&args(&[]), &one, &two).is_ok());
        assert!(Plan::of(&args(&[]), &one, &device("other", 10 << 21, 512)).is_ok());
    }

    #[test]
    fn what_cannot_be_written_is_refused_before_anything_is() {
        let good = device("good", 100 << 21, 512);
        let fixed = BlockDevice {
            read_only: true,
            ..device("fixed", 100 << 21, 512)
        };
        for (main, spare) in [(&good, &fixed), (&fixed, &good)] {
            let error = Plan::of(&args(&[]), main, spare).expect_err("it is read-only");
            assert_eq!(error.to_string(), "/dev/fixed is read-only");
        }
    }

    #[test]
    fn all_metadata_is_zeroed_and_little_else() {
        for sectors in [4096, 1 << 18, 1 << 21, 40 << 21] {
            let size = format!("{sectors}s");
            let made = plan(&["--size", &size], 100 << 21, 100 << 21).expect("a plan");
            let ranges = made.to_zero();
            let covered = |at: u64| ranges.iter().any(|&(a, l)| a <= at && at < a + l);
            for region in made.layout.regions() {
                let (first, last) = (region.start.0, region.start.0 + region.len.0 - 1);
                let metadata = region.r#use != Use::Spare;
                assert!(!metadata || covered(first) && covered(last), "{region:?}");
            }
            let places = made.layout.places();
            assert!(places.as_slice().iter().all(|p| covered(p.0)));
            assert!(ranges.iter().all(|&(a, l)| a + l <= sectors && l > 0));
            let all: u64 = ranges.iter().map(|(_, l)| l).sum();
            assert!(sectors < 1 << 20 || all < sectors / 4, "{all} of {sectors}");
        }
    }
}
