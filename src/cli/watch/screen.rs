// SPDX-License-Identifier: GPL-2.0-only

//! The terminal: taken for the time of the watch, and given back whatever happens.

use std::{
    io::{self, BufWriter, IsTerminal, Stdout, Write},
    mem::ManuallyDrop,
    panic,
    sync::{
        atomic::{AtomicBool, Ordering},
        Once,
    },
};

use anyhow::{bail, Context, Result};
use ratatui::{
    backend::CrosstermBackend,
    crossterm::{
        cursor::{Hide, Show},
        execute,
        terminal::{disable_raw_mode, enable_raw_mode, EnterAlternateScreen, LeaveAlternateScreen},
    },
    Frame, Terminal,
};

/// An error unless there is a terminal that can show it.
pub fn check() -> Result<()> {
    let instead = "remapctl status says the same once";
    if !io::stdout().is_terminal() {
        bail!("watch needs a terminal, and standard output is none: {instead}");
    }
    match std::env::var("TERM").as_deref() {
        Err(_) | Ok("" | "dumb") => {
            bail!("this terminal cannot place text, by what TERM says: {instead}")
        }
        Ok(_) => Ok(()),
    }
}

type Back = CrosstermBackend<BufWriter<Stdout>>;

/// The whole terminal, from its making to its end.
pub struct Screen {
    // What it writes at its own end must not come behind what gives the terminal back.
    terminal: ManuallyDrop<Terminal<Back>>,
}

/// Whether the terminal is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Screen {
    /// Takes the terminal.
    pub fn take() -> Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |what| {
                // What is said of it is to be read.
                give_back();
                before(what);
            }));
        });
        let take = || -> io::Result<Terminal<Back>> {
            TAKEN.store(true, Ordering::SeqCst);
            enable_raw_mode()?;
            execute!(io::stdout(), EnterAlternateScreen, Hide)?;
            let out = BufWriter::with_capacity(1 << 16, io::stdout());
            Terminal::new(CrosstermBackend::new(out))
        };
        match take() {
            Ok(terminal) => Ok(Screen {
                terminal: ManuallyDrop::new(terminal),
            }),
            Err(e) => {
                give_back();
                Err(e).context("cannot use the terminal")
            }
        }
    }

    /// Draws, in the size that the terminal has.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        self.terminal.draw(draw).context("cannot draw")?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it is taken. If that fails, it is gone.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
        let mut out = io::stdout();
        let _ = execute!(out, LeaveAlternateScreen, Show);
        let _ = out.flush();
    }
}

/// Lets the terminal have its own way with keys again, whoever writes to it.
pub fn release_keys() {
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CHILD: &str = "DM_REMAP_TEST_PANIC";

    /// What the test below runs in a terminal.
    #[test]
    fn a_child_that_panics() {
        if std::env::var_os(CHILD).is_some() {
            let _screen = Screen::take().expect("it is a terminal");
            std::thread::spawn(|| panic!("on purpose"))
                .join()
                .expect_err("it panics");
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let own = std::env::current_exe().expect("this is a program");
        let own = own.to_str().expect("a path of letters");
        let name = "watch::screen::tests::a_child_that_panics";
        let command = format!("stty -a; {own} --exact {name} --nocapture; stty -a");
        let run = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env(CHILD, "1")
            .env("TERM", "xterm")
            .output()
            .expect("script can be run");
        let said = String::from_utf8_lossy(&run.stdout);
        let (before, rest) = said.split_once("\u{1b}[?1049h").expect("it was taken");
        let (_, rest) = rest.split_once("\u{1b}[?1049l").expect("it was given back");
        assert!(rest.contains("\u{1b}[?25h"), "the cursor is seen: {rest}");
        assert!(rest.contains("on purpose"), "what was said is seen: {rest}");
        let settings = |text: &str| -> Vec<String> {
            let lines = text.lines().skip_while(|line| !line.starts_with("speed"));
            let words = lines.flat_map(str::split_whitespace);
            let settings = words.take_while(|word| *word != "running");
            settings.map(str::to_owned).collect()
        };
        assert!(before.contains(" icanon"), "{before}");
        let after = rest.split_once("speed").expect("stty spoke").1;
        assert_eq!(settings(&format!("speed{after}")), settings(before));
    }
}
