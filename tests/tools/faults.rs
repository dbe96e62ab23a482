// SPDX-License-Identifier: GPL-2.0-only
//! The fault campaign: a device in use, while disks under it fail in every way and allocations fail at
//! random. It lives several lives, each from blank disks on; at the end of each nothing fails any more, and
//! what was acknowledged has to be there.

#[path = "faults/chaos.rs"]
mod chaos;
#[path = "faults/inject.rs"]
mod inject;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/stack.rs"]
mod stack;
#[path = "faults/turns.rs"]
mod turns;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure, Context, Result};

use crate::crash::recorder::Pair;
use crate::dm::Control;
use crate::pattern::mix;
use load::{Figures, Ledger};
use stack::{Stack, NAME, SPAN};

pub struct Plan {
    pub seed: u64,
    /// How long it takes, at least, beyond the last life's end.
    pub seconds: u64,
    /// How long the device is in use between two closes.
    pub session: u64,
    /// Of the allocations that fail in turn, one in so many.
    pub stride: u64,
}

/// What a life's device is made with.
const FEATURES: [&str; 4] = [
    "block_sectors 8",
    "block_sectors 8 pending_writes main",
    "block_sectors 32",
    "block_sectors 1",
];

const WRITERS: u64 = 6;
const READERS: u64 = 2;

/// How often the device is brought up in a life to be used.
const SESSIONS: u64 = 2;

/// How often it is said how far it is.
const PROGRESS: Duration = Duration::from_secs(60);

struct Campaign {
    figures: Figures,
    session: Duration,
    began: Instant,
    told: Instant,
    lives: u64,
    moved: u64,
    commits: u64,
    lost: u64,
    /// Requests that a place of a disk made fail.
    struck: u64,
    seed: u64,
}

pub fn run(plan: &Plan) -> Result<()> {
    keep_memory();
    inject::prepare()?;
    println!("seed {}", plan.seed);
    let mut campaign = Campaign {
        figures: Figures::default(),
        session: Duration::from_secs(plan.session),
        began: Instant::now(),
        told: Instant::now(),
        lives: 0,
        moved: 0,
        commits: 0,
        lost: 0,
        struck: 0,
        seed: plan.seed,
    };
    let (mut control, mut pair) = (Control::open()?, Pair::open(0)?);
    (control, pair) = turns::run(control, pair, plan.stride, &mut campaign.seed)?;
    let until = Instant::now() + Duration::from_secs(plan.seconds);
    let mut result = Ok(());
    while result.is_ok() && (Instant::now() < until || campaign.lives < 2) {
        let features = FEATURES[campaign.lives as usize % FEATURES.len()];
        let mut stack = Stack::new(control, pair, features)?;
        stack.spare_reads = campaign.lives % 2 == 0;
        result = campaign.live(&mut stack);
        if let Err(error) = &result {
            println!("life {} ({features}): {error:#}", campaign.lives);
            println!("{:?}", stack.control.status(NAME));
            break;
        }
        campaign.lives += 1;
        (control, pair) = stack.end()?;
    }
    campaign.tell("faults")?;
    result?;
    let counts = inject::counts()?;
    for (kind, count) in inject::KINDS.iter().zip(counts) {
        ensure!(count > 0, "{kind} injected nothing");
    }
    ensure!(campaign.struck > 0, "no disk failed");
    ensure!(campaign.moved > 0, "nothing moved");
    let errors = campaign.figures.errors.load(Ordering::Relaxed);
    ensure!(errors > 0, "nobody was told of an error");
    Ok(())
}

impl Campaign {
    /// From blank disks to the last look at them.
    fn live(&mut self, stack: &mut Stack) -> Result<()> {
        let mut seed = mix(&mut self.seed);
        let figures = std::mem::take(&mut self.figures);
        let ledger = Ledger::new(&figures, SPAN);
        let result = self.sessions(stack, &ledger, &mut seed);
        drop(ledger);
        self.figures = figures;
        // Whoever looks at what is left does so undisturbed.
        stack.calm()?;
        inject::workers(false)?;
        result
    }

    fn sessions(&mut self, stack: &mut Stack, ledger: &Ledger<'_>, seed: &mut u64) -> Result<()> {
        for session in 0..SESSIONS {
            chaos::weather(seed)?;
            inject::requests("main0", true)?;
            inject::requests("spare0", !stack.spare_reads)?;
            let node = stack.open(session == 0)?;
            self.use_it(stack, ledger, &node, seed)?;
            self.moved += stack.value("moved_write")?
                + stack.value("moved_message")?
                + stack.value("evacuated")?;
            self.commits += stack.value("commits")?;
            if session + 1 < SESSIONS {
                stack.close()?;
            }
        }
        self.end_of_life(stack, ledger)
    }

    /// All users at work, and everything that happens to them.
    fn use_it(
        &mut self,
        stack: &Stack,
        ledger: &Ledger<'_>,
        node: &str,
        seed: &mut u64,
    ) -> Result<()> {
        ledger.stop.store(false, Ordering::Relaxed);
        thread::scope(|scope| -> Result<()> {
            let mut threads = Vec::new();
            for n in 0..WRITERS + READERS {
                let seed = mix(seed);
                threads.push(scope.spawn(move || ledger.user(node, seed)?.work(n < WRITERS)));
            }
            let mut seed = mix(seed);
            threads.push(scope.spawn(move || chaos::run(stack, ledger, &mut seed)));
            let until = Instant::now() + self.session;
            let mut minded = Ok(());
            while minded.is_ok() && Instant::now() < until && !ledger.stop.load(Ordering::Relaxed) {
                minded = inject::workers(true).map(drop);
                self.struck = stack.pair.struck();
                minded = minded.and_then(|()| self.progress(ledger.figures));
                thread::sleep(Duration::from_millis(500));
            }
            ledger.stop.store(true, Ordering::Relaxed);
            let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            let mut ended = ended.into_iter();
            ended.try_for_each(|end| end.map_err(|_| anyhow!("a thread panicked"))?)?;
            minded
        })
    }

    /// Nothing fails any more: all is there, stays there, and can be written.
    fn end_of_life(&mut self, stack: &mut Stack, ledger: &Ledger<'_>) -> Result<()> {
        stack.calm()?;
        inject::workers(false)?;
        stack.settle()?;
        let node = node(stack)?;
        self.lost += stack
            .verify(ledger, &node)
            .context("at the end of a life")?;
        stack.close()?;
        let node = stack.open(false)?;
        stack
            .verify(ledger, &node)
            .context("after it was closed and opened")?;
        ledger.user(&node, 0)?.write_all()?;
        ledger.user(&node, 0)?.flush_at_last()?;
        ensure!(
            stack.verify(ledger, &node)? == 0,
            "what was written is called lost"
        );
        stack.control.message(NAME, "retest all")?;
        stack.settle()?;
        stack
            .verify(ledger, &node)
            .context("after what could go back to main did")?;
        stack.close()
    }

    fn progress(&mut self, figures: &Figures) -> Result<()> {
        if self.told.elapsed() < PROGRESS {
            return Ok(());
        }
        self.told = Instant::now();
        self.tell_of(
            &format!("minute {}", self.began.elapsed().as_secs() / 60),
            figures,
        )
    }

    fn tell(&self, who: &str) -> Result<()> {
        self.tell_of(who, &self.figures)
    }

    fn tell_of(&self, who: &str, figures: &Figures) -> Result<()> {
        let [slab, pages, requests] = inject::counts()?;
        let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        println!(
            "{who}: lives {}, I/Os {}, injected: failslab {slab}, fail_page_alloc {pages}, fail_make_request \
             {requests}, disk errors {}; blocks moved {}, commits {}, errors returned {}, sectors looked \
             at {}, lost as said {}, \
             losses {}, garbage reads {}",
            self.lives,
            of(&figures.ios),
            self.struck,
            self.moved,
            self.commits,
            of(&figures.errors),
            of(&figures.checked),
            self.lost,
            of(&figures.losses),
            of(&figures.garbage),
        );
        Ok(())
    }
}

fn node(stack: &Stack) -> Result<String> {
    // A resume of what is not suspended changes nothing, and tells the number.
    Ok(format!("/dev/dm-{}", stack.control.resume(NAME)?))
}

/// While a fault is awaited in a call, the program must not ask the kernel for memory of its own.
fn keep_memory() {
    const SOME: usize = 16 << 20;
    // SAFETY: these only change how this program's allocator works, and what is in memory stays there.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
        libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE);
    }
    drop(std::hint::black_box(vec![1u8; SOME]));
}
