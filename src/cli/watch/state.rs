// SPDX-License-Identifier: GPL-2.0-only

//! What is shown, and what keys and looks do to it. Nothing here knows of a terminal, and time is told.

use std::{collections::BTreeMap, time::Duration};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::status::Looked;

use super::{
    history::History,
    look::{Page, Sample, Wanted},
};

/// How long a device that went is still in the list.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Nothing,
    /// To end.
    End,
    /// To end as Ctrl-C does.
    Interrupt,
}

/// A device that is watched.
#[derive(Debug)]
pub struct Watched {
    /// What was seen of it last.
    pub looked: Option<Looked>,
    pub history: Option<History>,
    /// Why nothing could be seen at the last look.
    pub trouble: Option<String>,
    /// Since when it is not there.
    pub gone: Option<Duration>,
}

/// What the last drawing found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// How far the text can be scrolled.
    pub most_scroll: usize,
    /// How many lines of it are seen.
    pub lines: usize,
    /// For how many parts of the open device there is room.
    pub parts: Option<u64>,
}

/// All of it.
#[derive(Debug)]
pub struct App {
    /// The devices that were named; all if there are none.
    names: Vec<String>,
    interval: Duration,
    pub devices: BTreeMap<String, Watched>,
    /// What was seen of the device whose page is open.
    pub picture: Option<Page>,
    /// The device that is marked in the list.
    chosen: Option<String>,
    /// The device whose page is open.
    pub page: Option<String>,
    pub help: bool,
    pub paused: bool,
    pub scroll: usize,
    drawn: Drawn,
    /// Why there is nothing newer.
    pub trouble: Option<String>,
    /// Seconds since 1970, at the last look.
    pub now: u64,
    /// When the last look ended, and whether another one is under way.
    pub looked_at: Duration,
    looking: Option<Wanted>,
    /// Somebody does not want to wait.
    hurry: bool,
    /// What was wanted of the last page.
    last_page: Option<(String, u64)>,
}

impl App {
    /// Begins. With one name, its page is open.
    pub fn new(names: Vec<String>, interval: Duration) -> Self {
        let page = match names.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        App {
            names,
            interval,
            devices: BTreeMap::new(),
            picture: None,
            chosen: page.clone(),
            page,
            help: false,
            paused: false,
            scroll: 0,
            drawn: Drawn::default(),
            trouble: None,
            now: 0,
            looked_at: Duration::ZERO,
            looking: None,
            hurry: false,
            last_page: None,
        }
    }

    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The place of the device that is marked.
    pub fn chosen(&self) -> usize {
        let chosen = self.chosen.as_ref();
        let place = chosen.and_then(|chosen| self.devices.keys().position(|name| name == chosen));
        place.unwrap_or(0)
    }

    /// Takes what was seen.
    pub fn saw(&mut self, at: Duration, sample: Result<Sample, String>) {
        self.looking = None;
        self.looked_at = at;
        let sample = match sample {
            Ok(sample) => sample,
            Err(why) => {
                self.trouble = Some(why);
                return;
            }
        };
        self.trouble = None;
        self.now = sample.now;
        let place = self.chosen();
        for (name, watched) in &mut self.devices {
            let there = sample.devices.iter().any(|(other, _)| other == name);
            if !there && watched.gone.is_none() {
                watched.gone = Some(at);
                watched.event(sample.now, "it went away");
            }
        }
        for name in &self.names {
            let absent = || Watched::absent(at);
            self.devices.entry(name.clone()).or_insert_with(absent);
        }
        for (name, device) in sample.devices {
            let watched = self.devices.entry(name);
            watched
                .or_insert_with(Watched::new)
                .saw(at, sample.now, device);
        }
        let (names, page) = (&self.names, &self.page);
        self.devices.retain(|name, watched| {
            let long = watched
                .gone
                .is_some_and(|since| at.saturating_sub(since) >= REMEMBERED);
            !long || names.contains(name) || page.as_ref() == Some(name)
        });
        if sample.page.is_some() {
            self.picture = sample.page;
        }
        // If what was marked is no more, its neighbour is.
        let gone = |name: &String| !self.devices.contains_key(name);
        if self.chosen.as_ref().is_none_or(gone) {
            self.choose(place);
        }
    }

    /// Takes what the last drawing found.
    pub fn drew(&mut self, drawn: Drawn) {
        self.scroll = self.scroll.min(drawn.most_scroll);
        self.drawn = drawn;
    }

    /// What is to be looked at now, if anything: then a look is under way, until it is told what it saw.
    pub fn look(&mut self, at: Duration) -> Option<Wanted> {
        if self.looking.is_some() {
            return None;
        }
        let page = self.page.clone().zip(self.drawn.parts);
        // A page that was opened, or a window that changed.
        let other = page.is_some() && page != self.last_page;
        let due = !self.paused && at.saturating_sub(self.looked_at) >= self.interval;
        if !(due || self.hurry || other) {
            return None;
        }
        self.hurry = false;
        self.last_page.clone_from(&page);
        let names = self.names.clone();
        self.looking = Some(Wanted { names, page });
        self.looking.clone()
    }

    /// Whether a look is under way that takes long.
    pub fn waits(&self, at: Duration) -> bool {
        let late = at.saturating_sub(self.looked_at) > self.interval + Duration::from_secs(2);
        self.looking.is_some() && late
    }

    /// How long nothing happens by itself.
    pub fn patience(&self, at: Duration) -> Duration {
        // What tells how long ago something was changes each second.
        let tick = Duration::from_secs(1);
        if self.paused || self.looking.is_some() {
            return tick;
        }
        let due = self.looked_at + self.interval;
        due.saturating_sub(at).min(tick)
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Asked {
        if key.kind == KeyEventKind::Release {
            return Asked::Nothing;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Asked::Interrupt,
                _ => Asked::Nothing,
            };
        }
        match key.code {
            KeyCode::Char('q') => return Asked::End,
            KeyCode::Char('?') | KeyCode::F(1) => {
                self.help = !self.help;
                self.scroll = 0;
            }
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('r') => self.hurry = true,
            KeyCode::Esc | KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') => self.back(),
            KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => self.open(),
            KeyCode::Tab => self.turn(1),
            KeyCode::BackTab => self.turn(-1),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::PageDown => self.go(self.step()),
            KeyCode::PageUp => self.go(-self.step()),
            KeyCode::Home | KeyCode::Char('g') => self.go(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX),
            _ => {}
        }
        Asked::Nothing
    }

    /// A page of text, with a line of the last one.
    fn step(&self) -> isize {
        isize::try_from(self.drawn.lines.saturating_sub(1)).map_or(1, |step| step.max(1))
    }

    fn back(&mut self) {
        self.scroll = 0;
        if self.help {
            self.help = false;
        } else {
            self.page = None;
        }
    }

    fn open(&mut self) {
        if !self.help && self.page.is_none() && !self.devices.is_empty() {
            let name = self.devices.keys().nth(self.chosen());
            self.page = name.cloned();
            self.chosen.clone_from(&self.page);
            self.scroll = 0;
        }
    }

    /// Opens the page of another device.
    fn turn(&mut self, by: isize) {
        let all = self.devices.len();
        if self.help || self.page.is_none() || all == 0 {
            return;
        }
        let next = match by {
            1 => self.chosen() + 1,
            _ => self.chosen() + all - 1,
        };
        self.choose(next % all);
        self.page.clone_from(&self.chosen);
        self.scroll = 0;
    }

    /// Up or down, in the text or in the list.
    fn go(&mut self, by: isize) {
        if self.help || self.page.is_some() {
            let scroll = self.scroll.saturating_add_signed(by);
            self.scroll = scroll.min(self.drawn.most_scroll);
        } else {
            self.choose(self.chosen().saturating_add_signed(by));
        }
    }

    fn choose(&mut self, place: usize) {
        let place = place.min(self.devices.len().saturating_sub(1));
        self.chosen = self.devices.keys().nth(place).cloned();
    }
}

impl Watched {
    fn new() -> Self {
        Watched {
            looked: None,
            history: None,
            trouble: None,
            gone: None,
        }
    }

    fn absent(at: Duration) -> Self {
        Watched {
            gone: Some(at),
            ..Watched::new()
        }
    }

    fn event(&mut self, now: u64, text: &str) {
        if let Some(history) = &mut self.history {
            history.add(now, text.to_owned());
        }
    }

    fn saw(&mut self, at: Duration, now: u64, device: Result<Looked, String>) {
        if self.gone.take().is_some() {
            self.event(now, "it is back");
        }
        let looked = match device {
            Ok(looked) => looked,
            Err(why) => {
                self.trouble = Some(why);
                return;
            }
        };
        self.trouble = None;
        match (&mut self.history, &self.looked) {
            (Some(history), Some(was)) => history.go_on(&was.device, &looked.device, at, now),
            (history, _) => *history = Some(History::new(&looked.device, at)),
        }
        self.looked = Some(looked);
    }
}
