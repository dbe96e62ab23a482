// SPDX-License-Identifier: GPL-2.0-only

//! How a device is told from another: typed identities, a kind and its bytes.

use core::fmt;

use crate::{crc::crc32c, units::SectorCount};

/// Bytes in an identity at most.
pub const MAX_BYTES: usize = 32;

/// How many identities a device may have.
pub const MAX_IDENTITIES: usize = 4;

/// What an identity's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Kind(pub u8);

impl Kind {
    /// No identity: the end of the list.
    pub const NONE: Kind = Kind(0);
    /// The device's size in sectors, eight bytes. It tells a shrunk device, not one device from another.
    pub const SIZE: Kind = Kind(1);
    /// What `get_unique_id` gives of the disk; the detail is its type (1 T10, 2 EUI-64, 3 NAA).
    pub const DISK: Kind = Kind(2);
    /// The partition's UUID: detail 0 for its 16 bytes, 1 for a text that is no UUID (`xxxxxxxx-01`).
    pub const PARTITION: Kind = Kind(3);
    /// The UUID that device-mapper has for a device of its own: detail 0 for the text as it is, 1 for
    /// the digest of one that is longer than [`MAX_BYTES`].
    pub const MAPPED: Kind = Kind(4);

    /// The only identity that tells the device: none that others may share, too, stands in for it.
    fn is_needed(self) -> bool {
        matches!(self, Kind::PARTITION | Kind::MAPPED)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Kind::SIZE => f.write_str("size"),
            Kind::DISK => f.write_str("unique id of the disk"),
            Kind::PARTITION => f.write_str("UUID of the partition"),
            Kind::MAPPED => f.write_str("UUID of the dm device"),
            Kind(n) => write!(f, "identity of kind {n}"),
        }
    }
}

/// One identity of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    kind: Kind,
    detail: u8,
    len: u8,
    bytes: [u8; MAX_BYTES],
}

impl Identity {
    /// An identity of any kind; `None` if it is too long, empty or of no kind.
    #[inline(never)]
    pub fn new(kind: Kind, detail: u8, bytes: &[u8]) -> Option<Identity> {
        if kind == Kind::NONE || bytes.is_empty() {
            return None;
        }
        let mut id = Identity {
            kind,
            detail,
            len: u8::try_from(bytes.len()).ok()?,
            bytes: [0; MAX_BYTES],
        };
        id.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(id)
    }

    /// The size of a device.
    pub fn size(sectors: SectorCount) -> Option<Identity> {
        Identity::new(Kind::SIZE, 0, &sectors.0.to_le_bytes())
    }

    /// The unique identifier of a disk, of type `detail`.
    pub fn disk(detail: u8, bytes: &[u8]) -> Option<Identity> {
        Identity::new(Kind::DISK, detail, bytes)
    }

    /// The UUID of a partition, in the text that the kernel keeps of it; upper and lower case are the same.
    pub fn partition(text: &[u8]) -> Option<Identity> {
        match uuid_of(text) {
            Some(uuid) => Identity::new(Kind::PARTITION, 0, &uuid),
            None => {
                let mut lower = [0u8; MAX_BYTES];
                let lower = lower.get_mut(..text.len())?;
                lower.copy_from_slice(text);
                lower.make_ascii_lowercase();
                Identity::new(Kind::PARTITION, 1, lower)
            }
        }
    }

    /// The UUID of a dm device, a text of any length. Of one that is too long a digest is kept.
    pub fn mapped(text: &[u8]) -> Option<Identity> {
        match text.len() {
            ..=MAX_BYTES => Identity::new(Kind::MAPPED, 0, text),
            _ => Identity::new(Kind::MAPPED, 1, &digest(text).to_le_bytes()),
        }
    }

    /// What kind of identity it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The kind's own type.
    pub const fn detail(&self) -> u8 {
        self.detail
    }

    /// The identity itself.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The size, if that is what it is.
    fn sectors(&self) -> Option<u64> {
        let bytes = self.bytes().try_into().ok()?;
        (self.kind == Kind::SIZE).then_some(u64::from_le_bytes(bytes))
    }
}

/// FNV-1a with 128 bits. It need not withstand anybody: who writes superblocks could write any digest.
fn digest(text: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.iter().fold(BASIS, |hash, &byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    })
}

/// The 16 bytes of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in the order of the text.
fn uuid_of(text: &[u8]) -> Option<[u8; 16]> {
    let mut uuid = [0u8; 16];
    if text.len() != 36 {
        return None;
    }
    let hyphen = |i| matches!(i, 8 | 13 | 18 | 23);
    if text
        .iter()
        .enumerate()
        .any(|(i, &c)| (c == b'-') != hyphen(i))
    {
        return None;
    }
    let mut digits = text.iter().filter(|&&c| c != b'-').copied();
    for byte in &mut uuid {
        let high = char::from(digits.next()?).to_digit(16)?;
        let low = char::from(digits.next()?).to_digit(16)?;
        *byte = u8::try_from(high.wrapping_shl(4) | low).ok()?;
    }
    Some(uuid)
}

/// All that is known of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    ids: [Option<Identity>; MAX_IDENTITIES],
}

/// Why a device is not the one that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It offers another identity of this kind.
    Other(Kind),
    /// It has become smaller.
    Shrunk {
        /// Sectors that are recorded.
        recorded: u64,
        /// Sectors that it has.
        found: u64,
    },
    /// It offers none of the identities that are recorded.
    Unknown,
}

impl Identities {
    /// None known.
    pub const NONE: Identities = Identities {
        ids: [None; MAX_IDENTITIES],
    };

    /// Adds one; false if there is no room for it or it is none.
    #[inline(never)]
    pub fn add(&mut self, id: Option<Identity>) -> bool {
        let free = self.ids.iter_mut().find(|slot| slot.is_none());
        match (free, id) {
            (Some(slot), Some(id)) => {
                *slot = Some(id);
                true
            }
            _ => false,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().fold(0, |n: usize, _| n.saturating_add(1))
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.ids.iter().flatten()
    }

    /// Compares a device as it is `now` with what is recorded of it.
    ///
    /// Identities are compared where both sides have the same kind and detail: none may differ, no size
    /// may shrink, and if anything but a size is recorded, one of those must be found again. So must the UUID
    /// of a partition or a dm device, if one is recorded.
    pub fn compare(&self, now: &Identities) -> Result<(), Mismatch> {
        let (mut recorded_strong, mut found_strong) = (false, false);
        for was in self.iter() {
            recorded_strong |= was.kind != Kind::SIZE;
            let mut same_kind = now
                .iter()
                .filter(|is| is.kind == was.kind && is.detail == was.detail);
            let Some(is) = same_kind.next() else {
                // The disk's own identity is also that of its other partitions and volumes.
                if was.kind.is_needed() {
                    return Err(Mismatch::Unknown);
                }
                continue;
            };
            if let (Some(recorded), Some(found)) = (was.sectors(), is.sectors()) {
                if found < recorded {
                    return Err(Mismatch::Shrunk { recorded, found });
                }
            } else if was != is && !same_kind.any(|is| is == was) {
                return Err(Mismatch::Other(was.kind));
            } else {
                found_strong = true;
            }
        }
        if recorded_strong && !found_strong {
            return Err(Mismatch::Unknown);
        }
        Ok(())
    }

    /// What tells the disk, and not the partition, which a copy on another disk would have in common.
    pub fn marks(&self) -> Marks {
        let mut marks = Marks::default();
        let disks = |id: &&Identity| matches!(id.kind, Kind::DISK | Kind::MAPPED);
        for id in self.iter().filter(disks) {
            let place = marks.0.get_mut(usize::from(id.detail.wrapping_rem(3)));
            if let Some(mark) = place {
                *mark = crc32c(id.bytes()).max(1);
            }
        }
        marks
    }
}

/// Checksums of what tells a disk, a place for each detail (modulo 3); 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub [u32; 3]);

impl Marks {
    /// Adds what is known `now`, if that can be the same disk. False if it is another one: something is known of both, and
    /// nothing in common.
    pub fn join(&mut self, now: &Marks) -> bool {
        let (mut common, mut known) = (false, (0, 0));
        for (was, is) in self.0.iter_mut().zip(now.0) {
            known = (known.0 | *was, known.1 | is);
            common |= is != 0 && is == *was;
            // One that is not offered any longer is known all the same.
            if is != 0 {
                *was = is;
            }
        }
        common || known.0 == 0 || known.1 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &[Option<Identity>]) -> Identities {
        let mut ids = Identities::NONE;
        for id in list {
            assert!(ids.add(*id));
        }
        ids
    }

    #[test]
    fn compares_like_with_like() {
        let size = |n| Identity::size(SectorCount(n));
        let recorded = of(&[size(1000), Identity::disk(3, b"12345678")]);
        let same = Ok(());
        assert_eq!(recorded.compare(&recorded), same);
        let grown = of(&[size(2000), Identity::disk(3, b"12345678")]);
        assert_eq!(recorded.compare(&grown), same);
        let shrunk = of(&[size(999), Identity::disk(3, b"12345678")]);
        let why = Mismatch::Shrunk {
            recorded: 1000,
            found: 999,
        };
        assert_eq!(recorded.compare(&shrunk), Err(why));
        let other = of(&[size(1000), Identity::disk(3, b"12345679")]);
        assert_eq!(recorded.compare(&other), Err(Mismatch::Other(Kind::DISK)));
        // Another type of identifier says nothing, so nothing is left that tells the disk.
        let elsewhere = of(&[size(1000), Identity::disk(2, b"12345678")]);
        assert_eq!(recorded.compare(&elsewhere), Err(Mismatch::Unknown));
        // A disk that has no identifier is taken by its size.
        let plain = of(&[size(1000)]);
        assert_eq!(plain.compare(&recorded), same);
        assert_eq!(recorded.compare(&plain), Err(Mismatch::Unknown));
    }

    #[test]
    fn a_partition_that_moved_to_another_disk_is_another() {
        let uuid = Identity::partition(b"0FC63DAF-8483-4772-8E79-3D69D8477DE4");
        let here = of(&[Identity::disk(3, b"one"), uuid]);
        let there = of(&[Identity::disk(3, b"two"), uuid]);
        assert_eq!(here.compare(&there), Err(Mismatch::Other(Kind::DISK)));
        assert_eq!(of(&[uuid]).compare(&there), Ok(()));
    }

    #[test]
    fn a_dm_device_is_told_by_its_uuid_alone() {
        let size = Identity::size(SectorCount(1000));
        let lvm = |lv: &str| {
            let vg = "u0Qlc4Zd1fOyqAeV9KpE2mWn3TbX7sRh";
            Identity::mapped(format!("LVM-{vg}{lv}").as_bytes())
        };
        let (home, root) = (
            lvm("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            lvm("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
        );
        let recorded = of(&[size, home]);
        assert_eq!(recorded.compare(&recorded), Ok(()));
        let other = Err(Mismatch::Other(Kind::MAPPED));
        assert_eq!(recorded.compare(&of(&[size, root])), other);
        // A short text and a long one are never the same.
        let short = of(&[size, Identity::mapped(b"mpath-3600508b400105e21")]);
        assert_eq!(recorded.compare(&short), Err(Mismatch::Unknown));
        // One that is no dm device any more, or has lost its UUID, offers nothing that could count.
        let disk = Identity::disk(3, b"12345678");
        assert_eq!(recorded.compare(&of(&[size])), Err(Mismatch::Unknown));
        assert_eq!(recorded.compare(&of(&[size, disk])), Err(Mismatch::Unknown));
        assert_eq!(of(&[size, disk]).compare(&recorded), Err(Mismatch::Unknown));
        // And the disk's identity beside it does not make up for it.
        let both = of(&[size, disk, home]);
        assert_eq!(both.compare(&of(&[size, disk])), Err(Mismatch::Unknown));
    }

    #[test]
    fn texts_of_dm_devices() {
        let text = "CRYPT-LUKS2-0fc63daf84834772";
        let id = Identity::mapped(text.as_bytes()).expect("text");
        assert_eq!((id.detail(), id.bytes()), (0, text.as_bytes()));
        let longest = Identity::mapped(&[b'x'; MAX_BYTES]).expect("text");
        assert_eq!((longest.detail(), longest.bytes().len()), (0, MAX_BYTES));
        let long = Identity::mapped(&[b'x'; 128]).expect("text");
        assert_eq!((long.detail(), long.bytes().len()), (1, 16));
        assert_eq!(Identity::mapped(b""), None);
        // The published check values of this digest.
        assert_eq!(digest(b""), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(digest(b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
    }

    #[test]
    fn texts_of_partitions() {
        let upper = Identity::partition(b"0FC63DAF-8483-4772-8E79-3D69D8477DE4").expect("UUID");
        let lower = Identity::partition(b"0fc63daf-8483-4772-8e79-3d69d8477de4").expect("UUID");
        assert_eq!(upper, lower);
        assert_eq!(upper.bytes().len(), 16);
        assert_eq!(upper.bytes()[..4], [0x0f, 0xc6, 0x3d, 0xaf]);
        let short = Identity::partition(b"8F7A21b4-01").expect("text");
        assert_eq!((short.detail(), short.bytes()), (1, &b"8f7a21b4-01"[..]));
        assert_eq!(Identity::partition(&[b'x'; 33]), None);
        assert_eq!(Identity::partition(b""), None);
        assert_eq!(Identity::disk(1, &[7; 33]), None);
    }
}
