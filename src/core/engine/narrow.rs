// SPDX-License-Identifier: GPL-2.0-only

//! Narrowing: each physical block of a request alone, and what its failure means.

use super::{
    piece::Home, relocate::Kind, retest::Back, Action, Count, Engine, Failure, JobKind, Side,
    State, Step, META_SECTORS,
};
use crate::{
    fault::{Fault, Op, Verdict},
    health::What,
    units::Block,
};

/// How often a read is tried alone: once, and two more times.
const READ_TRIES: u8 = 3;

/// How often a write is tried alone before an I/O elsewhere has to show that the device works. After that
/// it is tried once more: the way to the device may have come back between the two.
const WRITE_TRIES: u8 = 2;

/// How many places elsewhere are asked.
const PROBES: u8 = 3;

impl Engine {
    /// Chooses the next piece of the first job that has one left.
    pub(super) fn select(&mut self) -> Option<Action> {
        if let Some(action) = self.unguard() {
            return Some(action);
        }
        let full = self.round_is_full();
        let next = self
            .jobs
            .as_slice()
            .iter()
            .enumerate()
            .find(|(_, s)| s.done < s.job.len);
        let Some((i, slot)) = next.filter(|_| !full) else {
            self.step = match (self.jobs.as_slice(), self.round_is_empty()) {
                ([], true) if self.readers_watch != self.storm.watches() => Step::Watch,
                ([], true) => Step::Idle,
                (_, true) => Step::Settle,
                (_, false) => Step::Hold,
            };
            return None;
        };
        let (job, done) = (slot.job, slot.done);
        match self.cut(i, &job, done) {
            Some(piece) if self.is_busy(job.kind, piece.block) => {
                self.step = Step::Hold;
                return None;
            }
            Some(piece) => self.piece = piece,
            None => {
                // Beyond the target's end: device-mapper lets nothing through that is.
                self.stop(i, self.own_failure());
                return None;
            }
        }
        let now = self.now;
        if let Some(slot) = self.jobs.as_mut_slice().get_mut(i) {
            slot.started.get_or_insert(now);
        }
        match job.kind {
            kind if kind.is_narrowed() => self.step = self.way(job.op),
            kind => self.choose(kind),
        }
        None
    }

    /// How the piece begins; a piece that cannot is failed on the spot.
    fn way(&mut self, op: Op) -> Step {
        let piece = self.piece;
        let mapped = piece.home.spare().is_some();
        let refused = match op {
            _ if self.state == State::Fail && mapped => Some(self.own_failure()),
            Op::Read => matches!(piece.home, Home::Lost(_)).then_some(Failure {
                fault: Fault::Medium,
                code: self.config.medium_code,
            }),
            Op::Write => (self.in_doubt(piece.block)
                || (self.state != State::Rw && piece.home.is_filled_by_write()))
            .then_some(self.own_failure()),
        };
        match (refused, op) {
            (Some(failure), _) => {
                self.fail_piece(failure);
                self.step
            }
            (None, Op::Read) => Step::Try,
            (None, Op::Write) => self.write_way(),
        }
    }

    /// The data of a writing piece goes to scratch.
    pub(super) fn gather(&mut self) -> Option<Action> {
        let job = self.jobs.as_slice().get(self.piece.slot)?.job;
        Some(Action::Gather {
            job: job.id,
            from: self.piece.from,
            len: self.piece.len,
            offset: 0,
        })
    }

    /// The data is in scratch, or was not found: then nothing is written.
    pub(super) fn gathered(&mut self, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.step = Step::Try,
            Err(failure) => self.stop(self.piece.slot, failure),
        }
    }

    /// The data that was read is with its job, or not.
    pub(super) fn scattered(&mut self, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.was_read(),
            Err(failure) => self.stop(self.piece.slot, failure),
        }
    }

    /// The data that was read goes to its job.
    pub(super) fn scatter(&mut self) -> Option<Action> {
        let job = self.jobs.as_slice().get(self.piece.slot)?.job;
        Some(Action::Scatter {
            job: job.id,
            from: self.piece.from,
            len: self.piece.len,
            offset: 0,
        })
    }

    /// Tries the piece alone, if there is time.
    pub(super) fn attempt(&mut self) -> Option<Action> {
        let piece = self.piece;
        let slot = self.jobs.as_slice().get(piece.slot)?;
        let (job, started) = (slot.job, slot.started.unwrap_or(self.now));
        let side = piece.home.side(job.op);
        let spare = piece.home.spare().filter(|_| side == Side::Spare);
        let at = self.place(piece.block, spare, piece.offset);
        // The one try after a probe is made in any case: without it a disk that is slow to fail could never
        // have its blocks confirmed.
        let late = self.overdue(started) && !piece.confirmed;
        let (Some(at), false) = (at, late) else {
            self.stop(piece.slot, piece.failure.unwrap_or(self.own_failure()));
            return None;
        };
        self.piece.tries = piece.tries.saturating_add(1);
        Some(match job.op {
            Op::Read => Action::Read {
                side,
                at,
                len: piece.len,
                offset: 0,
            },
            Op::Write => Action::Write {
                side,
                at,
                len: piece.len,
                offset: 0,
                fua: job.fua || piece.proving,
            },
        })
    }

    /// The piece was tried alone.
    pub(super) fn tried(&mut self, result: Result<(), Failure>) {
        let (op, kind) = match self.jobs.as_slice().get(self.piece.slot) {
            Some(slot) => (slot.job.op, slot.job.kind),
            None => return self.step = Step::Settle,
        };
        if result.is_ok() && self.piece.failure.is_some() {
            self.count_try(kind, Count::RECOVERED);
            if self.piece.weak {
                self.found(op, What::Recovered);
            }
        }
        match (op, result) {
            (Op::Read, Ok(())) if kind == JobKind::Scan => self.scanned(),
            (Op::Read, Ok(())) => self.step = Step::Scatter,
            (Op::Write, Ok(())) => {
                if self.piece.home.side(op) == Side::Main {
                    self.main_works();
                }
                if self.piece.proving {
                    self.step = Step::Prove(Back::Flush);
                    return;
                }
                if self.piece.home.is_filled_by_write() {
                    self.note_fill();
                }
                self.piece_done();
            }
            (op, Err(failure)) => {
                if self.piece.failure.is_none() {
                    let errors = match op {
                        Op::Read => Count::READ_ERRORS,
                        Op::Write => Count::WRITE_ERRORS,
                    };
                    self.count_try(kind, errors);
                }
                let first = *self.piece.failure.get_or_insert(failure);
                if failure.fault == Fault::Never {
                    // The device or the way to it: every other piece would tell the same.
                    self.found(op, What::Transport);
                    self.stop(self.piece.slot, failure);
                } else if self.storm_passes(op, first) {
                    self.found(op, What::Transport);
                } else {
                    match op {
                        Op::Read => self.read_failed(first, failure),
                        Op::Write => self.write_failed(first, failure),
                    }
                }
            }
        }
    }

    /// Of users: what the scanner meets is counted by itself.
    fn count_try(&mut self, kind: JobKind, what: Count) {
        if kind != JobKind::Scan {
            self.stats.count(what);
        }
    }

    /// A read failed alone, `first` and now with `failure`.
    fn read_failed(&mut self, first: Failure, failure: Failure) {
        let medium = self.config.policy.judge(Op::Read, failure.fault) == Verdict::Medium;
        self.piece.weak |= medium;
        if self.piece.tries < READ_TRIES {
            self.step = Step::Try;
            return;
        }
        if medium && self.blames_medium(Op::Read) {
            self.found(Op::Read, What::Error);
            self.note_unread();
        }
        self.fail_piece(first);
    }

    /// A write failed alone, `first` and now with `failure`.
    fn write_failed(&mut self, first: Failure, failure: Failure) {
        let may_move = self.may_move();
        match self.config.policy.judge(Op::Write, failure.fault) {
            Verdict::Confirm if self.piece.tries < WRITE_TRIES => self.step = Step::Try,
            Verdict::Confirm if may_move && !self.piece.confirmed => self.step = Step::Probe(0),
            Verdict::Confirm | Verdict::Medium if may_move && self.blames_medium(Op::Write) => {
                self.found(Op::Write, What::Error);
                self.relocate_piece(first);
            }
            _ => self.fail_piece(first),
        }
    }

    /// Asks whether a read elsewhere on the device that failed succeeds.
    pub(super) fn probe(&mut self, n: u8) -> Option<Action> {
        let side = self.probed_side();
        let place = self.elsewhere(side, self.piece.block, n);
        if place.is_none() {
            if n > 0 && side == Side::Main {
                self.main_is_gone();
            }
            self.fail_piece(self.piece.failure.unwrap_or(self.own_failure()));
        }
        place
    }

    /// The device that is asked elsewhere: the one that failed.
    fn probed_side(&self) -> Side {
        let slot = self.jobs.as_slice().get(self.piece.slot);
        let op = slot.map_or(Op::Write, |slot| slot.job.op);
        self.piece.home.side(op)
    }

    /// The n-th place elsewhere was asked.
    pub(super) fn probed(&mut self, n: u8, result: Result<(), Failure>) {
        self.piece.confirmed = result.is_ok();
        if result.is_ok() && self.probed_side() == Side::Main {
            self.calm();
        }
        self.step = match result {
            Ok(()) => Step::Try,
            Err(_) => Step::Probe(n.saturating_add(1)),
        };
    }

    /// The n-th read on `side` that is far from `block` (for the spare: far from its spare block);
    /// `None` when there is no other place, or enough were asked. It goes behind the block in scratch.
    #[inline(never)]
    pub fn elsewhere(&self, side: Side, block: Block, n: u8) -> Option<Action> {
        if n >= PROBES {
            return None;
        }
        // A half, a quarter and three quarters further on.
        let quarters = [2, 1, 3].get(usize::from(n)).copied()?;
        let offset = self.block.sectors();
        let physical = |size: u32| size.clamp(1, offset);
        match side {
            Side::Main => {
                let size = u64::from(offset);
                let blocks = self.config.target_len.0.checked_div(size)?;
                let step = blocks.checked_div(4)?.saturating_mul(quarters).max(1);
                let other = block.0.saturating_add(step).checked_rem(blocks)?;
                (other != block.0).then_some(())?;
                Some(Action::Read {
                    side,
                    at: self.block.start_of(Block(other))?,
                    len: physical(self.config.main_physical),
                    offset,
                })
            }
            // The superblocks are far apart, and far from most spare blocks.
            Side::Spare => Some(Action::Read {
                side,
                at: self.superblock_place(n)?,
                len: META_SECTORS,
                offset,
            }),
        }
    }

    /// The piece's block joins those that move, and its job waits for it.
    #[inline(never)]
    pub(super) fn relocate_piece(&mut self, cause: Failure) {
        let worn = self.piece.home.spare().is_some();
        self.move_piece(cause, worn, Kind::Failed);
    }

    /// The piece's block joins those that move, as a move of this kind, and its job waits for it.
    #[inline(never)]
    pub(super) fn move_piece(&mut self, cause: Failure, worn: bool, kind: Kind) {
        match self.add_move(self.piece.block, cause, worn, kind) {
            Some(bit) => {
                if let Some(slot) = self.jobs.as_mut_slice().get_mut(self.piece.slot) {
                    slot.needs |= bit;
                }
                self.piece_done();
            }
            None => self.fail_piece(cause),
        }
    }

    /// The piece is dealt with: its job goes on behind it.
    #[inline(never)]
    pub(super) fn piece_done(&mut self) {
        self.step = Step::Select;
        if let Some(slot) = self.jobs.as_mut_slice().get_mut(self.piece.slot) {
            slot.done = self.piece.from.saturating_add(self.piece.len);
            if slot.done >= slot.job.len {
                self.step = Step::Settle;
            }
        }
    }

    /// The piece is an error; its job goes on behind it.
    #[inline(never)]
    pub(super) fn fail_piece(&mut self, failure: Failure) {
        if let Some(slot) = self.jobs.as_mut_slice().get_mut(self.piece.slot) {
            slot.fail(failure);
        }
        self.piece_done();
    }

    /// The rest of the job is not tried.
    #[inline(never)]
    pub(super) fn stop(&mut self, slot: usize, failure: Failure) {
        if let Some(slot) = self.jobs.as_mut_slice().get_mut(slot) {
            slot.fail(failure);
            slot.done = slot.job.len;
        }
        self.step = Step::Settle;
    }

    /// An error of the engine's own.
    pub(super) fn own_failure(&self) -> Failure {
        Failure {
            fault: Fault::Io,
            code: self.config.io_code,
        }
    }

    /// More time has passed since `started` than one request may take.
    pub(super) fn overdue(&self, started: u64) -> bool {
        self.now.saturating_sub(started) > self.config.time_limit_ms
    }

    /// Whether it is not known where `block` lives.
    fn in_doubt(&self, block: Block) -> bool {
        self.doubts_for_good().contains(&block)
    }
}
