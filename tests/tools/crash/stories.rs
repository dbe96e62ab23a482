// SPDX-License-Identifier: GPL-2.0-only
//! The stories that the campaign tells. Each is about one thing, with some of the others in it.

use super::acts::Act::{self, *};
use super::story::Story;

const PLAIN: &[(Act, u64)] = &[(Write, 24), (Flush, 4), (Read, 4)];

const BASE: Story = Story {
    name: "",
    features: "",
    span: 256,
    longest: 20,
    threads: 1,
    slow: true,
    after: 0,
    length: 40,
    sessions: 1,
    acts_of: PLAIN,
    verbs: &["remap"],
    bad_every: 12,
    errors_ok: false,
};

/// Several writers.
const BUSY: Story = Story {
    threads: 3,
    length: 16,
    ..BASE
};

pub const ALL: [Story; 15] = [
    Story {
        name: "blocks-move",
        slow: false,
        ..BASE
    },
    Story {
        name: "four-writers",
        threads: 4,
        ..BUSY
    },
    Story {
        name: "parts-that-cannot-be-read",
        longest: 6,
        acts_of: &[(Write, 24), (Flush, 4), (Read, 8), (BadRead, 4)],
        ..BASE
    },
    Story {
        name: "messages",
        verbs: &["remap", "remap", "evacuate", "retest", "mark", "unmark"],
        acts_of: &[(Write, 24), (Flush, 4), (Read, 4), (Message, 6)],
        bad_every: 80,
        ..BASE
    },
    Story {
        name: "more-places-fail",
        acts_of: &[(Write, 24), (Flush, 4), (Read, 4), (BadWrite, 6)],
        ..BUSY
    },
    Story {
        name: "the-log-is-written-anew",
        span: 2048,
        longest: 4,
        after: 62,
        bad_every: 5,
        length: 30,
        acts_of: &[
            (Write, 24),
            (Flush, 4),
            (Read, 4),
            (Message, 12),
            (BadRead, 2),
        ],
        ..BASE
    },
    Story {
        name: "suspended-and-reloaded",
        acts_of: &[
            (Write, 24),
            (Flush, 4),
            (Read, 4),
            (Message, 2),
            (Suspend, 2),
            (Reload, 2),
        ],
        ..BUSY
    },
    Story {
        name: "closed-and-opened",
        sessions: 5,
        length: 8,
        ..BASE
    },
    Story {
        name: "zeros-and-discards",
        acts_of: &[(Write, 20), (Flush, 4), (Read, 8), (Zero, 6), (Discard, 4)],
        bad_every: 12,
        ..BUSY
    },
    Story {
        name: "spare-blocks-fail",
        acts_of: &[(Write, 24), (Flush, 4), (Read, 4), (BadSpare, 8)],
        bad_every: 12,
        errors_ok: true,
        ..BASE
    },
    Story {
        name: "flushes-fail",
        acts_of: &[(Write, 24), (Flush, 4), (Read, 4), (BadFlush, 2)],
        bad_every: 16,
        errors_ok: true,
        ..BASE
    },
    Story {
        name: "copies-of-the-log-fail",
        acts_of: &[(Write, 24), (Flush, 4), (Read, 4), (BadLog, 2)],
        bad_every: 12,
        errors_ok: true,
        ..BASE
    },
    Story {
        name: "blocks-of-one-sector",
        features: "block_sectors 1",
        longest: 6,
        bad_every: 12,
        ..BASE
    },
    Story {
        name: "blocks-of-16-KiB",
        features: "block_sectors 32",
        threads: 2,
        bad_every: 16,
        ..BUSY
    },
    Story {
        name: "everything",
        acts_of: &[
            (Write, 24),
            (Flush, 4),
            (Read, 4),
            (Zero, 1),
            (Discard, 1),
            (Message, 3),
            (BadWrite, 2),
            (BadRead, 1),
            (BadSpare, 1),
            (BadFlush, 1),
            (BadLog, 1),
            (Suspend, 1),
            (Reload, 1),
        ],
        verbs: &["remap", "retest"],
        threads: 4,
        sessions: 3,
        length: 10,
        errors_ok: true,
        ..BUSY
    },
];
