// SPDX-License-Identifier: GPL-2.0-only

//! The engine: what happens to a request that failed, as data.
//!
//! A state machine that does no I/O. A driver, one worker for each device, hands it a batch of jobs and
//! carries out one action after another until it is idle:
//!
//! ```text
//! event = Start
//! loop { action = engine.next(now_ms, event); if Idle { break } event = carry_out(action) }
//! ```

mod action;

pub use action::{
    Action, Config, Event, Failure, Job, JobId, JobKind, Notice, Places, Side, State, Status,
    MAX_JOBS,
};
