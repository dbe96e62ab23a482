/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel offers only as macros and inline functions, as functions that Rust can call.
 * Nothing here decides anything: one call, or one loop that the kernel spells as a macro.
 */

#ifndef DM_REMAP_HELPERS_H
#define DM_REMAP_HELPERS_H

#include <linux/blkdev.h>
#include <linux/dm-ioctl.h>
#include <linux/srcu.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

struct kobject;
struct mapped_device;
struct ratelimit_state;

/* What a block device says of itself; filled in one call because no call is hot. */
struct dm_remap_bdev_facts {
	u32 dev;
	u32 whole_dev;
	/* The first sector of a partition in its whole disk; 0 for a whole disk. */
	u64 start_sector;
	u64 nr_sectors;
	u32 logical_block_size;
	u32 physical_block_size;
	/* The first sector at which a physical block begins, modulo 2^32. */
	u32 physical_edge;
	u32 max_discard_sectors;
	u32 max_write_zeroes_sectors;
	bool zoned;
	bool read_only;
	bool write_cache;
	bool rotational;
	bool partition;
	/* One of device-mapper's. */
	bool mapped;
	/* Of the partition table, or for one of device-mapper's what it was given there; or empty. */
	char uuid[DM_UUID_LEN];
	char name[48];
};

/* The hot path. */
struct srcu_ctr __percpu *dm_remap_helper_srcu_down(struct srcu_struct *ssp);
void dm_remap_helper_srcu_up(struct srcu_struct *ssp, struct srcu_ctr __percpu *ctr);

int dm_remap_helper_srcu_init(struct srcu_struct *ssp);

void dm_remap_helper_bio_set_dev(struct bio *bio, struct block_device *bdev);

void dm_remap_helper_spin_lock_init(spinlock_t *lock, const char *name,
				    struct lock_class_key *key);
unsigned long dm_remap_helper_spin_lock_irqsave(spinlock_t *lock);
bool dm_remap_helper_spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags);
void dm_remap_helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags);
void dm_remap_helper_spin_assert_held(spinlock_t *lock);

unsigned int dm_remap_helper_noio_save(void);
void dm_remap_helper_noio_restore(unsigned int flags);
unsigned int dm_remap_helper_noreclaim_save(void);
void dm_remap_helper_noreclaim_restore(unsigned int flags);

void dm_remap_helper_init_delayed_work(struct delayed_work *work, work_func_t func);
struct workqueue_struct *dm_remap_helper_alloc_ordered(const char *name);

void dm_remap_helper_ratelimit_init(struct ratelimit_state *state, int interval, int burst);

struct file *dm_remap_helper_bdev_open(dev_t dev, blk_mode_t mode);
struct block_device *dm_remap_helper_file_bdev(struct file *file);
void dm_remap_helper_bdev_facts(struct block_device *bdev, struct dm_remap_bdev_facts *facts);
u64 dm_remap_helper_bdev_traffic(struct block_device *bdev, unsigned int *under_way);
int dm_remap_helper_bdev_unique_id(struct block_device *bdev, u8 *id, int kind);

void *dm_remap_helper_buf_alloc(size_t len, bool may_wait);
bool dm_remap_helper_bio_add(struct bio *bio, void *buf, unsigned int len);
void dm_remap_helper_buf_read_done(void *buf, unsigned int len);
void dm_remap_helper_bio_reset_remaining(struct bio *bio);
void dm_remap_helper_bio_copy(struct bio *bio, const struct bvec_iter *iter, unsigned int offset,
			      void *buf, unsigned int len, bool to_bio);

struct dm_target;
void dm_remap_helper_target_flags(struct dm_target *ti);
void dm_remap_helper_limit_swap_bios(struct dm_target *ti, bool limit);
void dm_remap_helper_discards_supported(struct dm_target *ti);
void dm_remap_helper_limits_discard(struct queue_limits *limits, struct block_device *bdev,
				    sector_t start);

/* A record of a log block that was written, to a copy for each bit of @written. */
void dm_remap_helper_trace_commit(const char *device, u64 generation, u32 written,
				  const char *what, u64 sector, u32 spare);

struct kobject *dm_remap_helper_disk_kobj(struct mapped_device *md);
void dm_remap_helper_attr_init(struct attribute *attr);

#endif
