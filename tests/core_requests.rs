// SPDX-License-Identifier: GPL-2.0-only

//! The queue of what messages asked for: in its order, in jobs of a bounded size.

use dm_remap_core::{
    engine::{Full, JobKind},
    map::Map,
    record::Record,
    requests::{Next, Request, Requests, ROOM},
    snapshot::Snapshot,
    units::{Block, BlockSize, Sector, SectorCount, SpareBlock},
};
use proptest::prelude::*;

const BLOCKS: u64 = 100_000;

/// Blocks of 8 sectors, of which these are remapped.
fn map(remapped: &[u64]) -> Snapshot {
    let size = BlockSize::new(8).expect("a power of two");
    let mut map = Map::new(size, BLOCKS, 100, 0).expect("granted");
    for (&block, spare) in remapped.iter().zip(0..) {
        let record = Record::Remap {
            block: Block(block),
            spare: SpareBlock(spare),
        };
        map.apply(&record).expect("consistent");
    }
    map.snapshot(&[], &[]).expect("granted")
}

fn blocks(kind: JobKind, start: u64, len: u64) -> Request {
    Request::Blocks {
        kind,
        start: Sector(start),
        len: SectorCount(len),
    }
}

fn job(kind: JobKind, start: u64, len: u32) -> Option<Next> {
    Some(Next::Job {
        kind,
        start: Sector(start),
        len,
    })
}

#[test]
fn a_range_is_cut_into_jobs_at_the_edges_of_blocks() {
    use JobKind::*;
    let map = map(&[]);
    let mut all = Requests::new().expect("granted");
    assert_eq!(all.push(blocks(Relocate, 5, 100)), Ok(()));
    assert_eq!(all.push(blocks(Mark, 3, 600)), Ok(()));
    assert_eq!(all.take(&map, true), job(Relocate, 5, 59));
    assert_eq!(all.take(&map, false), job(Relocate, 64, 41));
    assert_eq!(all.take(&map, false), job(Mark, 3, 509));
    assert_eq!(all.len(), 2, "nothing has ended");
    all.ended();
    assert_eq!(all.len(), 1);
    assert_eq!(all.take(&map, true), job(Mark, 512, 91));
    assert_eq!(all.take(&map, false), None);
    all.ended();
    assert!(all.is_empty());
}

#[test]
fn what_goes_on_where_the_last_one_ends_is_one_request() {
    let map = map(&[]);
    let mut all = Requests::new().expect("granted");
    for at in 0..5000 {
        assert_eq!(all.push(blocks(JobKind::Mark, at * 8, 8)), Ok(()));
    }
    assert_eq!(all.len(), 1);
    assert_eq!(all.push(blocks(JobKind::Unmark, 40_000, 8)), Ok(()));
    assert_eq!(all.push(blocks(JobKind::Unmark, 40_016, 8)), Ok(()));
    assert_eq!(all.len(), 3);
    // What was handed out whole is not made longer.
    let mut all = Requests::new().expect("granted");
    assert_eq!(all.push(blocks(JobKind::Mark, 0, 8)), Ok(()));
    assert_eq!(all.take(&map, true), job(JobKind::Mark, 0, 8));
    assert_eq!(all.push(blocks(JobKind::Mark, 8, 8)), Ok(()));
    assert_eq!(all.take(&map, false), job(JobKind::Mark, 8, 8));
}

#[test]
fn a_full_queue_says_so_and_has_room_again() {
    let map = map(&[]);
    let mut all = Requests::new().expect("granted");
    for round in 0..3 {
        for i in 0..ROOM as u64 {
            let at = blocks(JobKind::Mark, i * 16, 8);
            assert_eq!(all.push(at), Ok(()), "{round}");
        }
        assert_eq!(all.push(blocks(JobKind::Mark, 8, 8)), Err(Full));
        assert_eq!(all.push(Request::ResetStats), Err(Full));
        for i in 0..ROOM as u64 {
            assert_eq!(all.take(&map, true), job(JobKind::Mark, i * 16, 8));
        }
        assert_eq!(all.push(Request::ResetStats), Err(Full), "not ended yet");
        all.ended();
        assert_eq!(all.take(&map, true), None);
    }
}

#[test]
fn what_is_no_job_comes_between_two_batches() {
    let map = map(&[]);
    let mut all = Requests::new().expect("granted");
    for request in [
        blocks(JobKind::Mark, 0, 8),
        Request::ClearNeedsCheck,
        Request::ResetStats,
        blocks(JobKind::Mark, 8, 8),
    ] {
        assert_eq!(all.push(request), Ok(()));
    }
    assert_eq!(all.take(&map, true), job(JobKind::Mark, 0, 8));
    assert_eq!(all.take(&map, false), None);
    all.ended();
    assert_eq!(all.take(&map, true), Some(Next::ClearNeedsCheck));
    assert_eq!(all.take(&map, true), Some(Next::ResetStats));
    assert_eq!(all.take(&map, true), job(JobKind::Mark, 8, 8));
    all.ended();
    assert!(all.is_empty());
}

#[test]
fn a_long_retest_passes_by_what_the_map_knows_nothing_of() {
    let map = map(&[3, 4, 70_000]);
    let mut all = Requests::new().expect("granted");
    assert_eq!(all.push(blocks(JobKind::Mark, 0, 8)), Ok(()));
    assert_eq!(all.push(blocks(JobKind::Retest, 0, BLOCKS * 8)), Ok(()));
    assert_eq!(all.take(&map, true), job(JobKind::Mark, 0, 8));
    assert_eq!(all.take(&map, false), None, "the mark may add to the map");
    all.ended();
    assert_eq!(all.take(&map, true), job(JobKind::Retest, 24, 8));
    assert_eq!(all.take(&map, false), job(JobKind::Retest, 32, 8));
    assert_eq!(all.take(&map, false), job(JobKind::Retest, 560_000, 8));
    assert_eq!(all.take(&map, false), None);
    all.ended();
    assert!(all.is_empty());
    // One that has nothing to do has ended at once; the next one is not held up by it.
    assert_eq!(all.push(blocks(JobKind::Retest, 800_000, 0)), Ok(()));
    assert_eq!(all.push(blocks(JobKind::Retest, 40, 8000)), Ok(()));
    assert_eq!(all.push(blocks(JobKind::Retest, 0, BLOCKS * 8)), Ok(()));
    assert_eq!(all.take(&map, true), job(JobKind::Retest, 24, 8));
    all.ended();
    assert_eq!(all.len(), 1);
    while all.take(&map, true).is_some() {
        all.ended();
    }
    assert!(all.is_empty());
    // A short one is handed out as it is, and waits for nothing.
    assert_eq!(all.push(blocks(JobKind::Mark, 0, 8)), Ok(()));
    assert_eq!(all.push(blocks(JobKind::Retest, 16, 8)), Ok(()));
    assert_eq!(all.take(&map, true), job(JobKind::Mark, 0, 8));
    assert_eq!(all.take(&map, false), job(JobKind::Retest, 16, 8));
}

proptest! {
    /// Each sector that was asked for is handed out once, in its order.
    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(
        ranges in prop::collection::vec((0u64..5000, 1u64..2000), 1..40),
        batch in 1usize..40,
    ) {
        let map = map(&[]);
        let mut all = Requests::new().expect("granted");
        let mut want = Vec::new();
        for (start, len) in ranges {
            prop_assert_eq!(all.push(blocks(JobKind::Relocate, start, len)), Ok(()));
            want.extend(start..start + len);
        }
        let mut got = Vec::new();
        while !all.is_empty() {
            for _ in 0..batch {
                let Some(Next::Job { start, len, .. }) = all.take(&map, false) else { break };
                prop_assert!(len <= 64);
                got.extend(start.0..start.0 + u64::from(len));
            }
            all.ended();
        }
        prop_assert_eq!(got, want);
    }
}
