// SPDX-License-Identifier: GPL-2.0-only

//! The map of an area as a JSON document, `dm-remap/dump/1`: what `dump` writes and `restore` reads. It says what is so,
//! and not in which order it came about: generations and sessions are not in it.

use std::io::{self, Write};

use anyhow::{anyhow, bail, ensure, Context, Result};
use dm_remap_core::{
    identity::{Identities, Identity, Kind},
    layout::{Class, CopyId, Half, Layout, Region, Use},
    map::{Builder, Map, MapError},
    mem::{Buf, Shared},
    record::{ChunkState, Record, CHUNK_SECTORS},
    superblock::{Features, Names, Superblock},
    units::{Block, BlockSize, Sector, SectorCount, SpareBlock},
};
use serde::{Deserialize, Serialize};

use super::{bytes_of, hex, uuid_of, uuid_text};

const SCHEMA: &str = "dm-remap/dump/1";

/// A range: its first sector, and how many there are.
pub(crate) type Range = (u64, u64);

/// The whole document, as it is read. It is written a block at a time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dump {
    pub(crate) schema: String,
    pub(crate) area: AreaDoc,
    pub(crate) blocks: Vec<BlockDoc>,
    pub(crate) spare_failed: Vec<u32>,
}

/// What a superblock says, but for what changes from session to session.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AreaDoc {
    uuid: String,
    created_unix_seconds: u64,
    needs_check: bool,
    compatible_features: u64,
    read_only_features: u64,
    block_sectors: u64,
    pending_quota_chunks: u32,
    main: DeviceDoc,
    spare: DeviceDoc,
    regions: Vec<RegionDoc>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceDoc {
    start_sectors: u64,
    length_sectors: u64,
    identities: Vec<IdentityDoc>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityDoc {
    kind: u8,
    detail: u8,
    bytes: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionDoc {
    r#type: u16,
    detail: [u8; 2],
    class: u8,
    start_sectors: u64,
    length_sectors: u64,
}

/// A block that lives on the spare, or of which sectors are pending.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockDoc {
    pub(crate) block: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spare_block: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) only_on_main_sectors: Vec<Range>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lost_sectors: Vec<Range>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pending_sectors: Vec<Range>,
}

impl AreaDoc {
    pub(crate) fn new(sb: &Superblock) -> AreaDoc {
        let device = |ids: &Identities, start: u64, length| DeviceDoc {
            start_sectors: start,
            length_sectors: length,
            identities: ids.iter().map(IdentityDoc::new).collect(),
        };
        let layout = &sb.layout;
        AreaDoc {
            uuid: uuid_text(&sb.uuid),
            created_unix_seconds: sb.created,
            needs_check: sb.needs_check,
            compatible_features: sb.features.compatible,
            read_only_features: sb.features.read_only,
            block_sectors: layout.block_size().sectors().into(),
            pending_quota_chunks: layout.pending_quota(),
            main: device(&sb.names.main, sb.main_start.0, sb.main_len.0),
            spare: device(&sb.names.spare, sb.spare_start.0, layout.len().0),
            regions: layout.regions().iter().map(RegionDoc::new).collect(),
        }
    }

    /// A superblock that says the same; its numbers mean nothing.
    pub(crate) fn superblock(&self) -> Result<Superblock> {
        let memory = |_| anyhow!("not enough memory");
        let block = BlockSize::new(self.block_sectors).context("an impossible block size")?;
        let mut regions = Buf::new();
        for region in &self.regions {
            let region = region.region().context("an impossible region")?;
            regions.push(region).map_err(memory)?;
        }
        let len = SectorCount(self.spare.length_sectors);
        let quota = self.pending_quota_chunks;
        let layout = Layout::new(len, block, quota, regions).map_err(|e| anyhow!("{e}"))?;
        let main_end = self
            .main
            .start_sectors
            .checked_add(self.main.length_sectors);
        ensure!(
            self.main.length_sectors > 0 && main_end.is_some(),
            "an impossible range of main"
        );
        let names = Names {
            main: identities(&self.main.identities).context("an impossible identity")?,
            spare: identities(&self.spare.identities).context("an impossible identity")?,
        };
        Ok(Superblock {
            seq: 1,
            uuid: uuid_of(&self.uuid).context("an impossible UUID")?,
            features: Features {
                compatible: self.compatible_features,
                read_only: self.read_only_features,
                incompatible: 0,
            },
            names: Shared::try_new(names).map_err(memory)?,
            main_start: Sector(self.main.start_sectors),
            main_len: SectorCount(self.main.length_sectors),
            spare_start: Sector(self.spare.start_sectors),
            epoch: 1,
            sealed: 1,
            adopted: 1,
            log_floor: 1,
            clean: true,
            needs_check: self.needs_check,
            degraded: [0; 2],
            created: self.created_unix_seconds,
            layout: Shared::try_new(layout).map_err(memory)?,
        })
    }
}

impl IdentityDoc {
    fn new(id: &Identity) -> IdentityDoc {
        IdentityDoc {
            kind: id.kind().0,
            detail: id.detail(),
            bytes: hex(id.bytes()),
        }
    }
}

fn identities(docs: &[IdentityDoc]) -> Option<Identities> {
    let mut ids = Identities::NONE;
    for doc in docs {
        let bytes = bytes_of(&doc.bytes)?;
        if !ids.add(Identity::new(Kind(doc.kind), doc.detail, &bytes)) {
            return None;
        }
    }
    Some(ids)
}

impl RegionDoc {
    fn new(region: &Region) -> RegionDoc {
        let (r#type, detail) = match region.r#use {
            Use::Log { copy, half } => (1, [copy.number(), half.number()]),
            Use::Spare => (2, [0; 2]),
            Use::Health => (3, [0; 2]),
            Use::Unknown { kind, detail } => (kind, detail),
        };
        RegionDoc {
            r#type,
            detail,
            class: match region.class {
                Class::Compatible => 0,
                Class::ReadOnly => 1,
                Class::Incompatible => 2,
            },
            start_sectors: region.start.0,
            length_sectors: region.len.0,
        }
    }

    fn region(&self) -> Option<Region> {
        let [copy, half] = self.detail;
        Some(Region {
            r#use: match self.r#type {
                1 => Use::Log {
                    copy: CopyId::BOTH.into_iter().find(|c| c.number() == copy)?,
                    half: Half::BOTH.into_iter().find(|h| h.number() == half)?,
                },
                2 => Use::Spare,
                3 => Use::Health,
                kind => Use::Unknown {
                    kind,
                    detail: self.detail,
                },
            },
            class: match self.class {
                0 => Class::Compatible,
                1 => Class::ReadOnly,
                2 => Class::Incompatible,
                _ => return None,
            },
            start: Sector(self.start_sectors),
            len: SectorCount(self.length_sectors),
        })
    }
}

/// Adds the sectors of `bits` to ranges that ascend.
fn add(ranges: &mut Vec<Range>, first: u64, bits: u64) {
    for bit in (0..64).filter(|bit| (bits >> bit) & 1 != 0) {
        let sector = first + bit;
        match ranges.last_mut() {
            Some((from, count)) if *from + *count == sector => *count += 1,
            _ => ranges.push((sector, 1)),
        }
    }
}

/// The blocks of a map, in order.
pub(crate) fn blocks(map: &Map) -> impl Iterator<Item = BlockDoc> + '_ {
    let size = u64::from(map.block_size().sectors());
    let mut records = map.records().peekable();
    std::iter::from_fn(move || {
        let mut doc = BlockDoc::default();
        let of = |record: &Record| match *record {
            Record::Remap { block, .. } | Record::Sectors { block, .. } => Some(block.0),
            _ => None,
        };
        doc.block = of(records.peek()?)?;
        while let Some(record) = records.next_if(|r| of(r) == Some(doc.block)) {
            match record {
                Record::Remap { spare, .. } => doc.spare_block = Some(spare.0),
                Record::Sectors { chunk, state, .. } => {
                    let first = doc.block * size + u64::from(chunk) * u64::from(CHUNK_SECTORS);
                    let only = state.unspared() & !state.lost();
                    add(&mut doc.only_on_main_sectors, first, only);
                    add(&mut doc.lost_sectors, first, state.lost());
                    add(&mut doc.pending_sectors, first, state.pending());
                }
                _ => {}
            }
        }
        Some(doc)
    })
}

/// The spare blocks that failed.
pub(crate) fn failed(map: &Map) -> impl Iterator<Item = u32> + '_ {
    map.records().filter_map(|record| match record {
        Record::BadSpare { spare } => Some(spare.0),
        _ => None,
    })
}

/// Writes the document: a block a line, so that a million of them need no memory here, and two dumps can be compared.
pub(crate) fn write(to: &mut dyn Write, sb: &Superblock, map: &Map) -> io::Result<()> {
    let area = serde_json::to_string(&AreaDoc::new(sb))?;
    write!(
        to,
        "{{\n\"schema\":\"{SCHEMA}\",\n\"area\":{area},\n\"blocks\":["
    )?;
    let mut comma = "";
    for block in blocks(map) {
        write!(to, "{comma}\n{}", serde_json::to_string(&block)?)?;
        comma = ",";
    }
    let failed: Vec<u32> = failed(map).collect();
    let failed = serde_json::to_string(&failed)?;
    writeln!(to, "\n],\n\"spare_failed\":{failed}\n}}")
}

/// How many blocks a target has; the last may be cut short.
pub(crate) fn target_blocks(sb: &Superblock) -> u64 {
    let size = u64::from(sb.layout.block_size().sectors());
    sb.main_len.0.div_ceil(size)
}

/// A builder for the map of the area that `sb` describes.
pub(crate) fn builder(sb: &Superblock) -> Result<Builder> {
    let layout = &sb.layout;
    let (count, quota) = (layout.spare_count(), layout.pending_quota());
    let builder = Builder::new(layout.block_size(), target_blocks(sb), count, quota);
    builder.map_err(in_words)
}

pub(crate) fn in_words(why: MapError) -> anyhow::Error {
    match why {
        MapError::NoMemory => anyhow!("not enough memory"),
        MapError::Inconsistent(why) => anyhow!("{why}"),
    }
}

impl Dump {
    /// The superblock and the map that it says; what contradicts itself is refused, as it would be in a log.
    pub(crate) fn understood(&self) -> Result<(Superblock, Map)> {
        ensure!(
            self.schema == SCHEMA,
            "its schema is {:?}, not {SCHEMA}",
            self.schema
        );
        let sb = self.area.superblock()?;
        let mut builder = builder(&sb)?;
        let size = sb.layout.block_size();
        for doc in &self.blocks {
            let of = || format!("block {}", doc.block);
            for record in doc.records(size).with_context(of)? {
                builder.push(&record).map_err(in_words).with_context(of)?;
            }
        }
        for &spare in &self.spare_failed {
            let record = Record::BadSpare {
                spare: SpareBlock(spare),
            };
            let of = || format!("spare block {spare}");
            builder.push(&record).map_err(in_words).with_context(of)?;
        }
        Ok((sb, builder.finish().map_err(in_words)?))
    }
}

impl BlockDoc {
    /// The same as records, in the order of the log.
    pub(crate) fn records(&self, size: BlockSize) -> Result<Vec<Record>> {
        let block = Block(self.block);
        let mut records = Vec::new();
        match self.spare_block {
            Some(spare) => records.push(Record::Remap {
                block,
                spare: SpareBlock(spare),
            }),
            None if self.pending_sectors.is_empty() => {
                bail!("it is not remapped, and nothing of it is pending")
            }
            None => {}
        }
        let start = size.start_of(block).context("a block that cannot be")?.0;
        let chunks = size.chunks() as usize;
        let bits = |ranges: &[Range]| -> Result<Vec<u64>> {
            let mut bits = vec![0u64; chunks];
            for &(first, count) in ranges {
                let from = first.checked_sub(start);
                let to = from.and_then(|from| from.checked_add(count));
                let (Some(from), Some(to)) = (from, to) else {
                    bail!("sector {first} is not one of its sectors");
                };
                ensure!(
                    to <= size.sectors().into(),
                    "{count} sectors from {first} on are not all its own"
                );
                for sector in from..to {
                    bits[(sector / u64::from(CHUNK_SECTORS)) as usize] |= 1 << (sector % 64);
                }
            }
            Ok(bits)
        };
        let only = bits(&self.only_on_main_sectors)?;
        let (lost, pending) = (bits(&self.lost_sectors)?, bits(&self.pending_sectors)?);
        for (chunk, ((only, lost), pending)) in (0..).zip(only.into_iter().zip(lost).zip(pending)) {
            ensure!(
                only & lost == 0,
                "a sector is only on main, and lost as well"
            );
            let state = ChunkState::new(only | lost, lost, pending);
            let state = state.context("a state that cannot be")?;
            if !state.is_plain() {
                records.push(Record::Sectors {
                    block,
                    chunk,
                    state,
                });
            }
        }
        Ok(records)
    }
}
