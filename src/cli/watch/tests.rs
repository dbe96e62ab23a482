// SPDX-License-Identifier: GPL-2.0-only

//! Keys, looks and sizes of the window, drawn where no terminal is.

use std::time::Duration;

use ratatui::{
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::Modifier,
    Terminal,
};

use super::{
    draw::draw,
    look::Sample,
    sample::{device, looked, page, well, NOW},
    state::{App, Asked, Drawn},
};
use crate::{device::findings::Gravity, map::picture::Look};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// All devices, looked at every two seconds.
fn app(names: &[&str]) -> App {
    let mut app = App::new(Vec::new(), seconds(2));
    app.saw(Duration::ZERO, Ok(well(names)));
    app
}

/// Draws it as a terminal would, and tells it what was found.
fn drawn(
    app: &mut App,
    columns: u16,
    lines: u16,
    look: Look,
    at: Duration,
) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).expect("a terminal");
    let mut found = Drawn::default();
    terminal
        .draw(|frame| found = draw(frame, app, look, at))
        .expect("it can be drawn");
    app.drew(found);
    terminal
}

/// The same as text.
fn text(app: &mut App, columns: u16, lines: u16, look: Look, at: Duration) -> String {
    let terminal = drawn(app, columns, lines, look, at);
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..lines {
        let line: String = (0..columns).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn shown(app: &mut App, columns: u16, lines: u16) -> String {
    text(app, columns, lines, Look::Shades, seconds(1))
}

fn press(app: &mut App, code: KeyCode) -> Asked {
    app.key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Two devices: one is well, the other has a warning and a page.
fn two(parts: u64) -> Sample {
    let mut sample = well(&["aside"]);
    let warning = (
        Gravity::Warning,
        "pending_sectors",
        "16 sectors could not be read",
    );
    let safe = looked(device("safe"), &[warning]);
    sample.devices.push(("safe".to_owned(), Ok(safe)));
    sample.page = Some(page("safe", parts));
    sample
}

#[test]
fn the_list_has_a_line_for_each_device() {
    let mut app = App::new(Vec::new(), seconds(2));
    app.saw(Duration::ZERO, Ok(two(1)));
    assert_eq!(
        shown(&mut app, 120, 8),
        "\
2 devices, 1 with a warning                                                                                    every 2 s
  device  health    state            spare used    scan          pending  30 days  what wants attention
> aside   812 good  is well          3 of 238,520  25 % waiting  16       7.5 %
  safe    812 good  needs attention  3 of 238,520  25 % waiting  16       7.5 %    pending_sectors



q quit  ? help  enter open  ↑ ↓ choose  p pause  r look now
"
    );
    assert_eq!(
        text(&mut app, 42, 6, Look::Ascii, seconds(1)),
        "\
2 devices, 1 with a warning      every 2 s
  device  health    state
> aside   812 good  is well
  safe    812 good  needs attention

q quit  ? help  enter open  j k choose
"
    );
}

#[test]
fn small_windows_show_what_matters_most() {
    let mut app = App::new(Vec::new(), seconds(2));
    app.saw(Duration::ZERO, Ok(two(1)));
    let small = "\
2 devices, 1 with a…
> aside   812 good
  safe    812 good

q quit  ? help
";
    assert_eq!(shown(&mut app, 20, 5), small);
    press(&mut app, KeyCode::Down);
    press(&mut app, KeyCode::Enter);
    let small = "\
safe needs attention
main /dev/sda, 100
  GiB from sector 0
spare /dev/sdb, 1
q quit  ? help     ↓
";
    assert_eq!(shown(&mut app, 20, 5), small);
    press(&mut app, KeyCode::PageDown);
    assert!(shown(&mut app, 20, 5).contains("\nspare /dev/sdb, 1\n"));
}

#[test]
fn no_size_is_too_small_and_each_line_fits() {
    for (columns, lines) in (0..46).flat_map(|c| (0..14).map(move |l| (c, l))) {
        for look in [Look::Ascii, Look::Shades, Look::Color] {
            let mut app = App::new(Vec::new(), seconds(2));
            text(&mut app, columns, lines, look, seconds(1));
            app.saw(Duration::ZERO, Ok(two(7)));
            app.saw(seconds(2), Err("nobody is there".to_owned()));
            for key in [
                KeyCode::Down,
                KeyCode::Enter,
                KeyCode::End,
                KeyCode::Char('?'),
            ] {
                text(&mut app, columns, lines, look, seconds(1));
                press(&mut app, key);
            }
            text(&mut app, columns, lines, look, seconds(9));
        }
    }
}

#[test]
fn the_page_has_findings_picture_counters_forecast_and_events() {
    let mut app = App::new(vec!["safe".to_owned()], seconds(2));
    shown(&mut app, 80, 24);
    let wanted = app.look(seconds(0)).expect("its page is open").page;
    assert_eq!(wanted, Some(("safe".to_owned(), 6 * 66)));
    app.saw(Duration::ZERO, Ok(two(6 * 66)));
    let mut later = two(6 * 66);
    later.now += 60;
    if let Ok(looked) = &mut later.devices[1].1 {
        looked.device.status.remapped_blocks = 5;
        looked.device.scan.read_sectors += 60 * 2048;
    }
    app.saw(seconds(60), Ok(later));
    let said = text(&mut app, 80, 48, Look::Shades, seconds(60));
    for line in [
        "safe needs attention                                                   every 2 s",
        "  main      /dev/sda, 100 GiB from sector 0",
        "  scan      waiting, 25 % of this pass; 7 passes ended, the last one 3 days ago",
        "            1 MiB a second in the last 60 seconds",
        "  warning   16 sectors could not be read",
        "            what to do: do something",
        "  map       396 parts of 258.5 MiB",
        "    0 bytes │·▓▲···",
        "            · good  ░ errors  ◆ moved  ▒ warning  ▓ danger  ▲ pending  █ lost",
        "  errors    reads 2, writes 3, recovered 0, met by scans 1",
        "  moved     now 5 (+2, 2 a minute), for writes 3, ",
        "  sectors   pending 16, lost 0",
        "  forecast  7.5 % to fail within 30 days, with medium confidence (64 %); stable",
        "  evidence  until an hour ago: 5 episodes with errors at 3 places",
        "  worst     640 of 1000 at sector 4096",
        "  events    now: 2 blocks moved to the spare area",
        "            2 minutes ago: kernel: its health is 812 of 1000 now",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn the_picture_has_the_colours_of_map_and_none_if_there_are_none() {
    let mut app = App::new(vec!["safe".to_owned()], seconds(2));
    app.saw(Duration::ZERO, Ok(two(132)));
    let colors = |look| {
        let mut app = App::new(vec!["safe".to_owned()], seconds(2));
        app.saw(Duration::ZERO, Ok(two(132)));
        let terminal = drawn(&mut app, 80, 24, look, seconds(1));
        let cells = terminal.backend().buffer().content.clone();
        let colored = cells
            .iter()
            .filter(|cell| cell.fg != ratatui::style::Color::Reset);
        let ascii = cells.iter().all(|cell| cell.symbol().is_ascii());
        (colored.count(), ascii)
    };
    assert!(colors(Look::Color).0 > 132, "each part has one");
    assert_eq!(colors(Look::Shades), (0, false));
    assert_eq!(colors(Look::Ascii), (0, true));
}

#[test]
fn keys_do_what_the_last_line_says() {
    let mut app = app(&["a", "b", "c"]);
    shown(&mut app, 80, 8);
    for (key, chosen) in [
        (KeyCode::Down, 1),
        (KeyCode::Char('j'), 2),
        (KeyCode::Char('j'), 2),
        (KeyCode::Up, 1),
        (KeyCode::Char('k'), 0),
        (KeyCode::Char('k'), 0),
        (KeyCode::End, 2),
        (KeyCode::Home, 0),
        (KeyCode::PageDown, 2),
    ] {
        assert_eq!(press(&mut app, key), Asked::Nothing);
        assert_eq!(app.chosen(), chosen, "{key:?}");
    }
    press(&mut app, KeyCode::Enter);
    assert_eq!(app.page.as_deref(), Some("c"));
    press(&mut app, KeyCode::Tab);
    assert_eq!(app.page.as_deref(), Some("a"));
    press(&mut app, KeyCode::BackTab);
    assert_eq!(app.page.as_deref(), Some("c"));
    press(&mut app, KeyCode::Char('?'));
    let help = shown(&mut app, 80, 24);
    assert!(
        help.contains("  tab       on a page: the next device"),
        "{help}"
    );
    press(&mut app, KeyCode::Esc);
    assert!(!app.help && app.page.is_some(), "esc leaves help first");
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.page, None);
    assert_eq!(press(&mut app, KeyCode::Char('q')), Asked::End);
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app.key(interrupt), Asked::Interrupt);
}

#[test]
fn a_long_text_is_scrolled_to_its_end_and_no_further() {
    let mut app = App::new(vec!["safe".to_owned()], seconds(2));
    app.saw(Duration::ZERO, Ok(two(66)));
    let first = shown(&mut app, 80, 10);
    assert!(first.contains("main "), "{first}");
    press(&mut app, KeyCode::End);
    let last = shown(&mut app, 80, 10);
    assert!(
        last.contains("  events    90 seconds ago: kernel: "),
        "{last}"
    );
    press(&mut app, KeyCode::Down);
    assert_eq!(shown(&mut app, 80, 10), last);
    press(&mut app, KeyCode::Up);
    assert_ne!(shown(&mut app, 80, 10), last);
    // A window that grows shows all of it.
    shown(&mut app, 80, 60);
    assert_eq!(app.scroll, 0);
}

#[test]
fn looks_are_due_by_the_interval_by_a_key_and_for_a_page() {
    let mut app = app(&["a", "b"]);
    shown(&mut app, 80, 8);
    assert_eq!(app.look(seconds(1)), None);
    assert_eq!(app.patience(seconds(1)), seconds(1));
    assert_eq!(app.look(seconds(2)).map(|wanted| wanted.page), Some(None));
    assert_eq!(app.look(seconds(9)), None, "one is under way");
    let said = text(&mut app, 80, 8, Look::Shades, seconds(9));
    assert!(said.contains("no answer for 9 s"), "{said}");
    app.saw(seconds(9), Ok(well(&["a", "b"])));
    press(&mut app, KeyCode::Char('r'));
    assert!(app.look(seconds(9)).is_some());
    app.saw(seconds(9), Ok(well(&["a", "b"])));
    press(&mut app, KeyCode::Char('p'));
    assert!(shown(&mut app, 80, 8).contains(" paused\n"));
    assert_eq!(app.look(seconds(99)), None);
    press(&mut app, KeyCode::Char('r'));
    assert!(app.look(seconds(99)).is_some(), "once, if asked for");
    app.saw(seconds(99), Ok(well(&["a", "b"])));
    assert_eq!(app.look(seconds(999)), None);
    // A page that was opened, and a window that got another size.
    press(&mut app, KeyCode::Enter);
    for (columns, parts) in [(80, 132), (100, 172)] {
        shown(&mut app, columns, 8);
        let wanted = app.look(seconds(999)).expect("it is not known yet");
        assert_eq!(wanted.page, Some(("a".to_owned(), parts)));
        app.saw(seconds(999), Ok(well(&["a", "b"])));
        assert_eq!(app.look(seconds(1000)), None, "but that once");
    }
    press(&mut app, KeyCode::Char('p'));
    assert!(app.look(seconds(1001)).is_some());
}

#[test]
fn devices_come_and_go() {
    let mut app = app(&["a", "b", "c"]);
    press(&mut app, KeyCode::Down);
    app.saw(seconds(2), Ok(well(&["a", "aa", "c"])));
    let said = text(&mut app, 100, 8, Look::Shades, seconds(7));
    assert!(said.contains("4 devices, 1 gone"), "{said}");
    let row = said
        .lines()
        .find(|line| line.starts_with("> b "))
        .unwrap_or("");
    assert!(row.ends_with("not there for 5 seconds"), "{said}");
    press(&mut app, KeyCode::Enter);
    let said = text(&mut app, 100, 30, Look::Shades, seconds(7));
    assert!(said.starts_with("b is gone "), "{said}");
    assert!(said.contains("events    now: it went away"), "{said}");
    // It is remembered as long as its page is open, and comes back with its history.
    app.saw(seconds(500), Ok(well(&["a", "aa", "c"])));
    assert!(app.devices.contains_key("b"));
    app.saw(seconds(502), Ok(well(&["a", "aa", "b", "c"])));
    let said = text(&mut app, 100, 40, Look::Shades, seconds(502));
    assert!(said.starts_with("b is well "), "{said}");
    assert!(said.contains("events    now: it is back"), "{said}");
    assert!(said.contains("watched   for 8 minutes"), "{said}");
    press(&mut app, KeyCode::Esc);
    app.saw(seconds(600), Ok(well(&[])));
    assert_eq!(app.devices.len(), 4);
    app.saw(seconds(660), Ok(well(&[])));
    assert!(shown(&mut app, 80, 8).contains("\nThere is no remap device.\n"));
    press(&mut app, KeyCode::Enter);
    assert_eq!(app.page, None);
    app.saw(seconds(661), Ok(well(&["new"])));
    assert!(shown(&mut app, 80, 8).contains("\n> new "));
}

#[test]
fn who_was_named_stays_in_the_list() {
    let mut app = App::new(vec!["a".to_owned(), "b".to_owned()], seconds(2));
    app.saw(seconds(0), Ok(well(&["a"])));
    app.saw(seconds(900), Ok(well(&["a"])));
    let said = text(&mut app, 100, 8, Look::Shades, seconds(901));
    assert!(said.contains("not there for 15 minutes"), "{said}");
}

#[test]
fn what_fails_is_shown_and_ends_nothing() {
    let mut app = app(&["a"]);
    app.saw(seconds(2), Err("open failed: Permission denied".to_owned()));
    let said = shown(&mut app, 100, 8);
    assert!(said.contains("> a "), "{said}");
    let line = "cannot look: open failed: Permission denied\nq quit";
    assert!(said.contains(line), "{said}");
    let mut sample = well(&["a"]);
    let why = "cannot look at b: there is no scan/state";
    sample.devices.push(("b".to_owned(), Err(why.to_owned())));
    app.saw(seconds(4), Ok(sample));
    let said = shown(&mut app, 120, 8);
    assert!(!said.contains("Permission denied"), "{said}");
    assert!(said.contains("2 devices, 1 unknown"), "{said}");
    assert!(said.contains("unknown  ") && said.contains(why), "{said}");
    // The map of a page alone.
    press(&mut app, KeyCode::Enter);
    let mut sample = well(&["a"]);
    let mut page = page("a", 8);
    page.cells = Err("message failed: Device or resource busy".to_owned());
    sample.page = Some(page);
    sample.now = NOW + 5;
    app.saw(seconds(5), Ok(sample));
    let said = shown(&mut app, 100, 30);
    assert!(
        said.contains("  map       message failed: Device or resource busy"),
        "{said}"
    );
    assert!(said.contains("  errors    reads 2"), "{said}");
}

#[test]
fn what_is_marked_is_seen_without_colours_and_in_a_long_list() {
    let names: Vec<String> = (0..50).map(|n| format!("disk{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut app = app(&names);
    for _ in 0..30 {
        press(&mut app, KeyCode::Down);
    }
    let terminal = drawn(&mut app, 60, 10, Look::Shades, seconds(1));
    let cells = terminal.backend().buffer().content.clone();
    let marked = cells
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::REVERSED));
    assert_eq!(marked.count(), 60, "one line, over its whole width");
    let said = shown(&mut app, 60, 10);
    assert!(said.contains("\n> disk30 "), "{said}");
}
