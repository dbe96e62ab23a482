// SPDX-License-Identifier: GPL-2.0-only

//! What bindgen made of `bindings/bindings.h`, fenced in: only [`crate::dm`] and
//! [`crate::kernel_ext`] use it.
//!
//! Types that the kernel crate binds already (bio, block_device, queue_limits, ...) are the kernel
//! crate's own, so that its functions and device-mapper's can be used on the same values.

// Generated code keeps C's names and bindgen's style.
#![allow(
    clippy::all,
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_code,
    unsafe_op_in_unsafe_fn
)]

pub(crate) use kernel::bindings::*;
use pin_init::MaybeZeroable;

include!(concat!(env!("DM_REMAP_GENERATED"), "/dm_generated.rs"));
