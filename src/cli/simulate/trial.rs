// SPDX-License-Identifier: GPL-2.0-only

//! A run: which disks, and who judges them.

use super::{
    calibration::Calibration,
    crowd::Crowd,
    detection,
    disk::{Life, REGIONS},
    generators::Population,
    idle,
    judge::{predict, Forecast, Method, Said, Score},
    report::{Otherwise, Results},
    rng::Rng,
    whole::{self, Whole},
    world::World,
};

/// What is to be run.
pub struct Plan {
    pub set: &'static str,
    pub seed: u64,
    pub kinds: Vec<Population>,
    /// Disks of each kind.
    pub disks: u64,
    pub bursts: u64,
    /// Disks of each kind under the whole keeper.
    pub whole: u64,
    /// Disks of each kind for each guess that is made otherwise.
    pub otherwise: u64,
    pub world: World,
    pub jobs: usize,
}

/// All kinds but the fleet.
pub const TOGETHER: &str = "all together";

/// Where the seeds of the three parts begin: none has a disk of another.
const WHOLE: u64 = 100_000_000;
const OTHERWISE: u64 = 200_000_000;

/// How long parts take, in pieces: a disk whose events are worked out is one.
const WHOLE_PIECES: u64 = 3000;

impl Plan {
    fn seed(&self, part: u64, kind: Population, i: u64) -> u64 {
        let seed = self.seed + part + kind.number() * 1_000_000 + i;
        seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn life(&self, part: u64, kind: Population, i: u64, world: &World) -> Life {
        kind.disk(&mut Rng::new(self.seed(part, kind, i)), world)
    }

    /// Kinds of which a few disks tell something.
    fn few(&self) -> impl Iterator<Item = Population> + '_ {
        let kinds = self.kinds.iter().copied();
        kinds.filter(|kind| *kind != Population::Fleet)
    }

    fn pieces(&self) -> u64 {
        let few = self.few().count() as u64;
        let scan = if self.bursts > 0 {
            detection::PIECES + idle::PIECES
        } else {
            0
        };
        let disks: u64 = self.kinds.iter().map(|kind| kind.disks(self.disks)).sum();
        let worlds = World::others().len() as u64;
        scan + disks + few * (self.whole * WHOLE_PIECES + worlds * self.otherwise)
    }
}

/// A disk and what was said of it.
struct Judged {
    life: Life,
    alarms: Vec<Option<f64>>,
    said: Said,
    calibration: Calibration,
}

pub fn judge_all(plan: &Plan) -> Results {
    let crowd = Crowd::new(plan.jobs, plan.pieces());
    let mut results = Results::new(plan.set, plan.seed, plan.disks);
    if plan.bursts > 0 {
        crowd.say("scan order");
        results.detection = detection::judge(&crowd, plan.seed, plan.bursts);
        crowd.say("idleness");
        results.idle = idle::judge(&crowd, plan.seed);
    }
    let mut forecasts = Vec::new();
    for &kind in &plan.kinds {
        crowd.say(kind.name());
        predictions(plan, &crowd, kind, &mut results, &mut forecasts);
    }
    if plan.kinds.len() > 1 {
        all_together(&mut results);
    }
    if plan.whole > 0 {
        results.whole = plan.few().map(|kind| wholly(plan, &crowd, kind)).collect();
    }
    if plan.otherwise > 0 {
        for (name, world) in World::others() {
            crowd.say(name);
            let world = World {
                days: plan.world.days,
                ..world
            };
            results
                .otherwise
                .push(otherwise(plan, &crowd, name, &world));
        }
    }
    results.judge(&forecasts);
    results
}

/// Every method on the disks of one kind.
fn predictions(
    plan: &Plan,
    crowd: &Crowd,
    kind: Population,
    results: &mut Results,
    forecasts: &mut Vec<Forecast>,
) {
    let fleet = kind == Population::Fleet;
    let judged = crowd.each(kind.disks(plan.disks), |i| {
        let mut life = plan.life(0, kind, i, &plan.world);
        let mut calibration = Calibration::default();
        if fleet {
            calibration.add(&life);
        }
        let said = predict(&life);
        let alarm = |method| match method {
            Method::Predictor => said.alarm,
            _ => Method::alarm(method, &life),
        };
        let alarms = Method::ALL.into_iter().map(alarm).collect();
        life.forget();
        Judged {
            life,
            alarms,
            said,
            calibration,
        }
    });
    let new = |method: &str| Score::new(kind.name(), method);
    let mut scores = Method::ALL.map(|method| new(&method.name()));
    let mut levels = [new("warning, below 700"), new("danger, below 300")];
    let mut calibration = Calibration::default();
    for disk in judged {
        for (score, &alarm) in scores.iter_mut().zip(&disk.alarms) {
            score.add(&disk.life, alarm);
        }
        for (score, day) in levels.iter_mut().zip([disk.said.warning, disk.said.danger]) {
            score.add(&disk.life, day);
        }
        calibration.join(&disk.calibration);
        if fleet {
            forecasts.extend(disk.said.forecasts);
        }
    }
    results.prediction.extend(scores.map(Score::finish));
    results.levels.extend(levels.map(Score::finish));
    if fleet {
        results.calibration = calibration.rows();
    }
}

/// All kinds but the fleet, which is made of them.
fn all_together(results: &mut Results) {
    let mut all = Method::ALL.map(|method| Score::new(TOGETHER, &method.name()));
    for other in &results.prediction {
        if other.population == Population::Fleet.name() {
            continue;
        }
        let same = all.iter_mut().filter(|s| s.method == other.method);
        same.for_each(|s| s.join(other));
    }
    results.prediction.extend(all.map(Score::finish));
}

/// The same disks, worked out and under the whole keeper. They have 250 GB, so that it takes half a second.
fn wholly(plan: &Plan, crowd: &Crowd, kind: Population) -> Whole {
    crowd.say(&format!("whole keeper, {}", kind.name()));
    let world = World {
        regions: REGIONS / 8,
        ..plan.world
    };
    let disks = crowd.each_of(plan.whole, WHOLE_PIECES, |i| {
        let mut life = plan.life(WHOLE, kind, i, &world);
        let short = predict(&life).alarm;
        let seed = plan.seed(WHOLE, kind, i).wrapping_add(1);
        let long = whole::alarm(&life, &world, seed);
        life.forget();
        (life, short, long)
    });
    Whole::of(kind.name(), &disks)
}

fn otherwise(plan: &Plan, crowd: &Crowd, name: &str, world: &World) -> Otherwise {
    let kinds = plan.few().map(|kind| {
        let disks = crowd.each(plan.otherwise, |i| {
            let mut life = plan.life(OTHERWISE, kind, i, world);
            let alarm = predict(&life).alarm;
            life.forget();
            (life, alarm)
        });
        let mut score = Score::new(kind.name(), "predictor");
        for (life, alarm) in &disks {
            score.add(life, *alarm);
        }
        score.finish()
    });
    Otherwise {
        guess: name.to_owned(),
        scores: kinds.collect(),
    }
}
