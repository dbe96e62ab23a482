// SPDX-License-Identifier: GPL-2.0-only

//! The contract's rules for messages: evacuate, retest, mark, unmark, and how doubt ends.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, Count, JobKind, Side, State},
    fault::Op,
    mem::host,
    units::Block,
};
use lab::{
    disk::{Until, IOERR, MEDIUM, TRANSPORT},
    rules::*,
    Lab, Shape,
};

/// A message from beginning to end: how many blocks could not be done.
fn say(lab: &mut Lab, kind: JobKind, start: u64, len: u32) -> u32 {
    let ticket = lab.message(kind, start, len);
    lab.settle();
    lab.tickets[ticket].stayed
}

fn pending(lab: &Lab, block: u64) -> u64 {
    lab.engine.map().chunk(Block(block), 0).pending()
}

/// A lab in which these blocks live on the spare, wholly, and hold written data.
fn with_moved(shape: Shape, blocks: std::ops::Range<u64>) -> Lab {
    let mut lab = Lab::new(shape);
    let (first, len) = (blocks.start * shape.block, blocks.end - blocks.start);
    let len = (len * shape.block) as u32;
    assert_eq!(lab.write_now(first, len), Ok(()));
    assert_eq!(say(&mut lab, JobKind::Relocate, first, len), 0);
    assert_eq!(lab.write_now(first, len), Ok(()), "on the spare");
    lab
}

#[test]
fn evacuate_moves_what_can_be_read_whole_and_says_what_stays() {
    let mut lab = Lab::new(fine());
    assert_eq!(lab.write_now(0, 64), Ok(()));
    bad_read(&mut lab, 21, 1);
    assert_eq!(say(&mut lab, JobKind::Evacuate, 8, 24), 1);
    assert!(lab.remapped(1) && !lab.remapped(2) && lab.remapped(3));
    let counters = lab.engine.map().counters();
    assert_eq!(counters.spare_free, counters.spare_total - 2, "none leaks");
    let stats = lab.engine.stats();
    assert_eq!(
        (stats.of(Count::EVACUATED), stats.of(Count::STAYED)),
        (2, 1)
    );
    // Once more: what has moved stays where it is, and is no failure.
    assert_eq!(say(&mut lab, JobKind::Evacuate, 8, 8), 0);
    lab.verify(|_, at| at == 21);
    lab.flush();
    lab.cut(None).verify(|_, at| at == 21);
}

#[test]
fn a_failing_write_takes_a_block_along_that_was_to_be_evacuated() {
    let mut lab = Lab::new(fine());
    bad_read(&mut lab, 21, 1);
    bad_write(&mut lab, 17, 1);
    let asked = lab.message(JobKind::Evacuate, 16, 8);
    let write = lab.write(17, 1, false);
    lab.settle();
    assert_eq!(lab.result(write), Ok(()));
    assert_eq!(lab.tickets[asked].stayed, 0, "it is on the spare");
    assert_eq!(lab.engine.map().chunk(Block(2), 0).unspared(), 1 << 5);
    lab.verify(|_, at| at == 21);
}

#[test]
fn retest_moves_back_what_main_takes_again() {
    let mut lab = with_moved(Shape::default(), 2..4);
    let total = lab.engine.map().counters().spare_total;
    lab.actions.clear();
    assert_eq!(say(&mut lab, JobKind::Retest, 16, 16), 0);
    assert!(!lab.remapped(2) && !lab.remapped(3));
    assert_eq!(lab.engine.map().counters().spare_free, total);
    // Written, flushed, read back, compared; the removal durable; then published.
    let seen: Vec<&str> = lab.actions.iter().filter_map(name).collect();
    let back = ["read spare", "write main", "flush", "read main", "compare"];
    let mut want = vec!["hold"];
    want.extend(back);
    want.extend(back);
    want.extend(["commit", "publish", "complete"]);
    assert_eq!(seen, want);
    lab.verify(nothing_fails);
    let spare = lab.spare.trace.len();
    assert_eq!(lab.write_now(16, 16), Ok(()));
    assert_eq!(lab.spare.trace.len(), spare, "it lives on main");
    lab.flush();
    let mut lab = lab.cut(None);
    assert!(!lab.remapped(2) && !lab.remapped(3));
    lab.verify(nothing_fails);
}

fn name(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::Publish { wait: true } => "hold",
        Action::Publish { wait: false } => "publish",
        Action::Read {
            side: Side::Spare, ..
        } => "read spare",
        Action::Read {
            side: Side::Main, ..
        } => "read main",
        Action::Write {
            side: Side::Main, ..
        } => "write main",
        Action::Flush { side: Side::Main } => "flush",
        Action::Compare { .. } => "compare",
        Action::Meta { .. } => "commit",
        Action::Complete { .. } => "complete",
        _ => return None,
    })
}

#[test]
fn what_main_does_not_take_stays_on_the_spare() {
    // The write, the flush and the reading back, each failing in turn.
    for what in 0..4 {
        let mut lab = with_moved(Shape::default(), 2..3);
        let before = (lab.engine.map().counters(), lab.engine.status());
        match what {
            0 => bad_write(&mut lab, 16, 8),
            1 => lab.main.flush_fails = Some(IOERR),
            2 => bad_read(&mut lab, 20, 1),
            // A disk that takes a write and gives something else back.
            _ => lab.main.forgets = true,
        }
        assert_eq!(say(&mut lab, JobKind::Retest, 16, 8), 1, "case {what}");
        assert!(lab.remapped(2));
        let after = (lab.engine.map().counters(), lab.engine.status());
        assert_eq!(after, before, "case {what}");
        lab.verify(nothing_fails);
    }
}

#[test]
fn a_spare_block_that_cannot_be_read_whole_does_not_go_back() {
    let mut lab = with_moved(fine(), 2..3);
    let home = lab.spare_of(2);
    lab.spare
        .plan(Op::Read, home + 3, 1, Until::Forever, MEDIUM);
    let writes = lab.main.trace.len();
    assert_eq!(say(&mut lab, JobKind::Retest, 16, 8), 1);
    assert!(lab.remapped(2));
    assert_eq!(lab.main.trace.len(), writes, "main was not touched");
}

#[test]
fn a_block_that_is_partly_on_main_is_refused_with_a_count() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 18, 1);
    bad_read(&mut lab, 20, 1);
    assert_eq!(lab.write_now(18, 1), Ok(()));
    assert_eq!(lab.engine.map().chunk(Block(2), 0).unspared(), 1 << 4);
    lab.main.plans.clear();
    let writes = lab.main.trace.len();
    assert_eq!(say(&mut lab, JobKind::Retest, 0, 64), 1);
    assert!(lab.remapped(2));
    assert_eq!(lab.main.trace.len(), writes, "main was not touched");
    assert_eq!(lab.engine.stats().of(Count::STAYED), 1);
    // A write makes it whole, and it goes back.
    assert_eq!(lab.write_now(20, 1), Ok(()));
    assert_eq!(say(&mut lab, JobKind::Retest, 0, 64), 0);
    assert!(!lab.remapped(2));
    lab.verify(nothing_fails);
}

#[test]
fn the_last_block_goes_back_as_far_as_it_exists() {
    let mut lab = Lab::new(Shape { len: 509, ..fine() });
    assert_eq!(say(&mut lab, JobKind::Relocate, 508, 1), 0);
    assert_eq!(lab.write_now(504, 5), Ok(()));
    assert!(lab.remapped(63));
    assert_eq!(say(&mut lab, JobKind::Retest, 508, 1), 0);
    assert!(!lab.remapped(63));
    lab.verify(nothing_fails);
}

#[test]
fn retest_reads_what_is_pending_and_unmarks_what_it_can() {
    let mut lab = Lab::new(fine());
    lab.main.plan(Op::Read, 16, 4, Until::Forever, MEDIUM);
    assert_eq!(lab.read_now(16, 8), Err(MEDIUM));
    assert_eq!(pending(&lab, 2), 0xf);
    lab.main.plans.clear();
    bad_read(&mut lab, 18, 1);
    let writes = |lab: &Lab| lab.main.trace.iter().filter(|t| t.0 == Op::Write).count();
    let before = writes(&lab);
    assert_eq!(
        say(&mut lab, JobKind::Retest, 0, 512),
        1,
        "one block has some left"
    );
    assert_eq!(pending(&lab, 2), 0b100);
    assert_eq!(writes(&lab), before, "it only reads");
    lab.main.plans.clear();
    assert_eq!(say(&mut lab, JobKind::Retest, 0, 512), 0);
    let mut lab = lab.cut(None);
    assert_eq!(lab.engine.map().counters().pending_sectors, 0, "durably");
    lab.verify(nothing_fails);
}

#[test]
fn a_device_that_is_gone_unmarks_nothing() {
    let mut lab = Lab::new(fine());
    assert_eq!(say(&mut lab, JobKind::Mark, 16, 8), 0);
    lab.main.dead = Some(TRANSPORT);
    let before = lab.main.trace.len();
    assert_eq!(say(&mut lab, JobKind::Retest, 16, 8), 1);
    assert_eq!(lab.main.trace.len(), before + 1, "it was asked once");
    assert_eq!(pending(&lab, 2), 0xff);
}

#[test]
fn a_mark_is_of_whole_physical_blocks_and_durable() {
    let mut lab = Lab::new(Shape {
        block: 16,
        ..Shape::default()
    });
    assert_eq!(say(&mut lab, JobKind::Mark, 21, 4), 0);
    assert_eq!(pending(&lab, 1), 0xffff, "from 16 to 32");
    assert_eq!(say(&mut lab, JobKind::Mark, 33, 1), 0);
    assert_eq!(pending(&lab, 2), 0xff);
    let mut lab = lab.cut(None);
    assert_eq!(lab.engine.map().counters().pending_sectors, 24);
    // It changes no way: main still answers, and nothing moves.
    lab.verify(nothing_fails);
    assert_eq!(lab.engine.map().counters().remapped, 0);
    assert_eq!(say(&mut lab, JobKind::Unmark, 31, 1), 0);
    assert_eq!(pending(&lab, 1), 0xff);
    assert_eq!(say(&mut lab, JobKind::Unmark, 0, 512), 0);
    let lab = lab.cut(None);
    assert_eq!(lab.engine.map().counters().pending_sectors, 0);
}

#[test]
fn a_mark_of_a_remapped_block_is_of_what_its_spare_block_holds() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 18, 1);
    bad_read(&mut lab, 20, 1);
    assert_eq!(lab.write_now(18, 1), Ok(()));
    assert_eq!(say(&mut lab, JobKind::Mark, 16, 8), 0);
    assert_eq!(
        pending(&lab, 2),
        0xef,
        "all but the one that is only on main"
    );
    assert_eq!(say(&mut lab, JobKind::Retest, 16, 8), 1, "it is not whole");
    assert_eq!(pending(&lab, 2), 0, "what was marked could be read");
}

#[test]
fn messages_of_one_batch_take_effect_in_their_order() {
    use JobKind::*;
    // Each story, and whether block 2 is remapped and its sectors are pending in the end.
    let stories: [(&[JobKind], bool, bool); 8] = [
        (&[Mark, Unmark], false, false),
        (&[Unmark, Mark], false, true),
        (&[Mark, Unmark, Mark], false, true),
        (&[Relocate, Retest], false, false),
        (&[Relocate, Mark], true, true),
        (&[Mark, Relocate], true, false),
        (&[Mark, Retest], false, false),
        (&[Evacuate, Retest, Relocate], true, false),
    ];
    for (story, remapped, marked) in stories {
        let mut lab = Lab::new(Shape::default());
        for &kind in story {
            lab.message(kind, 16, 8);
        }
        lab.settle();
        assert_eq!(lab.remapped(2), remapped, "{story:?}");
        assert_eq!(pending(&lab, 2) != 0, marked, "{story:?}");
        let lab = lab.cut(None);
        assert_eq!(lab.remapped(2), remapped, "{story:?}");
        assert_eq!(pending(&lab, 2) != 0, marked, "{story:?}");
    }
}

#[test]
fn a_full_quota_drops_marks_and_nothing_else() {
    let mut lab = Lab::new(Shape {
        block: 1,
        len: 4096,
        main_physical: 1,
        ..Shape::default()
    });
    let quota = u64::from(lab.engine.layout().pending_quota());
    assert_eq!(
        say(&mut lab, JobKind::Mark, 0, 4096),
        0,
        "dropped, not failed"
    );
    let counters = lab.engine.map().counters();
    assert_eq!(u64::from(counters.pending_records), quota);
    assert_eq!(counters.pending_dropped, 4096 - quota);
    assert_eq!(lab.state(), State::Rw);
    // What is marked can be marked again, and one that is unmarked makes room for another.
    assert_eq!(say(&mut lab, JobKind::Mark, 0, 64), 0);
    assert_eq!(lab.engine.map().counters().pending_dropped, 4096 - quota);
    assert_eq!(say(&mut lab, JobKind::Unmark, 7, 1), 0);
    assert_eq!(say(&mut lab, JobKind::Mark, 4095, 1), 0);
    assert_eq!(pending(&lab, 4095), 1);
    // I/O does not care: it is read, written, and moves when it fails.
    bad_write(&mut lab, 3000, 1);
    assert_eq!(lab.write_now(2990, 20), Ok(()));
    assert!(lab.remapped(3000));
    lab.verify(nothing_fails);
    assert!(lab.clear_needs_check().is_ok());
    assert_eq!(lab.engine.map().counters().pending_dropped, 4096 - quota);
    lab.engine.reset_stats();
    assert_eq!(lab.engine.map().counters().pending_dropped, 0);
}

#[test]
fn marks_share_commits() {
    let mut lab = Lab::new(Shape {
        len: 8192,
        spare_len: 65536,
        ..Shape::default()
    });
    let before = lab.engine.stats().of(Count::COMMITS);
    assert_eq!(say(&mut lab, JobKind::Mark, 0, 8192), 0);
    let commits = lab.engine.stats().of(Count::COMMITS) - before;
    assert_eq!(lab.engine.map().counters().pending_sectors, 8192);
    assert!(commits <= 1024 / 79 + 1, "{commits} for 1,024 blocks");
    // Single ones share them too: 32 a batch.
    for at in (0..8192).step_by(8) {
        lab.message(JobKind::Unmark, at, 1);
    }
    lab.settle();
    assert_eq!(lab.engine.map().counters().pending_sectors, 0);
    let commits = lab.engine.stats().of(Count::COMMITS) - before - commits;
    assert!(commits <= 1024 / 32, "{commits} for 1,024 blocks");
}

#[test]
fn what_is_counted() {
    let mut lab = Lab::new(fine());
    lab.main.plan(Op::Read, 8, 1, Until::Times(2), MEDIUM);
    assert_eq!(lab.read_now(8, 1), Ok(()));
    bad_write(&mut lab, 16, 1);
    assert_eq!(lab.write_now(16, 1), Ok(()));
    say(&mut lab, JobKind::Relocate, 32, 8);
    say(&mut lab, JobKind::Evacuate, 40, 16);
    say(&mut lab, JobKind::Retest, 0, 64);
    let counted = |lab: &Lab| {
        let pairs = lab.engine.stats();
        pairs
            .pairs()
            .map(|(name, n)| format!("{name} {n}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(
        counted(&lab),
        "read_errors 1, write_errors 1, recovered 1, moved_write 1, moved_message 1, evacuated 3, returned 4, \
         stayed 1, commits 5, flushes 8"
    );
    lab.engine.reset_stats();
    assert!(lab.engine.stats().pairs().all(|(_, n)| n == 0));
}

#[test]
fn nothing_changes_while_the_map_may_not() {
    let mut lab = with_moved(Shape::default(), 2..3);
    assert_eq!(say(&mut lab, JobKind::Mark, 32, 8), 0);
    lab.fail_log = true;
    assert_eq!(say(&mut lab, JobKind::Relocate, 64, 8), 1);
    assert_eq!(lab.state(), State::Ro);
    lab.fail_log = false;
    let generation = lab.engine.status().generation;
    for kind in [
        JobKind::Relocate,
        JobKind::Evacuate,
        JobKind::Retest,
        JobKind::Mark,
        JobKind::Unmark,
    ] {
        let blocks = match kind {
            JobKind::Relocate | JobKind::Evacuate => 7,
            _ => 8,
        };
        assert_eq!(say(&mut lab, kind, 0, 64), blocks, "{kind:?}");
    }
    assert_eq!(lab.engine.status().generation, generation);
}

#[test]
fn a_refused_allocation_ends_a_retest_as_if_nothing_had_been() {
    let mut refused = 0;
    for n in 0..200 {
        let mut lab = with_moved(fine(), 2..4);
        let first = host::allocations();
        let ticket = lab.message(JobKind::Retest, 16, 16);
        host::refuse_after(Some(n));
        while lab.step() != Action::Idle {}
        host::refuse_after(None);
        let asked = host::allocations() - first;
        lab.settle();
        let stayed = u64::from(lab.tickets[ticket].stayed);
        assert_eq!(lab.engine.map().counters().remapped, stayed);
        refused += usize::from(stayed != 0);
        lab.verify(nothing_fails);
        assert_eq!(say(&mut lab, JobKind::Retest, 16, 16), 0);
        lab.verify(nothing_fails);
        if n > asked {
            assert!(refused > 0, "no refusal was felt");
            return;
        }
    }
    panic!("it never came to an end");
}
