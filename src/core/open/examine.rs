// SPDX-License-Identifier: GPL-2.0-only

//! What lies in an area: nothing, a format, or something that is left alone. This only reads.

use crate::{
    identity::Mismatch,
    layout::{zeroed, Layout, Places, Use, META_BYTES, META_SECTORS},
    open::{Area, Expect, OpenError, MAX_TRANSFER},
    superblock::{decode, Decoded, Superblock},
    units::{Sector, SectorCount, SECTOR_BYTES},
    wire::IntoBytes,
};

/// What lies in an area.
#[derive(Debug)]
pub enum Examined {
    /// Zeros wherever metadata would go, all of them read without an error: it may be formatted.
    Blank,
    /// A format.
    Formatted(Formatted),
}

/// A format, by its newest superblock.
#[derive(Debug)]
pub struct Formatted {
    /// The newest superblock.
    pub superblock: Superblock,
    /// The places that hold it, a bit each.
    pub held: u32,
    /// Some place holds no superblock as new as this one.
    pub stale_places: bool,
    /// Some place could not be read: a newer superblock may be there.
    pub unread_places: bool,
}

/// Looks at an area of `len` sectors. `plan` is how it would be divided if it were formatted now; without one
/// an area is never called blank.
pub fn examine(
    area: &mut dyn Area,
    len: SectorCount,
    plan: Option<&Layout>,
) -> Result<Examined, OpenError> {
    let mut survey = Survey::default();
    let mut buf = zeroed(1)?;
    let places = Places::of_superblocks(len);
    let mut bit = 1u32;
    for &place in places.as_slice() {
        let bytes = buf.as_mut_slice().as_mut_bytes();
        let read = area.read(place, bytes).or_else(|_| area.read(place, bytes));
        let found = match (read, (&*bytes).try_into()) {
            (Ok(()), Ok(block)) => Some(decode(block)?),
            _ => None,
        };
        survey.take(bit, found)?;
        bit = bit.wrapping_shl(1);
    }
    if let Some(superblock) = survey.best {
        // Places past the end of the area as it was formatted are not its own.
        let own = u32::try_from(superblock.layout.places().as_slice().len()).unwrap_or(0);
        return Ok(Examined::Formatted(Formatted {
            held: survey.held,
            stale_places: survey.held.count_ones() < own,
            unread_places: survey.unread,
            superblock,
        }));
    }
    if let Some(refusal) = survey.refusal {
        return Err(refusal);
    }
    if survey.unread {
        return Err(OpenError::Unreadable);
    }
    if survey.other {
        return Err(OpenError::Foreign("no superblock where one should be"));
    }
    let Some(plan) = plan else {
        return Err(OpenError::Foreign("no superblock"));
    };
    let metadata = plan.regions().iter().filter(|r| r.r#use != Use::Spare);
    let mut large = zeroed(MAX_TRANSFER / META_BYTES)?;
    for region in metadata {
        blank(area, region.start, region.len, large.as_mut_slice())?;
    }
    Ok(Examined::Blank)
}

/// What the places have shown so far.
#[derive(Default)]
struct Survey {
    best: Option<Superblock>,
    /// The places that hold one as new as the best, a bit each.
    held: u32,
    unread: bool,
    other: bool,
    refusal: Option<OpenError>,
}

impl Survey {
    fn take(&mut self, place: u32, found: Option<Decoded>) -> Result<(), OpenError> {
        match found {
            None => self.unread = true,
            Some(Decoded::Blank) => {}
            Some(Decoded::Garbage) => self.other = true,
            Some(Decoded::Unsupported { version, features }) => {
                // Newer code has been here: an older superblock beside it says nothing.
                return Err(OpenError::Unsupported { version, features });
            }
            Some(Decoded::Malformed(_)) => {
                self.refusal = Some(OpenError::BadSuperblock("one makes no sense"));
            }
            Some(Decoded::Superblock(sb)) => match &self.best {
                Some(best) if best.uuid != sb.uuid => {
                    return Err(OpenError::BadSuperblock("they are of two areas"));
                }
                Some(best) if best.seq == sb.seq => self.held |= place,
                Some(best) if best.seq > sb.seq => {}
                _ => {
                    self.held = place;
                    self.best = Some(sb);
                }
            },
        }
        Ok(())
    }
}

/// Refuses a range that does not read as zeros.
fn blank(
    area: &mut dyn Area,
    start: Sector,
    len: SectorCount,
    buf: &mut [[u64; 64]],
) -> Result<(), OpenError> {
    let step = u64::try_from(MAX_TRANSFER / SECTOR_BYTES).unwrap_or(META_SECTORS);
    let mut done = 0u64;
    while done < len.0 {
        let now = step.min(len.0.saturating_sub(done));
        let pieces = usize::try_from(now).unwrap_or(usize::MAX).min(buf.len());
        let at = start.checked_add(SectorCount(done));
        let (Some(at), Some(part)) = (at, buf.get_mut(..pieces)) else {
            return Err(OpenError::Foreign("a range past the end"));
        };
        area.read(at, part.as_mut_bytes())
            .map_err(|_| OpenError::Unreadable)?;
        if part.iter().flatten().any(|&word| word != 0) {
            return Err(OpenError::Foreign("data where metadata would go"));
        }
        done = done.saturating_add(now);
    }
    Ok(())
}

/// Refuses an area that belongs elsewhere. Growing is allowed.
pub fn check(sb: &Superblock, expect: &Expect) -> Result<(), OpenError> {
    match sb.names.main.compare(&expect.main) {
        Ok(()) => {}
        Err(Mismatch::Shrunk { recorded, found }) => {
            return Err(OpenError::MainShrunk {
                recorded,
                given: found,
            });
        }
        Err(why) => return Err(OpenError::OtherMain(why)),
    }
    if sb.main_start != expect.main_start {
        return Err(OpenError::OtherStart {
            recorded: sb.main_start.0,
            given: expect.main_start.0,
        });
    }
    if expect.main_len < sb.main_len {
        return Err(OpenError::MainShrunk {
            recorded: sb.main_len.0,
            given: expect.main_len.0,
        });
    }
    if expect.spare_len < sb.layout.len() {
        return Err(OpenError::SpareShrunk {
            recorded: sb.layout.len().0,
            given: expect.spare_len.0,
        });
    }
    let recorded = sb.layout.block_size();
    match expect.block {
        Some(given) if given != recorded => Err(OpenError::OtherBlock {
            recorded: recorded.sectors(),
            given: given.sectors(),
        }),
        _ => Ok(()),
    }
}
