// SPDX-License-Identifier: GPL-2.0-only

//! Sends marks, as many as the kernel takes, and waits until they are done.

use std::{thread, time::Duration};

use anyhow::{bail, Context, Result};

use crate::{
    device::{
        runs::Run,
        source::{Lines, Source},
        status::Status,
        sysfs, Id,
    },
    interrupt::Interrupt,
    progress,
};

/// How often it is asked whether there is room again.
const PAUSE: Duration = Duration::from_millis(20);

/// What the kernel says while too many messages wait, and of a device that is suspended.
const LATER: &str = "Resource temporarily unavailable";

/// Marks all of these; the answer is the status afterwards.
pub fn all(source: &dyn Source, id: &Id, runs: &[Run], interrupt: &Interrupt) -> Result<Status> {
    let bar = progress::of_items("marking", runs.len() as u64);
    let done = || -> Result<Status> {
        for (n, run) in runs.iter().enumerate() {
            one(source, id, *run, interrupt)
                .with_context(|| format!("{n} of {} ranges were marked", runs.len()))?;
            bar.inc(1);
        }
        loop {
            let status = status(source, id)?;
            if status.queued_messages == 0 {
                return Ok(status);
            }
            rest(source, id, interrupt).context("all ranges were sent, and not all are done")?;
        }
    };
    let done = done();
    bar.finish_and_clear();
    done
}

/// Marks one, as soon as there is room.
fn one(source: &dyn Source, id: &Id, run: Run, interrupt: &Interrupt) -> Result<()> {
    let text = format!("mark {} {}", run.first_sector, run.size_sectors);
    loop {
        interrupt.check()?;
        match source.message(&id.name, &text) {
            Ok(_) => return Ok(()),
            Err(e) if format!("{e:#}").contains(LATER) => rest(source, id, interrupt)?,
            Err(e) => return Err(e),
        }
    }
}

/// A pause, if it makes sense to wait.
fn rest(source: &dyn Source, id: &Id, interrupt: &Interrupt) -> Result<()> {
    interrupt.check()?;
    let file = sysfs::folder(source, id.number).join("dm/suspended");
    if sysfs::maybe(&file)?.is_some_and(|text| text == "1") {
        bail!("{0} is suspended: dmsetup resume {0}", id.name);
    }
    thread::sleep(PAUSE);
    Ok(())
}

fn status(source: &dyn Source, id: &Id) -> Result<Status> {
    let lines = source.lines(Lines::Status, Some(&id.name))?;
    let line = lines.get(&id.name);
    Status::parse(line.with_context(|| format!("{} went", id.name))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device::source::{ByName, WriteError},
        interrupt::Interrupted,
    };
    use std::{cell::RefCell, fs, path::Path};
    use tempfile::TempDir;

    /// A kernel that takes three messages, and ends all that wait when it is asked how it is.
    struct Kernel {
        folder: TempDir,
        waiting: RefCell<Vec<String>>,
        done: RefCell<Vec<String>>,
        refuse: Option<&'static str>,
    }

    impl Kernel {
        fn new(suspended: &str) -> Self {
            let folder = TempDir::new().expect("a folder");
            let dm = folder.path().join("block/dm-3/dm");
            fs::create_dir_all(&dm).expect("a folder");
            fs::write(dm.join("suspended"), suspended).expect("a file");
            Kernel {
                folder,
                waiting: RefCell::default(),
                done: RefCell::default(),
                refuse: None,
            }
        }

        fn end_all(&self) {
            self.done
                .borrow_mut()
                .append(&mut self.waiting.borrow_mut());
        }
    }

    impl Source for Kernel {
        fn sys(&self) -> &Path {
            self.folder.path()
        }

        fn proc(&self) -> &Path {
            self.folder.path()
        }

        fn log(&self) -> std::path::PathBuf {
            self.folder.path().join("kmsg")
        }

        fn lines(&self, _: Lines, only: Option<&str>) -> Result<ByName> {
            let line = format!(
                "0 8000 remap 0/9 {} 0 7 rw - - block_sectors 8 spare_free 9 spare_failed 0 pending_dropped 1 \
                 degraded - queued {}",
                self.done.borrow().len(),
                self.waiting.borrow().len()
            );
            self.end_all();
            let name = only.context("one is asked for")?;
            Ok(ByName::from([(name.to_owned(), line)]))
        }

        fn message(&self, name: &str, text: &str) -> Result<String> {
            if let Some(why) = self.refuse {
                bail!("message ioctl on {name} failed: {why}");
            }
            let mut waiting = self.waiting.borrow_mut();
            if waiting.len() == 3 {
                drop(waiting);
                self.end_all();
                bail!("message ioctl on {name} failed: {LATER}");
            }
            waiting.push(text.to_owned());
            Ok(String::new())
        }

        fn write(&self, _: &Path, _: &str) -> Result<(), WriteError> {
            Ok(())
        }

        fn now(&self) -> u64 {
            0
        }
    }

    fn id() -> Id {
        Id {
            name: "safe".to_owned(),
            number: 3,
        }
    }

    fn runs(count: u64) -> Vec<Run> {
        let run = |n| Run {
            first_sector: n * 16,
            size_sectors: 2,
        };
        (0..count).map(run).collect()
    }

    #[test]
    fn all_are_sent_in_order_and_waited_for() {
        let kernel = Kernel::new("0");
        let interrupt = Interrupt::silent(false);
        let status = all(&kernel, &id(), &runs(11), &interrupt).expect("it takes them");
        let sent: Vec<String> = (0..11).map(|n| format!("mark {} 2", n * 16)).collect();
        assert_eq!(*kernel.done.borrow(), sent);
        assert_eq!((status.pending_sectors, status.queued_messages), (11, 0));
    }

    #[test]
    fn a_refusal_says_how_far_it_came() {
        let interrupt = Interrupt::silent(false);
        let mut kernel = Kernel::new("0");
        kernel.refuse = Some("Read-only file system");
        let error = all(&kernel, &id(), &runs(2), &interrupt).expect_err("it is read-only");
        let says = "0 of 2 ranges were marked: message ioctl on safe failed: Read-only file system";
        assert_eq!(format!("{error:#}"), says);
        // Nobody waits for somebody who is to resume it.
        let mut kernel = Kernel::new("1");
        kernel.refuse = Some(LATER);
        let error = all(&kernel, &id(), &runs(2), &interrupt).expect_err("it is suspended");
        let says = "0 of 2 ranges were marked: safe is suspended: dmsetup resume safe";
        assert_eq!(format!("{error:#}"), says);
    }

    #[test]
    fn an_end_that_was_asked_for_is_one_between_two_marks() {
        let kernel = Kernel::new("0");
        let interrupt = Interrupt::silent(true);
        let error = all(&kernel, &id(), &runs(2), &interrupt).expect_err("it was asked for");
        assert!(error.is::<Interrupted>());
        let says = "0 of 2 ranges were marked: interrupted";
        assert_eq!(format!("{error:#}"), says);
        assert!(kernel.done.borrow().is_empty() && kernel.waiting.borrow().is_empty());
    }
}
