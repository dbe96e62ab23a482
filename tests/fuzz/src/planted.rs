// SPDX-License-Identifier: GPL-2.0-only

//! What is wrong on purpose. Each hides behind four bytes that chance does not find: only a fuzzer that sees how far an input
//! comes gets there, byte by byte.

use std::hint::black_box;

use crate::targets::Target;

pub const PLANTED: &[Target] = &[
    planted("planted-panic", |data| {
        if is_hidden(data) {
            panic!("this was planted");
        }
    }),
    planted("planted-crash", |data| {
        if is_hidden(data) {
            std::process::abort();
        }
    }),
    planted("planted-hang", |data| {
        while is_hidden(data) {
            black_box(data);
        }
    }),
    planted("planted-memory", |data| {
        let mut all = Vec::new();
        while is_hidden(data) {
            all.push(black_box(vec![1u8; 1 << 20]));
        }
    }),
];

const fn planted(name: &'static str, run: fn(&[u8])) -> Target {
    Target {
        name,
        most: 64,
        run,
        seeds: || vec![b"nothing".to_vec()],
        words: &[],
    }
}

/// Each byte is a step of its own, and its value stands nowhere.
fn is_hidden(data: &[u8]) -> bool {
    is(data, 0, 7) && is(data, 1, 50) && is(data, 2, 113) && is(data, 3, 201)
}

#[inline(never)]
fn is(data: &[u8], at: usize, salt: u32) -> bool {
    let byte = data.get(at).copied().map_or(0, u32::from);
    black_box(byte.wrapping_mul(salt) % 251 == salt / 2)
}
