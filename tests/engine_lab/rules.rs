// SPDX-License-Identifier: GPL-2.0-only

//! Shapes and faults that more than one file of rules uses.

use dm_remap_core::{
    engine::{Action, Side},
    fault::{ErrorPolicy, Op},
};

use super::{
    disk::{Until, MEDIUM},
    Lab, Shape,
};

pub fn policy(policy: ErrorPolicy) -> Shape {
    Shape {
        policy,
        ..Shape::default()
    }
}

/// 512-byte sectors that fail one by one.
pub fn fine() -> Shape {
    Shape {
        main_physical: 1,
        spare_physical: 1,
        ..Shape::default()
    }
}

pub fn bad_write(lab: &mut Lab, at: u64, len: u64) {
    lab.main.plan(Op::Write, at, len, Until::Forever, MEDIUM);
}

pub fn bad_read(lab: &mut Lab, at: u64, len: u64) {
    lab.main.plan(Op::Read, at, len, Until::Forever, MEDIUM);
}

pub fn nothing_fails(_: &Lab, _: u64) -> bool {
    false
}

pub fn reads(actions: &[Action], of: Side) -> usize {
    let is = |a: &&Action| matches!(a, Action::Read { side, .. } if *side == of);
    actions.iter().filter(is).count()
}
