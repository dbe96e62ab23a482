// SPDX-License-Identifier: GPL-2.0-only
//! What the integration tests share.

pub mod case;
pub mod verdict;
