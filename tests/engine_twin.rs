// SPDX-License-Identifier: GPL-2.0-only

//! Anything, in any order, against the naive twin: reads, writes, faults, flushes, power cuts, with I/O of
//! the fast path between any two actions of the engine.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{JobKind, State, StormLimits},
    fault::{ErrorPolicy, Op, PendingWrites},
    layout::Use,
};
use lab::{
    disk::{Until, IOERR, MEDIUM, TARGET, TRANSPORT},
    rng::Rng,
    Lab, Shape,
};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Do {
    Write {
        at: u16,
        len: u8,
        fua: bool,
    },
    Read {
        at: u16,
        len: u8,
    },
    Message {
        kind: JobKind,
        at: u16,
        len: u8,
    },
    /// One part of the fast path ends.
    Land(u8),
    /// So many actions of the engine.
    Steps(u8),
    Flush,
    Fault {
        op: Op,
        at: u16,
        len: u8,
        kind: u8,
    },
    SpareFault {
        op: Op,
        at: u16,
        len: u8,
        kind: u8,
    },
    /// The power is cut; what was not flushed is gone, or any part of it.
    Cut {
        seed: Option<u8>,
    },
}

fn direction() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::Read), Just(Op::Write)]
}

fn message() -> impl Strategy<Value = JobKind> {
    prop_oneof![
        2 => Just(JobKind::Relocate),
        2 => Just(JobKind::Evacuate),
        5 => Just(JobKind::Retest),
        1 => Just(JobKind::Mark),
        1 => Just(JobKind::Unmark),
    ]
}

fn anything() -> impl Strategy<Value = Do> {
    let fault = || (direction(), any::<u16>(), 1u8..12, any::<u8>());
    prop_oneof![
        8 => (any::<u16>(), 1u8..40, any::<bool>())
            .prop_map(|(at, len, fua)| Do::Write { at, len, fua }),
        4 => (any::<u16>(), 1u8..40).prop_map(|(at, len)| Do::Read { at, len }),
        3 => (message(), any::<u16>(), 1u8..40)
            .prop_map(|(kind, at, len)| Do::Message { kind, at, len }),
        8 => any::<u8>().prop_map(Do::Land),
        12 => (1u8..60).prop_map(Do::Steps),
        2 => Just(Do::Flush),
        3 => fault().prop_map(|(op, at, len, kind)| Do::Fault { op, at, len, kind }),
        1 => fault().prop_map(|(op, at, len, kind)| Do::SpareFault { op, at, len, kind }),
        1 => any::<Option<u8>>().prop_map(|seed| Do::Cut { seed }),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let policy = prop_oneof![
        Just(ErrorPolicy::Medium),
        Just(ErrorPolicy::Confirm),
        Just(ErrorPolicy::Any)
    ];
    let physical =
        || (0u32..4, 0u32..8).prop_map(|(shift, phase)| (1 << shift, phase % (1 << shift)));
    let pending = prop_oneof![Just(PendingWrites::Remap), Just(PendingWrites::Main)];
    (
        0u32..8,
        150u64..260,
        physical(),
        physical(),
        policy,
        pending,
    )
        .prop_map(
            |(
                block,
                len,
                (main_physical, main_phase),
                (spare_physical, spare_phase),
                policy,
                pending_writes,
            )| Shape {
                block: 1 << block,
                len,
                spare_len: 4096 + 32 * (1 << block),
                main_physical,
                main_phase,
                spare_physical,
                spare_phase,
                policy,
                auto_remap: true,
                pending_writes,
                storm: StormLimits {
                    // Small enough that there are some.
                    region_sectors: 32,
                    run_regions: 5,
                    pause_ms: 0,
                    ..StormLimits::default()
                },
            },
        )
}

fn fault(kind: u8) -> (Until, dm_remap_core::engine::Failure) {
    let until = [
        Until::Forever,
        Until::Forever,
        Until::Times(u32::from(kind / 16 % 6)),
        Until::Written,
    ];
    let failure = [MEDIUM, MEDIUM, MEDIUM, IOERR, IOERR, TARGET, TRANSPORT];
    (
        until[usize::from(kind % 4)],
        failure[usize::from(kind / 4) % failure.len()],
    )
}

/// An error is honest where some fault was planned.
fn may_fail(lab: &Lab, at: u64) -> bool {
    let spare = lab.spare.plans.iter().any(|p| p.op == Op::Read);
    spare || lab.faulty.iter().any(|f| f.contains(&at))
}

fn run(shape: Shape, story: &[Do]) {
    let mut lab = Lab::new(shape);
    let range = |at: u16, len: u8| {
        let at = u64::from(at) % shape.len;
        (at, u64::from(len).min(shape.len - at))
    };
    for &what in story {
        match what {
            Do::Write { at, len, fua } => {
                let (at, len) = range(at, len);
                lab.write(at, len as u32, fua);
            }
            Do::Read { at, len } => {
                let (at, len) = range(at, len);
                lab.read(at, len as u32);
            }
            Do::Message { kind, at, len } => {
                let (at, len) = range(at, len);
                lab.message(kind, at, len as u32);
            }
            Do::Land(i) => {
                if lab.in_flight() > 0 {
                    lab.land(usize::from(i) % lab.in_flight());
                }
            }
            Do::Steps(n) => {
                for _ in 0..n {
                    lab.step();
                }
            }
            Do::Flush => lab.flush(),
            Do::Fault { op, at, len, kind } => {
                let (at, len) = range(at, len);
                let (until, failure) = fault(kind);
                lab.main.plan(op, at, len, until, failure);
                if op == Op::Read {
                    // What is unreadable takes its whole physical block along.
                    lab.faulty
                        .push(lab.main.edge_before(at)..lab.main.edge_after(at + len));
                }
            }
            Do::SpareFault { op, at, len, kind } => {
                let (until, failure) = fault(kind);
                let layout = lab.engine.layout().clone();
                let is_spare = |r: &&dm_remap_core::layout::Region| r.r#use == Use::Spare;
                let region = *layout
                    .regions()
                    .iter()
                    .find(is_spare)
                    .expect("spare blocks");
                // Not so near to the metadata that a physical block has both.
                let at = 8 + u64::from(at) % region.len.0.saturating_sub(32).max(1);
                let len = u64::from(len).min(region.len.0.saturating_sub(at + 16));
                lab.spare.plan(op, region.start.0 + at, len, until, failure);
            }
            Do::Cut { seed } => {
                let mut rng = seed.map(|s| Rng::new(u64::from(s)));
                lab = lab.cut(rng.as_mut());
                lab.verify(may_fail);
            }
        }
    }
    lab.settle();
    lab.verify(may_fail);
    assert_eq!(lab.state(), State::Rw, "the metadata never failed");
    lab.flush();
    let counters = lab.engine.map().counters();
    let mut lab = lab.cut(None);
    let mut after = lab.engine.map().counters();
    // What was handed out and not used comes back, what was not recorded is forgotten.
    after.pending_dropped = counters.pending_dropped;
    after.spare_free = counters.spare_free;
    assert_eq!(after, counters);
    lab.verify(may_fail);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_write_is_lost_and_no_read_invents(
        shape in shape(),
        story in prop::collection::vec(anything(), 1..120),
    ) {
        run(shape, &story);
    }
}
