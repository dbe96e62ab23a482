// SPDX-License-Identifier: GPL-2.0-only

//! What is taken up of former sessions: whose it is, which image counts, and what must not be written over.

use dm_remap_core::{
    engine::{Found, Side},
    health::{
        history::{find, Past},
        keeper::{Keeper, ScanMode, Traffic},
        map::Level,
        scan::{Command, Next, Outcome, State},
        What,
    },
    identity::{Identities, Identity},
    layout::{Layout, META_BYTES},
    mem::host,
    open::{Area, IoFailed},
    units::{BlockSize, Sector, SectorCount},
};

const UUID: [u8; 16] = [7; 16];
const MAIN: u64 = 64 * 2048;
const LEN: u64 = 16 * 2048;
const UNIX: u64 = 1_800_000_000;
/// A quarter of an hour.
const QUARTER: u64 = 900_000;

/// A spare area in memory. Sectors may be bad for reads, or for writes.
struct Disk {
    bytes: Vec<u8>,
    unreadable: Vec<Sector>,
    layout: Layout,
}

fn plan() -> Layout {
    let block = BlockSize::new(8).expect("a block size");
    Layout::plan(SectorCount(LEN), block, SectorCount(1), SectorCount(0)).expect("room")
}

impl Disk {
    fn new() -> Disk {
        Disk {
            bytes: vec![0; LEN as usize * 512],
            unreadable: Vec::new(),
            layout: plan(),
        }
    }

    /// The first block of a slot.
    fn slot(&self, parity: u64) -> Sector {
        let half = self.layout.health_blocks() / 2 * parity as u32;
        self.layout.health_sector(half).expect("a slot")
    }

    /// Writes what is known, but only so many blocks of it; tells whether that was all.
    fn save(&mut self, keeper: &mut Keeper, now: u64, most: u32) -> bool {
        let slot = self.layout.health_blocks() / 2;
        let mut image = keeper.image(slot, UUID).expect("memory");
        let mut block = [0; META_BYTES];
        let mut left = most;
        let all = loop {
            let Some(at) = image.next(&self.layout, &mut block) else {
                break true;
            };
            if left == 0 {
                break false;
            }
            let from = at.0 as usize * 512;
            self.bytes[from..from + META_BYTES].copy_from_slice(&block);
            left -= 1;
        };
        keeper.saved(now, all);
        all
    }

    fn find(&mut self, main: &Identities) -> Past {
        let layout = plan();
        find(self, &layout, &UUID, main.marks(), UNIX)
    }

    /// A keeper of a new session.
    fn load(&mut self, main: &Identities) -> (Keeper, Past) {
        let past = self.find(main);
        let mut keeper = keeper();
        keeper.restore(&past, 1).expect("memory");
        (keeper, past)
    }
}

impl Area for Disk {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        if self.unreadable.contains(&at) {
            return Err(IoFailed);
        }
        let from = at.0 as usize * 512;
        buf.copy_from_slice(&self.bytes[from..from + buf.len()]);
        Ok(())
    }

    fn write(&mut self, _: Sector, _: &[u8], _: bool) -> Result<(), IoFailed> {
        panic!("loading writes nothing");
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        panic!("loading flushes nothing");
    }
}

fn keeper() -> Keeper {
    let mut keeper = Keeper::new(UNIX);
    keeper.resize(SectorCount(MAIN), SectorCount(0));
    keeper
}

/// A region in which there was an error.
fn error(keeper: &mut Keeper, region: u64) {
    let found = Found {
        side: Side::Main,
        at: Sector(region * 2048),
        what: What::Error,
        sectors: 8,
    };
    keeper.found(1, UNIX, &found, true, true);
}

/// How many regions are known.
fn known(keeper: &Keeper) -> usize {
    keeper.health.map.records().len()
}

/// Two images: with `first` regions at number 1, with one more at number 2.
fn two_images(first: u64) -> Disk {
    let mut disk = Disk::new();
    let mut k = keeper();
    (0..first).for_each(|n| error(&mut k, n));
    disk.save(&mut k, 1, 58);
    error(&mut k, first);
    disk.save(&mut k, 1, 58);
    assert_eq!(k.sequence(), 2);
    disk
}

const NONE: Identities = Identities::NONE;

fn ids(list: &[Option<Identity>]) -> Identities {
    let mut ids = NONE;
    assert!(list.iter().all(|id| ids.add(*id)));
    ids
}

/// A partition of a disk that offers these.
fn partition(list: &[Option<Identity>]) -> Identities {
    let own = [
        Identity::size(SectorCount(MAIN)),
        Identity::partition(b"8f7a21b4-01"),
    ];
    ids(&[&own, list].concat())
}

#[test]
fn what_is_known_is_saved_and_taken_up() {
    let mut disk = Disk::new();
    let mut k = keeper();
    k.set_mode(ScanMode::On);
    error(&mut k, 1);
    assert_eq!(k.save_at(), 1 + QUARTER);
    disk.save(&mut k, 5, 58);
    assert_eq!((k.sequence(), k.save_at()), (1, u64::MAX));
    let (mut again, past) = disk.load(&NONE);
    assert_eq!(again.health.map.records(), k.health.map.records());
    assert_eq!(again.sequence(), 1);
    assert_eq!((past.other, past.unread), (0, false));
    assert_eq!(again.save_at(), u64::MAX, "the disk has it");
    assert_eq!(again.crossed(), None, "no news");
    // The newest of two.
    error(&mut again, 2);
    disk.save(&mut again, 5, 58);
    assert_eq!(known(&disk.load(&NONE).0), 2);
    assert_eq!(disk.load(&NONE).0.sequence(), 2);
}

#[test]
fn an_image_that_was_not_written_costs_none_that_was() {
    let mut disk = two_images(1000);
    let (mut k, _) = disk.load(&NONE);
    for try_ in 1..4 {
        error(&mut k, 3000 + try_);
        assert!(!disk.save(&mut k, 50 * try_, 3), "it is cut short");
        assert_eq!(k.sequence(), 2, "the same number again");
        assert_eq!(k.save_at(), 50 * try_ + QUARTER, "and a while later");
        let (again, past) = disk.load(&NONE);
        assert_eq!(known(&again), 1001, "the last whole one is there");
        assert!(!past.unread, "torn is not unreadable");
    }
    disk.save(&mut k, 500, 58);
    let (again, _) = disk.load(&NONE);
    assert_eq!((k.sequence(), known(&again)), (3, 1004));
}

#[test]
fn the_history_of_another_disk_is_none() {
    let naa = |last| Identity::disk(3, &[5, 0, 0, 0, 0, 0, 0, last]);
    let eui = Identity::disk(2, &[1; 8]);
    let old = partition(&[naa(1)]);
    let cases = [
        (old, old, false),
        // Nothing is known of the disk, then or now.
        (NONE, NONE, false),
        (NONE, old, false),
        (old, partition(&[]), false),
        // It is longer.
        (ids(&[Identity::size(SectorCount(8))]), old, false),
        // It offers more, or less.
        (old, partition(&[eui, naa(1)]), false),
        (partition(&[eui, naa(1)]), old, false),
        // A copy of it elsewhere.
        (old, partition(&[naa(2)]), true),
        (old, partition(&[eui]), true),
        (partition(&[eui]), old, true),
        (
            ids(&[Identity::mapped(b"LVM-a")]),
            ids(&[Identity::mapped(b"LVM-b")]),
            true,
        ),
    ];
    for (n, (was, is, other)) in cases.into_iter().enumerate() {
        let mut disk = Disk::new();
        let (mut k, _) = disk.load(&was);
        for region in 0..5 {
            error(&mut k, region);
            disk.save(&mut k, 1, 58);
        }
        let (mut again, past) = disk.load(&is);
        assert_eq!((past.other > 0, known(&again) == 0), (other, other), "{n}");
        assert_eq!(again.sequence(), 5, "{n}: what is written next is newer");
        assert_eq!(again.save_at() < u64::MAX, other, "{n}: to be recorded");
        // From then on it has one of its own.
        error(&mut again, 60);
        disk.save(&mut again, 1, 58);
        let (own, _) = disk.load(&is);
        assert_eq!((known(&own), own.sequence()), (known(&again), 6), "{n}");
    }
}

#[test]
fn what_lies_behind_another_disks_image_is_not_taken_for_this_ones() {
    let main = |n| partition(&[Identity::disk(3, &[n; 8])]);
    let mut disk = Disk::new();
    // An image that says nothing of its disk, and then one that does.
    let (mut k, _) = disk.load(&NONE);
    error(&mut k, 1);
    disk.save(&mut k, 1, 58);
    let (mut k, _) = disk.load(&main(1));
    error(&mut k, 2);
    disk.save(&mut k, 1, 58);
    assert_eq!(known(&disk.load(&main(1)).0), 2);
    let (k, past) = disk.load(&main(2));
    assert_eq!((known(&k), past.other, past.unread), (0, 2, false));
}

#[test]
fn fewer_identities_take_none_from_the_record() {
    let known = partition(&[Identity::disk(3, &[1; 8])]);
    let mut disk = Disk::new();
    let (mut k, _) = disk.load(&known);
    error(&mut k, 1);
    disk.save(&mut k, 1, 58);
    let (mut k, _) = disk.load(&partition(&[]));
    disk.save(&mut k, 1, 58);
    let copy = partition(&[Identity::disk(3, &[2; 8])]);
    assert!(disk.find(&copy).image().is_none());
}

#[test]
fn what_cannot_be_read_is_not_written_over_by_a_lower_number() {
    // The newest, at number 2, cannot be read: the older one serves, and stays.
    let mut disk = two_images(1);
    let even = disk.slot(0);
    disk.unreadable = vec![even];
    let (mut k, past) = disk.load(&NONE);
    assert!(past.unread);
    assert_eq!(known(&k), 1, "the older one");
    assert!(k.sequence() > 2 && k.sequence() % 2 == 1, "its slot stays");
    error(&mut k, 9);
    disk.save(&mut k, 1, 58);
    disk.unreadable.clear();
    assert_eq!(known(&disk.load(&NONE).0), 2, "what came last counts");

    // The older one cannot be read: the newest serves.
    let mut disk = two_images(1);
    disk.unreadable = vec![disk.slot(1)];
    let (k, past) = disk.load(&NONE);
    assert_eq!((known(&k), past.unread), (2, true));
    assert_eq!(k.sequence() % 2, 0, "its slot stays");

    // Neither can.
    let mut disk = two_images(1);
    disk.unreadable = vec![disk.slot(0), disk.slot(1)];
    let (mut k, past) = disk.load(&NONE);
    assert!(past.unread && past.image().is_none());
    error(&mut k, 9);
    error(&mut k, 10);
    error(&mut k, 11);
    disk.save(&mut k, 1, 58);
    disk.unreadable.clear();
    assert_eq!(known(&disk.load(&NONE).0), 3, "what came last counts");

    // The only one cannot be read: the other slot is written.
    for parity in [0, 1] {
        let mut disk = two_images(1);
        let (gone, there) = (disk.slot(1 - parity), disk.slot(parity));
        disk.bytes[gone.0 as usize * 512] = 0;
        disk.unreadable = vec![there];
        let (mut k, _) = disk.load(&NONE);
        let bytes = |disk: &Disk| disk.bytes[there.0 as usize * 512..][..META_BYTES].to_vec();
        let before = bytes(&disk);
        disk.save(&mut k, 1, 58);
        assert!(before == bytes(&disk), "slot {parity} is written over");
    }
}

#[test]
fn a_block_in_the_middle_that_cannot_be_read_is_no_end_of_the_history() {
    let mut disk = two_images(1000);
    let second = Sector(disk.slot(0).0 + 8);
    disk.unreadable = vec![second];
    let (k, past) = disk.load(&NONE);
    assert_eq!((known(&k), past.unread), (1000, true));
    assert_eq!(
        k.sequence(),
        3,
        "above what could not be read, whose slot is next"
    );
    // Alone it is kept.
    let odd = disk.slot(1).0 as usize * 512;
    disk.bytes[odd] = 0;
    let (mut k, _) = disk.load(&NONE);
    disk.save(&mut k, 1, 58);
    disk.unreadable.clear();
    assert_eq!(k.sequence(), 3);
    let past = disk.find(&NONE);
    assert_eq!((past.sequence, past.unread), (3, false));
}

#[test]
fn each_refused_allocation_keeps_what_is_there() {
    let mut refused = 0;
    for n in 0.. {
        let mut disk = two_images(1000);
        let mut k = keeper();
        let layout = plan();
        let before = host::allocations();
        host::refuse_after(Some(n));
        let past = find(&mut disk, &layout, &UUID, NONE.marks(), UNIX);
        let restored = k.restore(&past, 1);
        let all = host::allocations() - before;
        host::refuse_after(None);
        if all <= n {
            assert!(!past.unread && restored.is_ok() && known(&k) == 1001);
            break;
        }
        refused += 1;
        let told = past.unread || restored.is_err();
        assert_eq!(told, known(&k) < 1001, "{n}");
        assert!(k.sequence() >= 2, "what is written next is newer");
        error(&mut k, 5000);
        let knows = known(&k);
        disk.save(&mut k, 1, 58);
        assert_eq!(known(&disk.load(&NONE).0), knows, "{n}");
    }
    assert!(refused >= 3, "a block, an image, the map");
}

#[test]
fn images_are_a_quarter_of_an_hour_apart_however_short_a_pass_is() {
    let mut k = keeper();
    k.resize(SectorCount(16), SectorCount(0));
    k.set_mode(ScanMode::On);
    let mut disk = Disk::new();
    let (mut images, mut passes, mut own, mut now) = (0, 0, 0, 1);
    while now < 4 * QUARTER {
        if k.save_at() <= now {
            disk.save(&mut k, now, 58);
            images += 1;
        }
        if k.scanner.state() != State::Paused {
            k.scanner.command(Command::Now);
        }
        let traffic = Traffic {
            sectors: own,
            busy: false,
        };
        match k.next(now, UNIX + now / 1000, traffic, false) {
            Next::Read(read) => {
                own += read.len.0;
                k.count_own(read.len.0);
                k.done(now, Outcome::Clean);
            }
            Next::PassDone => passes += 1,
            Next::Wait(_) | Next::Rest => {}
        }
        now += 500;
    }
    assert!(passes > 1000, "{passes}");
    assert_eq!(images, 3, "none in the first quarter");
    assert!(k.save_at() <= now + QUARTER, "and the next one is due");
}

/// Where the next read is.
fn read(k: &mut Keeper, now: u64) -> u64 {
    match k.next(now, UNIX + 90_000, Traffic::default(), false) {
        Next::Read(read) => read.start.0,
        Next::Wait(until) => read(k, until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_history_that_is_forgotten_is_so_on_the_disk_soon() {
    let mut disk = Disk::new();
    let (mut k, _) = disk.load(&NONE);
    (0..3).for_each(|place| error(&mut k, place * 400));
    k.next(1, UNIX + 90_000, Traffic::default(), false);
    assert!(k.hour_passed());
    assert_eq!(k.crossed(), Some(Level::Warning));
    assert!(k.scanner.command(Command::Start));
    k.auto_evacuate = true;
    k.resize(SectorCount(1 << 24), SectorCount(0));
    while read(&mut k, 9_000_000) < 1 << 18 {
        k.done(9_000_000, Outcome::Clean);
    }
    k.done(9_000_000, Outcome::Hit);
    disk.save(&mut k, 9_000_000, 58);
    k.forget(UNIX + 90_001);
    assert_eq!((known(&k), k.health.score()), (0, 1000));
    assert_eq!(k.scanner.counters(), (0, 0));
    assert_eq!((k.scanner.position().0, k.scanner.passes()), (0, (0, 0)));
    assert!(k.auto_evacuate, "what was set stays");
    assert_eq!(read(&mut k, 19_000_000), 0, "it follows up no hit");
    k.forget(UNIX + 90_001);
    assert!(k.hour_passed(), "the level is looked at");
    assert_eq!(k.crossed(), Some(Level::Good), "and told");
    assert_eq!(k.save_at(), 0, "at once");
    disk.save(&mut k, 9_000_002, 58);
    let (again, past) = disk.load(&NONE);
    assert_eq!((known(&again), again.sequence()), (0, 2));
    assert!(past.image().is_some() && past.other == 0 && !past.unread);
}
