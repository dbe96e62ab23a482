// SPDX-License-Identifier: GPL-2.0-only

//! Ctrl-C: long work asks between two steps whether it is to end, so that nothing is left half done.

use std::{
    fmt,
    io::Read,
    os::unix::net::UnixStream,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread,
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
    low_level::pipe,
};

/// Work was to end before its end. The exit code is its own.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// The signals that ask for an end.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Calls `tell` when a signal asks for an end, in a thread of its own. From then on signals do nothing else.
pub fn tell(tell: impl FnOnce() + Send + 'static) -> Result<()> {
    let listen = || -> std::io::Result<()> {
        let (mut told, teller) = UnixStream::pair()?;
        for signal in SIGNALS {
            pipe::register(signal, teller.try_clone()?)?;
        }
        thread::spawn(move || {
            if told.read_exact(&mut [0]).is_ok() {
                tell();
            }
        });
        Ok(())
    };
    listen().context("cannot listen to signals")
}

/// Whether somebody asked for an end. From its making on, the signals that ask for one only set a flag; the
/// second one ends the program at once.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Begins to listen.
    pub fn listen() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            // In this order: the first signal finds the flag down.
            flag::register_conditional_default(signal, asked.clone())
                .and_then(|_| flag::register(signal, asked.clone()))
                .context("cannot listen to signals")?;
        }
        Ok(Interrupt(asked))
    }

    /// Whether to end.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// One that listens to no signal, for tests: others raise them.
    #[cfg(test)]
    pub fn silent(asked: bool) -> Self {
        Interrupt(Arc::new(AtomicBool::new(asked)))
    }

    /// An error if so, for `?` between two steps.
    pub fn check(&self) -> Result<()> {
        if self.asked() {
            return Err(Interrupted.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_an_error_at_the_next_step() {
        let interrupt = Interrupt::listen().expect("signals can be listened to");
        assert!(interrupt.check().is_ok());
        signal_hook::low_level::raise(SIGTERM).expect("a signal can be raised");
        let error = interrupt.check().expect_err("it was asked for");
        assert!(error.is::<Interrupted>());
    }
}
