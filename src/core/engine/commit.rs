// SPDX-License-Identifier: GPL-2.0-only

//! Making a round durable: flush the spare, make the next map, write the log block, publish.

use super::{relocate::Fate, Action, Count, Engine, Failure, Notice, Side, State, Step};
use crate::{
    log::units_of,
    map::{Counters, Next},
    mem::{NoMemory, Shared},
    record::Record,
    snapshot::Snapshot,
    units::Block,
};

/// What is made before the log block is written, so that nothing after it can fail for want of memory.
pub(super) struct Prepared {
    /// The map after the commit.
    next: Next,
    /// What is published when the commit succeeded.
    good: Shared<Snapshot>,
    /// What is published when the rest of the round comes to nothing after that; `None` without a rest.
    unheld: Option<Shared<Snapshot>>,
    /// What is published when the commit is in doubt.
    doubtful: Shared<Snapshot>,
}

impl Engine {
    /// What readers are to see of the map as it is.
    #[inline(never)]
    pub(super) fn snapshot_of(
        &self,
        holds: &[Block],
        doubts: &[Block],
    ) -> Result<Shared<Snapshot>, NoMemory> {
        let snapshot = self.map.snapshot(holds, doubts)?;
        Shared::try_new(snapshot.watching(self.storm.watches()))
    }

    /// What is published next, and what if the rest of the round comes to nothing.
    #[inline(never)]
    pub(super) fn show(
        &mut self,
        publish: Option<Shared<Snapshot>>,
        unheld: Option<Shared<Snapshot>>,
    ) {
        self.publish = publish;
        self.unheld = unheld;
    }

    /// The blocks of which it will not be known in this session where they live.
    #[inline(never)]
    pub(super) fn doubts_for_good(&self) -> &[Block] {
        let doubts = self.doubts.as_slice();
        doubts.get(..self.doubts_sure).unwrap_or(&[])
    }

    /// Adds a record to the next commit. There is room: [`Engine::pick`] looked for it.
    #[inline(never)]
    pub(super) fn record(&mut self, record: Record) {
        self.units = self.units.saturating_add(units_of(&record));
        let _ = self.records.push_within(record);
    }

    /// Makes what was written on the spare durable.
    pub(super) fn flush(&mut self) -> Option<Action> {
        if self.spare_dirty {
            self.stats.count(Count::FLUSHES);
            return Some(Action::Flush { side: Side::Spare });
        }
        self.step = Step::Prepare;
        None
    }

    /// The spare is flushed, or what was written there may be lost, and no entry may name it.
    pub(super) fn flushed(&mut self, result: Result<(), Failure>) {
        self.spare_dirty = false;
        match result {
            Ok(()) => self.step = Step::Prepare,
            Err(failure) => self.give_up(failure),
        }
    }

    /// Makes the next map and all that may have to be published. The last step that needs memory.
    pub(super) fn prepare(&mut self) -> Option<Action> {
        if self.records.as_slice().is_empty() {
            // Every move failed before it wrote anything.
            self.give_up(self.own_failure());
            return None;
        }
        match self.make_ready() {
            Ok(prepared) => {
                self.prepared = Some(prepared);
                self.step = Step::Open;
            }
            Err(NoMemory) => self.give_up(self.own_failure()),
        }
        None
    }

    fn make_ready(&mut self) -> Result<Prepared, NoMemory> {
        // An inconsistency would be an error of the engine's own; it ends as a change that is refused.
        let next = self.map.prepare(self.records.as_slice());
        let next = next.map_err(|_| NoMemory)?;
        self.collect_holds();
        self.doubt_records()?;
        let sure = self.doubts_for_good();
        let watch = self.storm.watches();
        let good = snapshot_of(&next, self.holds.as_slice(), sure, watch)?;
        let unheld = match self.holds.as_slice() {
            [] => None,
            _ => Some(snapshot_of(&next, &[], sure, watch)?),
        };
        let doubtful = self.snapshot_of(&[], self.doubts.as_slice())?;
        Ok(Prepared {
            next,
            good,
            unheld,
            doubtful,
        })
    }

    /// The blocks of which it will not be known where they live if this commit is in doubt. Marks alone
    /// change nothing of that.
    fn doubt_records(&mut self) -> Result<(), NoMemory> {
        self.doubts.truncate(self.doubts_sure);
        for &record in self.records.as_slice() {
            let block = match record {
                Record::Remap { block, .. } | Record::Unmap { block } => block,
                Record::Sectors {
                    block,
                    chunk,
                    state,
                } => {
                    let before = self.chunk(block, chunk);
                    if before.unspared() == state.unspared() && before.lost() == state.lost() {
                        continue;
                    }
                    block
                }
                Record::BadSpare { .. } => continue,
            };
            if !self.doubts.as_slice().contains(&block) {
                self.doubts.push_within(block).map_err(|_| NoMemory)?;
            }
        }
        Ok(())
    }

    /// The change is durable: the map is the next one.
    pub(super) fn commit_done(&mut self) {
        let Some(prepared) = self.prepared.take() else {
            return self.give_up(self.own_failure());
        };
        self.stats.count(Count::COMMITS);
        let before = self.map.counters();
        self.map.commit(prepared.next);
        self.doubts.truncate(self.doubts_sure);
        self.show(Some(prepared.good), prepared.unheld);
        for i in 0..self.moves.as_slice().len() {
            let fate = self.moves.as_slice().get(i).map(|m| m.fate);
            if let Some(Fate::Written(_) | Fate::Returned) = fate {
                self.end_move(i, Ok(()));
            }
        }
        self.end_changes(Ok(()));
        self.forget_records();
        self.step = Step::Publish;

        let after = self.map.counters();
        let low = u64::from(self.config.low_water);
        // Without those that are handed out: the change is what uses them up.
        let unused = |c: &Counters| {
            u64::from(c.spare_total.saturating_sub(c.spare_failed)).saturating_sub(c.remapped)
        };
        let doublings = |n: u64| u64::BITS.saturating_sub(n.leading_zeros());
        if before.pending_sectors == 0 && after.pending_sectors != 0 {
            self.notify(Notice::FirstPending);
        }
        if doublings(after.remapped) > doublings(before.remapped) {
            self.notify(Notice::RemappedDoubled);
        }
        if unused(&before) >= low && unused(&after) < low {
            self.notify(Notice::LowWater);
        }
    }

    /// Nothing of this commit is on the medium, or could be: the round comes to nothing, and all is as
    /// it was before.
    #[inline(never)]
    pub(super) fn give_up(&mut self, failure: Failure) {
        self.prepared = None;
        self.doubts.truncate(self.doubts_sure);
        self.fail_moves(Some(failure));
        self.end_changes(Err(failure));
        self.forget_records();
        let unheld = self.unheld.take();
        self.show(unheld, None);
        self.step = Step::Publish;
    }

    /// It is not known what the log says: nothing may change any more. If it is the entries of this commit
    /// that are in doubt, their blocks are read where they were before, and not written.
    pub(super) fn in_doubt_now(&mut self, entries: bool) {
        self.needs_check = true;
        self.set_state(State::Ro);
        let failure = self.own_failure();
        if !entries {
            self.give_up(failure);
            self.step = Step::Doubt;
            return;
        }
        for m in self.moves.as_mut_slice() {
            if let Fate::Written(_) | Fate::Returned = m.fate {
                // The spare block stays taken: an entry may name it.
                m.fate = Fate::InDoubt;
            }
        }
        let prepared = self.prepared.take();
        self.doubts_sure = self.doubts.as_slice().len();
        self.fail_moves(Some(failure));
        self.end_changes(Err(failure));
        self.forget_records();
        self.show(prepared.map(|p| p.doubtful), None);
        self.step = Step::Doubt;
    }

    fn forget_records(&mut self) {
        self.records.clear();
        self.units = 0;
    }

    pub(super) fn set_state(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.notify(Notice::State(state));
        }
    }
}

/// What readers are to see of the map that is being made.
#[inline(never)]
fn snapshot_of(
    next: &Next,
    holds: &[Block],
    doubts: &[Block],
    watch: bool,
) -> Result<Shared<Snapshot>, NoMemory> {
    Shared::try_new(next.snapshot(holds, doubts)?.watching(watch))
}
