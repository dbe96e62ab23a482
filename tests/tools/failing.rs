// SPDX-License-Identifier: GPL-2.0-only
//! Injected faults that meet this thread's calls into the kernel and nothing else of it: what the program
//! itself allocates does not fail, and no other program's does.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

/// How the calls of a thread fail.
enum Mode {
    /// As often as the kernel is told to inject faults.
    Often(File),
    /// At the n-th chance from now on; 0 when that has been.
    Nth(File, u32),
}

thread_local! {
    static MODE: RefCell<Option<Mode>> = const { RefCell::new(None) };
}

fn open(name: &str) -> Result<File> {
    let path = format!("/proc/thread-self/{name}");
    let file = OpenOptions::new().read(true).write(true).open(&path);
    file.context(path)
}

/// From now on faults meet what this thread does in [`call`], if they are injected at all.
pub fn enter() -> Result<()> {
    let mode = Mode::Often(open("make-it-fail")?);
    MODE.set(Some(mode));
    Ok(())
}

/// And no longer.
pub fn leave() {
    MODE.set(None);
}

/// Lets the n-th allocation, or request to a disk that fails on demand, in the calls of `act` fail, and
/// tells whether there was an n-th.
pub fn nth<T>(n: u32, act: impl FnOnce() -> T) -> Result<(T, bool)> {
    MODE.set(Some(Mode::Nth(open("fail-nth")?, n)));
    let result = act();
    let mode = MODE.take();
    Ok((result, matches!(mode, Some(Mode::Nth(_, 0)))))
}

/// Makes a call into the kernel, which may fail for want of memory if the thread has [entered](enter).
pub fn call<T>(call: impl FnOnce() -> T) -> T {
    // None of what is done to these files allocates, and the errno of the call is left alone.
    let set = |file: &File, word: &str| {
        let set = file.write_all_at(word.as_bytes(), 0);
        assert!(set.is_ok(), "faults cannot be switched on or off: {set:?}");
    };
    MODE.with_borrow_mut(|mode| match mode {
        None | Some(Mode::Nth(_, 0)) => call(),
        Some(Mode::Often(file)) => {
            set(file, "1");
            let result = call();
            set(file, "0");
            result
        }
        Some(Mode::Nth(file, n)) => {
            set(file, &n.to_string());
            let result = call();
            let mut left = [0; 16];
            let len = file.read_at(&mut left, 0).unwrap_or(0);
            let left = std::str::from_utf8(&left[..len]).unwrap_or_default();
            *n = left.trim().parse().unwrap_or(0);
            set(file, "0");
            result
        }
    })
}
