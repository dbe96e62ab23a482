/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words between the recorder and user space: what a log is made of, and
 * orders. tests/tools/crash/recorder.rs has them too.
 */
#include <linux/types.h>

enum { SUBMIT = 1, DONE = 2, MARK = 3 };
enum { FLUSH = 1, FUA = 2, ZEROES = 4 };

/* Data of as many sectors follows, if it is the submission of a write. */
struct event {
	u8 kind, disk, flags, status;
	u32 sectors;
	u64 sector;
	u64 id;
	u64 extra;
};

#define COMMANDS 0x7200
enum { RESET, MODE, FAULT, NOTE };

/* A note is a mark: `disk` is its disk, `how` its flags, `count` its id. */
struct command {
	u32 what;
	u32 disk;
	u64 start, len;
	u32 ops;	/* of a fault: 1 reads, 2 writes, 4 flushes */
	s32 count;	/* how often it strikes; for ever, if negative */
	u32 how;	/* 1: a plain I/O error. 2: what is written arrives all the same */
	u32 spare;
};
