// SPDX-License-Identifier: GPL-2.0-only

//! Power cuts between every two actions of the engine, and within them.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{engine::Action, fault::Op};
use lab::{
    disk::{Until, IOERR, MEDIUM},
    film::{bad_read, every_cut, Film},
    Lab, Shape,
};

#[test]
fn cuts_while_blocks_move() {
    let story = |film: &mut Film| {
        film.write(0, 128, false);
        film.play();
        film.flush();
        let main = &mut film.lab.main;
        main.plan(Op::Write, 18, 2, Until::Forever, MEDIUM);
        main.plan(Op::Write, 40, 1, Until::Forever, IOERR);
        main.plan(Op::Read, 22, 1, Until::Forever, MEDIUM);
        film.write(17, 26, true);
        film.write(60, 3, false);
        film.play();
        film.write(16, 4, true);
        film.write(41, 1, false);
        film.play();
        film.flush();
        // A sector that stayed behind is written, and another block moves with it.
        film.lab
            .main
            .plan(Op::Write, 100, 1, Until::Forever, MEDIUM);
        film.write(20, 90, true);
        film.play();
        film.write(98, 4, true);
        film.play();
    };
    let cuts = every_cut(&story, &bad_read);
    assert!(cuts > 50, "only {cuts} actions");
}

#[test]
fn cuts_while_spare_blocks_fail() {
    let story = |film: &mut Film| {
        film.lab
            .main
            .plan(Op::Write, 16, 16, Until::Forever, MEDIUM);
        film.write(16, 8, true);
        film.play();
        if film.over {
            return;
        }
        let first = film.lab.spare_of(2);
        film.lab
            .spare
            .plan(Op::Write, first + 8, 8, Until::Forever, MEDIUM);
        film.write(24, 4, true);
        film.play();
        film.lab
            .spare
            .plan(Op::Write, first + 1, 1, Until::Forever, MEDIUM);
        film.write(17, 2, true);
        film.play();
    };
    let cuts = every_cut(&story, &|_, _| false);
    assert!(cuts > 20, "only {cuts} actions");
}

#[test]
fn cuts_while_a_copy_degrades_and_the_other_goes_on() {
    let story = |film: &mut Film| {
        film.lab
            .main
            .plan(Op::Write, 0, 128, Until::Forever, MEDIUM);
        film.write(0, 8, true);
        film.play();
        if film.over {
            return;
        }
        let place = film.lab.log_places()[1];
        film.lab
            .spare
            .plan(Op::Write, place - 64, 256, Until::Forever, MEDIUM);
        for block in 1..5 {
            film.write(block * 8 + 2, 3, true);
            film.play();
        }
    };
    let cuts = every_cut(&story, &|_, _| false);
    assert!(cuts > 20, "only {cuts} actions");
}

#[test]
fn cuts_while_the_log_is_written_anew() {
    let story = |film: &mut Film| {
        let half = u64::from(film.lab.engine.layout().half_blocks());
        film.lab
            .main
            .plan(Op::Read, 64, 128, Until::Forever, MEDIUM);
        film.lab.main.plan(Op::Write, 0, 64, Until::Forever, MEDIUM);
        for i in 0..half + 2 {
            if i == half - 12 {
                film.begins();
            }
            film.read(64 + i, 1);
            film.play();
            if i % 2 == 0 {
                film.write(i * 4 % 64, 2, true);
                film.play();
            }
        }
    };
    let may_fail = |_: &Lab, at: u64| at >= 64;
    let cuts = every_cut(&story, &may_fail);
    assert!(cuts > 50, "only {cuts} actions");
}

#[test]
fn cuts_while_no_copy_can_be_written() {
    let story = |film: &mut Film| {
        film.lab.main.plan(Op::Write, 0, 64, Until::Forever, MEDIUM);
        film.write(0, 8, true);
        film.play();
        film.lab.fail_log = true;
        film.write(8, 8, true);
        film.play();
        film.write(0, 16, true);
        film.play();
    };
    let cuts = every_cut(&story, &|_, _| false);
    assert!(cuts > 10, "only {cuts} actions");
}

#[test]
fn with_a_dead_place_the_others_are_not_written_at_once() {
    let mut cuts = 0;
    for n in 0..100 {
        let mut lab = Lab::new(Shape {
            spare_len: 33_000,
            ..Shape::default()
        });
        assert_eq!(lab.engine.layout().places().as_slice().len(), 3);
        lab.main.plan(Op::Write, 0, 64, Until::Forever, MEDIUM);
        lab.spare.plan(Op::Write, 0, 8, Until::Forever, MEDIUM);
        lab.write(0, 8, true);
        lab.settle();
        // The next write of superblocks finds none at the first place that it could spare.
        lab.engine.close();
        let mut left = n;
        let over = loop {
            let action = lab.ask();
            match action {
                Action::Meta { places } if left == 0 => {
                    lab.destroy(places, false);
                    break false;
                }
                Action::Meta { .. } => left -= 1,
                Action::Idle => break true,
                _ => {}
            }
            lab.carry_out(action);
        };
        lab.cut(None).verify(|_, _| false);
        if over {
            break;
        }
        cuts += 1;
    }
    assert_eq!(cuts, 2, "both rounds were cut");
}
