// SPDX-License-Identifier: GPL-2.0-only
//! Runs the guest tests: each file below `tests/guest` in each lane that it names becomes a test
//! `<lane>::<file>`. `LANES` chooses lanes (`lockdep`, `kasan`, `vm`, or `uml` for the first two);
//! arguments are those of any `cargo test`. See `docs/test-lanes.md`.

mod common;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use common::case::{self, Case, LANES};
use common::verdict;
use libtest_mimic::{Arguments, Failed, Trial};

/// What each guest of a run took: its test, seconds, and seconds of processor time.
const TIMES: &str = "times.tsv";

/// Beyond the time that a test has: booting, the search for leaks, and a busy machine.
const BOOT: Duration = Duration::from_secs(300);

/// What has been built in this run, and what that printed: each thing is built once.
type Builds = Mutex<BTreeMap<String, Arc<Mutex<Option<Result<String, String>>>>>>;

struct Harness {
    repo: PathBuf,
    logs: PathBuf,
    builds: Builds,
}

fn main() -> Result<()> {
    let args = Arguments::from_args();
    let repo = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = env::var_os("CARGO_TARGET_DIR").map_or(repo.join("target"), PathBuf::from);
    let harness = Arc::new(Harness {
        logs: target.join("guest-logs"),
        builds: Mutex::default(),
        repo,
    });
    let lanes = chosen_lanes(env::var("LANES").ok().as_deref())?;
    let absent: BTreeMap<&str, String> = lanes
        .iter()
        .filter_map(|lane| Some((*lane, why_absent(lane)?)))
        .collect();
    for (lane, reason) in &absent {
        println!("skipped: the lane {lane}: {reason}");
    }
    fs::create_dir_all(&harness.logs)?;
    if !args.list {
        File::create(harness.logs.join(TIMES))?;
    }
    let mut trials = Vec::new();
    let mut cases = case::find(&harness.repo.join("tests/guest"))?;
    // Those that take longest first, so that none of them is alone at the end.
    cases.sort_by_key(|case| Reverse(case.timeout));
    for case in cases {
        let case = Arc::new(case);
        for lane in &lanes {
            if !case.lanes.iter().any(|l| l == lane) {
                continue;
            }
            let (harness, case, name) = (harness.clone(), case.clone(), lane.to_string());
            trials.push(
                Trial::test(format!("{lane}::{}", case.name), move || {
                    harness
                        .run(&name, &case)
                        .map_err(|e| Failed::from(format!("{e:#}")))
                })
                .with_ignored_flag(absent.contains_key(lane)),
            );
        }
    }
    libtest_mimic::run(&args, trials).exit()
}

fn chosen_lanes(wanted: Option<&str>) -> Result<Vec<&'static str>> {
    let wanted = wanted.unwrap_or_default().replace("uml", "lockdep kasan");
    let words: Vec<&str> = wanted.split([' ', ',']).filter(|w| !w.is_empty()).collect();
    for word in &words {
        ensure!(
            LANES.contains(word),
            "LANES: unknown lane {word}; known are uml (which is lockdep and kasan), {}",
            LANES.join(", ")
        );
    }
    Ok(LANES
        .into_iter()
        .filter(|lane| words.is_empty() || words.contains(lane))
        .collect())
}

/// Why a lane cannot run on this machine, if so.
fn why_absent(lane: &str) -> Option<String> {
    let machine = env::consts::ARCH;
    match lane {
        "lockdep" | "kasan" if machine != "x86_64" => Some(format!(
            "user-mode Linux with Rust is for x86_64, and this machine is {machine}"
        )),
        _ => None,
    }
}

impl Harness {
    fn run(&self, lane: &str, case: &Case) -> Result<()> {
        self.build("tools", || {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--quiet", "--examples"]);
            cargo
        })?;
        let kernel = self.build(lane, || {
            let mut script = Command::new(self.repo.join("scripts/guest"));
            script.arg(lane);
            script
        })?;
        for module in case.module.split_whitespace() {
            match module {
                "none" => {}
                "dm-remap" => drop(self.build_module(lane, None)?),
                folder => drop(self.build_module(lane, Some(folder))?),
            }
        }
        let log = self.logs.join(lane).join(&case.name).with_extension("log");
        fs::create_dir_all(log.parent().context("a log has a folder")?)?;
        let verdict = self.boot(lane, case, &kernel, &log);
        let console = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let reason = match verdict {
            Ok(()) => verdict::judge(lane, &console),
            Err(error) => Some(format!("{error:#}")),
        };
        match (reason, &case.caught) {
            (None, None) => {}
            (Some(reason), Some(caught)) if reason.contains(caught.as_str()) => {}
            (None, Some(caught)) => bail!(
                "passed, but should have been failed for '{caught}' (log: {})",
                log.display()
            ),
            (Some(reason), _) => bail!(
                "{reason}\nlog: {}\n{}",
                log.display(),
                verdict::excerpt(&console, &reason)
            ),
        }
        fs::remove_file(&log)?;
        Ok(())
    }

    /// Boots a guest with its console in `log`, and waits for it to end.
    fn boot(&self, lane: &str, case: &Case, kernel: &str, log: &Path) -> Result<()> {
        let console = File::create(log)?;
        // An emulated processor is some ten times slower.
        let timeout = case.timeout * if lane == "vm" { 4 } else { 1 };
        let mut command = Command::new(self.repo.join("scripts/guest"));
        command
            .arg(lane)
            .arg(&case.file)
            .env("GUEST_TIMEOUT", timeout.to_string())
            .env("GUEST_UML", kernel)
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .process_group(0);
        if let Some(memory) = case.memory {
            command.env("GUEST_MEM", memory.to_string());
        }
        if let Some(processors) = case.processors {
            command.env("GUEST_CPUS", processors.to_string());
        }
        let mut guest = command.spawn().context("scripts/guest")?;
        let began = Instant::now();
        let limit = began + Duration::from_secs(timeout) + BOOT;
        let pid = libc::pid_t::try_from(guest.id())?;
        loop {
            if let Some(cpu) = ended(pid)? {
                self.note(lane, case, began.elapsed(), cpu)?;
                return Ok(());
            }
            if Instant::now() > limit {
                kill_group(&mut guest)?;
                bail!("the guest did not end within {timeout} s and was killed");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn note(&self, lane: &str, case: &Case, took: Duration, cpu: Duration) -> Result<()> {
        let line = format!(
            "{lane}::{}\t{:.1}\t{:.1}\n",
            case.name,
            took.as_secs_f64(),
            cpu.as_secs_f64()
        );
        let file = self.logs.join(TIMES);
        let mut times = OpenOptions::new().append(true).open(file)?;
        Ok(times.write_all(line.as_bytes())?)
    }

    fn build_module(&self, lane: &str, folder: Option<&str>) -> Result<String> {
        let key = format!("{lane} {}", folder.unwrap_or("dm-remap"));
        self.build(&key, || {
            let mut script = Command::new(self.repo.join("scripts/guest-module"));
            script.arg(lane).args(folder);
            script
        })
    }

    /// Builds what `key` names, if no test of this run did so yet.
    fn build(&self, key: &str, command: impl FnOnce() -> Command) -> Result<String> {
        let slot = match self.builds.lock() {
            Ok(mut builds) => builds.entry(key.to_owned()).or_default().clone(),
            Err(_) => bail!("another test panicked"),
        };
        let Ok(mut result) = slot.lock() else {
            bail!("another test panicked while building {key}");
        };
        match result.get_or_insert_with(|| make(command().current_dir(&self.repo))) {
            Ok(printed) => Ok(printed.clone()),
            // The whole story once is enough.
            Err(error) => {
                let story = std::mem::replace(error, "as said in another failure".into());
                bail!("cannot build {key}: {story}")
            }
        }
    }
}

fn make(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(verdict::excerpt(
        &String::from_utf8_lossy(&output.stderr),
        "",
    ))
}

/// The processor time of a child and of all that it waited for, if it has ended.
fn ended(pid: libc::pid_t) -> Result<Option<Duration>> {
    // SAFETY: all-zero is a value of this structure, which is plain numbers.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    let mut status = 0;
    // SAFETY: both point to variables of ours.
    match unsafe { libc::wait4(pid, &mut status, libc::WNOHANG, &mut usage) } {
        0 => Ok(None),
        n if n == pid => {
            let part = |time: libc::timeval| {
                let micros = time.tv_sec * 1_000_000 + time.tv_usec;
                Duration::from_micros(micros.try_into().unwrap_or(0))
            };
            Ok(Some(part(usage.ru_utime) + part(usage.ru_stime)))
        }
        _ => Err(io::Error::last_os_error()).context("wait4"),
    }
}

/// Kills a guest with all of its processes.
fn kill_group(guest: &mut Child) -> Result<()> {
    // The shell has this built in; the program may be absent.
    Command::new("bash")
        .args(["-c", &format!("kill -KILL -- -{}", guest.id())])
        .status()?;
    guest.wait()?;
    Ok(())
}
