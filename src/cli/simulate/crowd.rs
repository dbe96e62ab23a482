// SPDX-License-Identifier: GPL-2.0-only

//! Many disks at a time: on all processors, with a bar that tells how far it is, and in the order of their numbers
//! whoever was done first.

use std::{
    sync::{
        atomic::{AtomicU64, Ordering},
        Mutex,
    },
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};

/// Who does the work.
pub struct Crowd {
    jobs: usize,
    bar: ProgressBar,
}

impl Crowd {
    /// So many threads, and a bar for so many pieces of work. It is seen on a terminal only, on standard error.
    pub fn new(jobs: usize, pieces: u64) -> Crowd {
        let style = ProgressStyle::with_template("{msg:<24} [{bar:40}] {percent:>3} %, {eta} left")
            .expect("the template is valid")
            .progress_chars("=> ");
        Crowd {
            jobs: jobs.max(1),
            bar: ProgressBar::new(pieces).with_style(style),
        }
    }

    /// What is being done now.
    pub fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// `work` for each number below `count`, a piece each.
    pub fn each<T: Send>(&self, count: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
        self.each_of(count, 1, work)
    }

    /// `work` for each number below `count`, so many pieces each.
    pub fn each_of<T: Send>(
        &self,
        count: u64,
        pieces: u64,
        work: impl Fn(u64) -> T + Sync,
    ) -> Vec<T> {
        let (next, all) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        let run = || loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return;
            }
            let result = work(i);
            self.bar.inc(pieces);
            all.lock().expect("no thread panicked").push((i, result));
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs {
                scope.spawn(run);
            }
            run();
        });
        let mut all = all.into_inner().expect("no thread panicked");
        all.sort_by_key(|(i, _)| *i);
        all.into_iter().map(|(_, result)| result).collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_numbers_however_many_work() {
        for jobs in [0, 1, 2, 7] {
            let crowd = Crowd::new(jobs, 100);
            let all = crowd.each(100, |i| i * i);
            assert_eq!(all, (0..100).map(|i| i * i).collect::<Vec<_>>());
            assert!(crowd.each(0, |i| i).is_empty());
        }
    }
}
