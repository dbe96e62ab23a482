// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl watch`: devices while they work, in the whole terminal.
//!
//! Looks, keys and signals come from threads of their own to the one that draws; what they do to what is shown is
//! `state`, and how that looks is `draw`: neither knows of a terminal.

mod draw;
mod history;
mod list;
mod look;
mod page;
#[cfg(test)]
mod sample;
mod screen;
mod state;
#[cfg(test)]
mod tests;
mod text;

use std::{
    process,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail, Result};
use ratatui::crossterm::event::{self, Event, KeyEvent};

use crate::{
    device::{self, kernel_log::Chronicle, source::Source},
    exit::{self, Exit},
    help,
    interrupt::{self, Interrupted},
    map::{self, picture::Look},
    output::Output,
};
use look::{Sample, Wanted};
use screen::Screen;
use state::{App, Asked, Drawn};

/// Shows devices while they work, in the whole terminal.
///
/// The list has a line for each device; enter opens the page of one, q ends it, and ? shows all keys. With one device named, it
/// begins with its page.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    help::LIVE,
    "
  remapctl watch
      all devices, also those that come later
  remapctl watch safe --interval 0.5
      one of them, looked at twice a second",
))]
pub struct Args {
    /// The devices, by name or by node; all if none is named
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    /// How long it waits between two looks: 0.2 to 3600 seconds
    #[arg(long, short = 'n', value_name = "SECONDS", default_value = "2", value_parser = interval)]
    interval: Duration,
    /// ASCII characters alone, and no colours
    #[arg(long)]
    ascii: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.2..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("it is not from 0.2 to 3600".to_owned())
    }
}

/// What the thread that draws is told.
enum Told {
    Key(KeyEvent),
    /// The window may have another size.
    Resized,
    Saw(Box<Result<Sample, String>>),
    /// A signal asks for an end.
    End,
    /// A thread has ended that should not have.
    Broken(&'static str),
}

/// How long the end may take after a signal, if the terminal takes nothing any more.
const GRACE: Duration = Duration::from_secs(2);

pub fn run(args: &Args, source: Box<dyn Source>, output: Output) -> Result<Exit> {
    let chosen = device::chosen(&*source, &args.devices)?;
    if output.json {
        output.complain("watch is for people: remapctl --json status says the same once (remapctl watch --help tells more)");
        return Ok(Exit::Usage);
    }
    screen::check()?;
    let names: Vec<String> = match args.devices.as_slice() {
        [] => Vec::new(),
        _ => chosen.into_iter().map(|id| id.name).collect(),
    };
    let mut log = Chronicle::of(&*source);
    let mut app = App::new(names.clone(), args.interval);
    // What fails at once is an error as of any other command.
    let wanted = Wanted { names, page: None };
    let first = look::look(&*source, &mut log, &wanted);
    app.saw(Duration::ZERO, Ok(first.map_err(|why| anyhow!(why))?));
    let look = match (args.ascii || !map::unicode(), console::colors_enabled()) {
        (true, _) => Look::Ascii,
        (false, true) => Look::Color,
        (false, false) => Look::Shades,
    };

    let (teller, told) = mpsc::channel();
    let (want, wanted) = mpsc::channel();
    let end = teller.clone();
    interrupt::tell(move || {
        // The end may be near, or nobody may be there to bring it.
        let _ = end.send(Told::End);
        thread::sleep(GRACE);
        screen::release_keys();
        process::exit(Exit::Interrupted.number().into());
    })?;
    let screen = Screen::take()?;
    look::begin(source, log, wanted, teller.clone(), |seen| {
        seen.map_or(Told::Broken("the thread that looks"), |sample| {
            Told::Saw(Box::new(sample))
        })
    });
    thread::spawn(move || listen(&teller));
    show(screen, app, look, &want, &told)
}

/// Tells of keys and of the window, for ever.
fn listen(teller: &Sender<Told>) {
    loop {
        let told = match event::read() {
            Ok(Event::Key(key)) => Told::Key(key),
            Ok(Event::Resize(..)) => Told::Resized,
            Ok(_) => continue,
            Err(_) => Told::Broken("the thread that reads keys"),
        };
        let last = matches!(told, Told::Broken(_));
        if teller.send(told).is_err() || last {
            return;
        }
    }
}

/// Draws, waits, and draws again.
fn show(
    mut screen: Screen,
    mut app: App,
    look: Look,
    want: &Sender<Wanted>,
    told: &Receiver<Told>,
) -> Result<Exit> {
    let begin = Instant::now();
    loop {
        let at = begin.elapsed();
        let mut drawn = Drawn::default();
        screen.draw(|frame| drawn = draw::draw(frame, &app, look, at))?;
        app.drew(drawn);
        if let Some(wanted) = app.look(at) {
            // If nobody takes it, that is told.
            let _ = want.send(wanted);
        }
        let mut next = match told.recv_timeout(app.patience(at)) {
            Ok(next) => Some(next),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => bail!("nobody tells of keys any more"),
        };
        // All there is, before it is drawn.
        while let Some(this) = next {
            match this {
                Told::Key(key) => match app.key(key) {
                    Asked::Nothing => {}
                    Asked::End => return Ok(Exit::Fine),
                    Asked::Interrupt => return Err(Interrupted.into()),
                },
                Told::Resized => {}
                Told::Saw(sample) => app.saw(begin.elapsed(), *sample),
                Told::End => return Err(Interrupted.into()),
                Told::Broken(who) => bail!("{who} has ended: this is a fault of remapctl"),
            }
            next = told.try_recv().ok();
        }
    }
}
