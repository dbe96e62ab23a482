// SPDX-License-Identifier: GPL-2.0-only

//! A terminal for a program to run in: what stands on it is known at any time, and what is typed is said.

use std::{
    ffi::CStr,
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::{fs::OpenOptionsExt, process::CommandExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// No state takes longer than this to come.
const LONG: Duration = Duration::from_secs(60);

/// What a program wrote, and what became of it.
#[derive(Default)]
struct Seen {
    all: String,
    screen: Vec<Vec<char>>,
    at: (usize, usize),
    /// What has come of a sequence that is not whole yet.
    rest: Vec<u8>,
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(e) => e.valid_up_to(),
        };
        let mut text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        // A sequence that is cut waits for its end.
        if let Some(start) = text.rfind('\u{1b}') {
            let sequence = &text[start..];
            if !sequence.chars().skip(2).any(|c| c.is_ascii_alphabetic()) {
                text.truncate(start);
            }
        }
        self.rest.drain(..text.len());
        self.all.push_str(&text);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\u{1b}' => {
                    let sequence = chars.by_ref().skip_while(|c| *c == '[');
                    let mut words = String::new();
                    let mut end = ' ';
                    for c in sequence {
                        if c.is_ascii_alphabetic() {
                            end = c;
                            break;
                        }
                        words.push(c);
                    }
                    self.control(end, &words);
                }
                '\r' => self.at.1 = 0,
                '\n' => self.at.0 += 1,
                c => self.put(c),
            }
        }
    }

    fn control(&mut self, end: char, words: &str) {
        let number = |n: usize| {
            let word = words.split(';').nth(n);
            word.and_then(|word| word.parse().ok()).unwrap_or(1usize) - 1
        };
        match end {
            'H' => self.at = (number(0), number(1)),
            'J' => self.screen.clear(),
            'h' | 'l' if words == "?1049" => self.screen.clear(),
            _ => {}
        }
    }

    fn put(&mut self, c: char) {
        let (line, column) = self.at;
        if self.screen.len() <= line {
            self.screen.resize(line + 1, Vec::new());
        }
        let line = &mut self.screen[line];
        if line.len() <= column {
            line.resize(column + 1, ' ');
        }
        line[column] = c;
        self.at.1 += 1;
    }
}

/// A program in a terminal.
pub struct InTerminal {
    child: Child,
    master: File,
    /// Kept, so that its settings can be read when the program has ended.
    slave: OwnedFd,
    settings: String,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
}

impl InTerminal {
    /// Runs it in a window of this size.
    pub fn run(command: &mut Command, columns: u16, lines: u16) -> Self {
        let (master, slave) = pair();
        resize(&master, columns, lines);
        let end = || Stdio::from(slave.try_clone().expect("it can be cloned"));
        command.stdin(end()).stdout(end()).stderr(end());
        command.env("TERM", "xterm-256color");
        // SAFETY: between fork and exec these two calls alone are made, which take no lock.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let settings = settings(&slave);
        let child = command.spawn().expect("it can be run");
        // Who has it open keeps it from ending.
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (mut from, to) = (master.try_clone().expect("it can be cloned"), seen.clone());
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal that nobody has open any more is an error.
            while let Ok(n) = from.read(&mut bytes) {
                if n == 0 {
                    break;
                }
                to.lock().expect("nobody panicked").take(&bytes[..n]);
            }
        });
        InTerminal {
            child,
            master,
            slave,
            settings,
            seen,
            reader: Some(reader),
        }
    }

    /// Waits until this stands on the screen.
    pub fn sees(&self, what: &str) {
        self.until(&format!("no '{what}'"), |screen| screen.contains(what));
    }

    /// Waits until the screen is so.
    pub fn until(&self, why: &str, is: impl Fn(&str) -> bool) {
        let begin = Instant::now();
        while !is(&self.screen()) {
            let screen = self.screen();
            assert!(begin.elapsed() < LONG, "{why}:\n{screen}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        let seen = self.seen.lock().expect("nobody panicked");
        let lines = seen.screen.iter().map(|line| {
            let line: String = line.iter().collect();
            line.trim_end().to_owned() + "\n"
        });
        lines.collect()
    }

    pub fn types(&mut self, keys: &str) {
        self.master
            .write_all(keys.as_bytes())
            .expect("it takes keys");
    }

    /// Gives the window another size.
    pub fn resize(&self, columns: u16, lines: u16) {
        resize(&self.master, columns, lines);
    }

    pub fn signal(&self, signal: i32) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process");
        // SAFETY: it was not waited for yet, so that the number is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Waits for the end: how it ended, and all that was written. An error unless the terminal is as it was.
    pub fn ends(mut self) -> (ExitStatus, String) {
        let status = self.waited();
        assert_eq!(settings(&self.slave), self.settings, "keys work as before");
        drop(self.slave);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it read to the end");
        }
        let seen = self.seen.lock().expect("nobody panicked");
        let all = seen.all.clone();
        let last = |what: &str| all.rfind(what);
        assert!(
            last("\u{1b}[?1049l") > last("\u{1b}[?1049h"),
            "the screen is as before: {all:?}"
        );
        assert!(
            last("\u{1b}[?25h") > last("\u{1b}[?25l"),
            "the cursor is seen: {all:?}"
        );
        (status, all)
    }

    fn waited(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status;
            }
            if begin.elapsed() > LONG {
                let _ = self.child.kill();
                panic!("it does not end:\n{}", self.screen());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Both ends of a new terminal. No other program that is started gets them: one that has it open keeps it from ending.
fn pair() -> (File, OwnedFd) {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: no pointer is given.
    let master = unsafe { libc::posix_openpt(flags) };
    assert!(master >= 0, "a terminal can be made");
    // SAFETY: it was made above, and nobody else has it.
    let master = unsafe { File::from_raw_fd(master) };
    let mut name = [0; 64];
    // SAFETY: it is a terminal's, and the place is as long as is said.
    let done = unsafe {
        let fd = master.as_raw_fd();
        libc::grantpt(fd) | libc::unlockpt(fd) | libc::ptsname_r(fd, name.as_mut_ptr(), name.len())
    };
    assert_eq!(done, 0, "it can be opened");
    // SAFETY: the call above has put a text with its end there.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    let name = name.to_str().expect("a path of letters");
    let slave = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(name);
    (master, slave.expect("it can be opened").into())
}

fn resize(terminal: &File, columns: u16, lines: u16) {
    let size = libc::winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the terminal is open, and the size outlives the call.
    let done = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &size) };
    assert_eq!(done, 0, "it takes another size");
}

/// The settings of a terminal, to be compared.
fn settings(terminal: &OwnedFd) -> String {
    // SAFETY: all bits zero is a value of it.
    let mut termios: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: the terminal is open, and the place is ours.
    let done = unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut termios) };
    assert_eq!(done, 0, "it is a terminal");
    format!(
        "{:x} {:x} {:x} {:x} {:?}",
        termios.c_iflag, termios.c_oflag, termios.c_cflag, termios.c_lflag, termios.c_cc
    )
}
