// SPDX-License-Identifier: GPL-2.0-only

//! A story that is told again and again, with the power cut at each action of the engine.

use dm_remap_core::{
    engine::{Action, JobKind, State},
    fault::Op,
};

use super::{rng::Rng, Lab, Shape};

/// How the power goes, in or after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Within it: any part of it is done.
    Within,
    /// Within it, and the metadata blocks that are being written are gone.
    Destroyed,
    /// After it, with nothing kept that was not flushed.
    After,
    /// After it, with any part kept of what was not flushed.
    AfterAny,
}

/// How the power goes at the n-th action: what is gone after one action is so after the next, too.
fn cuts(n: usize) -> [Cut; 3] {
    let after = [Cut::After, Cut::AfterAny][n % 2];
    [Cut::Within, after, Cut::Destroyed]
}

/// Runs `story` up to the engine's n-th action and cuts the power there. `None` when it ends before.
fn cut_at(n: usize, how: Cut, seed: u64, story: &dyn Fn(&mut Film)) -> Option<Lab> {
    let film = film_of(n, how, seed, story);
    let Film {
        lab, mut rng, over, ..
    } = film;
    let rng = (how != Cut::After).then_some(&mut rng);
    over.then(|| lab.cut(rng))
}

fn film_of(n: usize, how: Cut, seed: u64, story: &dyn Fn(&mut Film)) -> Film {
    let mut film = Film {
        lab: Lab::new(Shape {
            main_physical: 1,
            spare_physical: 1,
            len: 192,
            spare_len: 2600,
            ..Shape::default()
        }),
        end: n,
        played: 0,
        from: 0,
        how,
        rng: Rng::new(seed),
        over: false,
    };
    story(&mut film);
    film
}

/// A lab that stops at a chosen action.
pub struct Film {
    pub lab: Lab,
    /// After so many actions.
    end: usize,
    played: usize,
    /// What comes before this one is told elsewhere.
    from: usize,
    how: Cut,
    rng: Rng,
    pub over: bool,
}

impl Film {
    /// Works until all is done, or the power is cut.
    pub fn play(&mut self) {
        while !self.over {
            self.lab.land_all();
            let action = self.lab.ask();
            if action == Action::Idle {
                self.lab.carry_out(action);
                if self.lab.queue.is_empty() {
                    return;
                }
                continue;
            }
            if self.played == self.end {
                self.over = true;
                match (self.how, action) {
                    (Cut::Within, Action::Meta { places }) => self.lab.tear(places, &mut self.rng),
                    (Cut::Destroyed, Action::Meta { places }) => {
                        self.lab.destroy(places, self.end % 2 == 0);
                    }
                    _ => self.lab.carry_out(action),
                }
                return;
            }
            self.played += 1;
            self.lab.carry_out(action);
        }
    }

    /// The part of the story begins that is to be cut.
    pub fn begins(&mut self) {
        self.from = self.played;
    }

    pub fn write(&mut self, start: u64, len: u32, fua: bool) {
        if !self.over {
            self.lab.write(start, len, fua);
        }
    }

    pub fn read(&mut self, start: u64, len: u32) {
        if !self.over {
            self.lab.read(start, len);
        }
    }

    pub fn message(&mut self, kind: JobKind, start: u64, len: u32) {
        if !self.over {
            self.lab.message(kind, start, len);
        }
    }

    pub fn flush(&mut self) {
        if !self.over {
            self.lab.flush();
        }
    }
}

/// Each cut of a story leaves what was acknowledged, and nothing that was never written.
pub fn every_cut(story: &dyn Fn(&mut Film), may_fail: &dyn Fn(&Lab, u64) -> bool) -> usize {
    let whole = film_of(usize::MAX, Cut::After, 0, story);
    for n in whole.from..whole.played {
        for (i, how) in cuts(n).into_iter().enumerate() {
            let lab = cut_at(n, how, (n * 3 + i) as u64, story);
            let mut lab = lab.expect("the story is as long as before");
            lab.verify(may_fail);
            // It can be written again, and the power cut again.
            if lab.state() == State::Rw && n % 4 == i {
                lab.write(0, 100, true);
                lab.settle();
                lab.cut(None).verify(may_fail);
            }
        }
    }
    whole.played - whole.from
}

/// It is honest that a read of this sector fails.
pub fn bad_read(lab: &Lab, at: u64) -> bool {
    lab.main.planned(Op::Read, at, 1)
}
