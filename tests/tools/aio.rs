// SPDX-License-Identifier: GPL-2.0-only
//! Many I/Os at a time from one thread, and how long they take by the guest's own clock.

use std::collections::HashMap;
use std::mem::size_of;
use std::time::Instant;

use anyhow::{ensure, Context, Result};

use crate::dm::Control;
use crate::pattern::{fill, mix, Buffer, Device, SECTOR};

/// Sectors of one I/O: 4 KiB.
const LEN: u64 = 8;

const READ: u16 = 0;
const WRITE: u16 = 1;

/// `struct iocb` (linux/aio_abi.h).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Request {
    data: u64,
    key: u32,
    rw_flags: u32,
    opcode: u16,
    priority: u16,
    fd: u32,
    buffer: u64,
    bytes: u64,
    offset: u64,
    reserved: u64,
    flags: u32,
    event_fd: u32,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Ended {
    data: u64,
    request: u64,
    result: i64,
    more: i64,
}

const _: () = assert!(size_of::<Request>() == 64 && size_of::<Ended>() == 32);

/// A queue of the kernel's for so many I/Os.
struct Queue(u64);

impl Queue {
    fn new(depth: usize) -> Result<Self> {
        let mut context = 0u64;
        // SAFETY: the kernel writes one number.
        let made = unsafe { libc::syscall(libc::SYS_io_setup, depth as u64, &mut context) };
        ensure!(made == 0, "io_setup: {}", std::io::Error::last_os_error());
        Ok(Queue(context))
    }

    /// Begins all of them.
    fn submit(&self, requests: &mut [Request]) -> Result<()> {
        let mut all: Vec<*mut Request> = requests.iter_mut().map(|r| r as *mut _).collect();
        while !all.is_empty() {
            // SAFETY: pointers to requests, which the kernel copies; their buffers outlive the queue.
            let n =
                unsafe { libc::syscall(libc::SYS_io_submit, self.0, all.len(), all.as_mut_ptr()) };
            ensure!(n > 0, "io_submit: {}", std::io::Error::last_os_error());
            all.drain(..n as usize);
        }
        Ok(())
    }

    /// Waits for one of them at least; as many as have ended.
    fn wait<'a>(&self, events: &'a mut [Ended]) -> Result<&'a [Ended]> {
        let none = std::ptr::null_mut::<libc::timespec>();
        let (most, room) = (events.len(), events.as_mut_ptr());
        // SAFETY: there is room for so many events.
        let n = unsafe { libc::syscall(libc::SYS_io_getevents, self.0, 1i64, most, room, none) };
        ensure!(n > 0, "io_getevents: {}", std::io::Error::last_os_error());
        for event in &events[..n as usize] {
            ensure!(
                event.result == (LEN as i64) * SECTOR as i64,
                "an I/O failed: {}",
                event.result
            );
        }
        Ok(&events[..n as usize])
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: it is ours; the call waits for what is under way.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}

fn request(device: &Device, write: bool, buffer: &[u8], sector: u64, name: u64) -> Request {
    Request {
        data: name,
        opcode: if write { WRITE } else { READ },
        fd: device.descriptor() as u32,
        buffer: buffer.as_ptr() as u64,
        bytes: LEN * SECTOR as u64,
        offset: sector * SECTOR as u64,
        ..Request::default()
    }
}

/// What `count` I/Os, `depth` at a time, at places of `span` sectors from `from` on, took: nanoseconds for
/// one of them as far as throughput goes, and the mean from beginning to end.
pub fn speed(
    device: &str,
    write: bool,
    from: u64,
    span: u64,
    depth: usize,
    count: u64,
) -> Result<(f64, f64)> {
    ensure!(
        span >= LEN && depth > 0 && count >= depth as u64,
        "nothing to measure"
    );
    let device = Device::open(device)?;
    let buffers: Vec<Buffer> = (0..depth)
        .map(|_| Buffer::new(LEN as usize))
        .collect::<Result<_>>()?;
    let queue = Queue::new(depth)?;
    let mut events = vec![Ended::default(); depth];
    let mut since = vec![Instant::now(); depth];
    let (mut seed, mut begun, mut ended, mut latency) = (1, 0, 0, 0u128);
    let mut free: Vec<u64> = (0..depth as u64).collect();
    let mut requests = Vec::with_capacity(depth);
    let start = Instant::now();
    while ended < count {
        requests.clear();
        while begun < count {
            let Some(name) = free.pop() else { break };
            let at = from + mix(&mut seed) % (span / LEN) * LEN;
            let buffer = &buffers[name as usize];
            since[name as usize] = Instant::now();
            requests.push(request(&device, write, buffer, at, name));
            begun += 1;
        }
        queue.submit(&mut requests)?;
        for event in queue.wait(&mut events)? {
            latency += since[event.data as usize].elapsed().as_nanos();
            free.push(event.data);
            ended += 1;
        }
    }
    let took = start.elapsed().as_nanos() as f64;
    Ok((took / count as f64, latency as f64 / count as f64))
}

/// Writes of one block each, from `from` on, `step` sectors apart, all of which reach the device before one
/// of them ends: `gate`, a device below it, is closed until then. The nanoseconds from its opening to the
/// end of all of them.
pub fn together(
    device: &str,
    from: u64,
    step: u64,
    count: u64,
    gate: &str,
    generation: u32,
) -> Result<u128> {
    let name = device.to_owned();
    let device = Device::open(device)?;
    let mut buffers = HashMap::new();
    let mut requests = Vec::new();
    for n in 0..count {
        let first = from + n * step;
        let mut buffer = Buffer::new(LEN as usize)?;
        for (sector, bytes) in (first..)
            .zip(buffer.chunks_exact_mut(SECTOR))
            .take(LEN as usize)
        {
            fill(bytes, sector, generation);
        }
        requests.push(request(&device, true, &buffer, first, n));
        buffers.insert(n, buffer);
    }
    let queue = Queue::new(requests.len())?;
    let control = Control::open()?;
    control.suspend(gate)?;
    let submitted = queue.submit(&mut requests);
    let start = Instant::now();
    control.resume(gate)?;
    submitted?;
    let mut events = vec![Ended::default(); requests.len()];
    let mut ended = 0;
    while ended < requests.len() {
        let wait = queue.wait(&mut events);
        ended += wait.with_context(|| name.clone())?.len();
    }
    Ok(start.elapsed().as_nanos())
}
