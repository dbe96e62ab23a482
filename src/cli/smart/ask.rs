// SPDX-License-Identifier: GPL-2.0-only

//! `smartctl`, called for some disks at a time, and not waited for without end: a disk that hangs hangs whoever asks it,
//! and cannot be made to let go.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::answer;
use crate::{history::Counts, programs};

/// Its name.
pub const PROGRAM: &str = "smartctl";

/// What it is asked: not to wake a disk that sleeps, its verdict, its counts, and where SCSI disks keep theirs.
const QUESTION: [&str; 7] = [
    "--json=c",
    "--nocheck=standby",
    "--health",
    "--attributes",
    "--log=error",
    "--log=defects",
    "--",
];

/// How long disks are waited for that are asked at the same time.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many are asked at a time.
const AT_A_TIME: usize = 16;

/// An answer has no more bytes than this.
const MOST: u64 = 4 << 20;

/// What came of a disk: its counts, or why there are none.
pub type Answer = Result<Counts, String>;

/// Asks each disk by its node, and puts its answer in its place.
pub fn all(program: &Path, disks: &mut BTreeMap<String, Answer>) {
    let mut disks: Vec<(&String, &mut Answer)> = disks.iter_mut().collect();
    for some in disks.chunks_mut(AT_A_TIME) {
        let end = Instant::now() + PATIENCE;
        let asked: Vec<_> = some.iter().map(|(disk, _)| begin(program, disk)).collect();
        for ((_, answer), asked) in some.iter_mut().zip(asked) {
            **answer = asked.and_then(|asked| asked.end(end));
        }
    }
}

/// A program that runs, and what it prints when it ends.
struct Asked {
    child: Child,
    said: Receiver<Vec<u8>>,
}

fn begin(program: &Path, disk: &str) -> Result<Asked, String> {
    let mut command = Command::new(program);
    command.args(QUESTION).arg(disk);
    programs::environment(&mut command);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| match e.kind() {
        ErrorKind::NotFound => {
            format!("{PROGRAM} is not there (it is in the package smartmontools)")
        }
        _ => format!("cannot run {PROGRAM}: {e}"),
    })?;
    let out = child.stdout.take();
    let (sender, said) = mpsc::channel();
    // Whoever hangs may hold this thread up for good: nobody waits for its end.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(out) = out {
            let _ = out.take(MOST).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    Ok(Asked { child, said })
}

impl Asked {
    fn end(mut self, at: Instant) -> Answer {
        let left = at.saturating_duration_since(Instant::now());
        let said = self.said.recv_timeout(left);
        // One that has not ended by now has said all, or hangs. It is not waited for: it may be beyond signals.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
        }
        match said {
            Ok(bytes) => answer::read(&bytes),
            Err(RecvTimeoutError::Timeout) => {
                let limit = PATIENCE.as_secs();
                Err(format!("it did not answer within {limit} seconds"))
            }
            Err(RecvTimeoutError::Disconnected) => Err("it gave no answer".to_owned()),
        }
    }
}
