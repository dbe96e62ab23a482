// SPDX-License-Identifier: GPL-2.0-only

#include <linux/bio.h>
#include <linux/cred.h>
#include <linux/device-mapper.h>
#include <linux/highmem.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/part_stat.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "helpers.h"

/*
 * The fast flavour has no full memory barrier on the reader's side; the grace period pays
 * instead, by waiting for RCU.
 */
struct srcu_ctr __percpu *dm_remap_helper_srcu_down(struct srcu_struct *ssp)
{
	return srcu_down_read_fast(ssp);
}

void dm_remap_helper_srcu_up(struct srcu_struct *ssp, struct srcu_ctr __percpu *ctr)
{
	srcu_up_read_fast(ssp, ctr);
}

int dm_remap_helper_srcu_init(struct srcu_struct *ssp)
{
	return init_srcu_struct_fast_updown(ssp);
}

void dm_remap_helper_bio_set_dev(struct bio *bio, struct block_device *bdev)
{
	bio_set_dev(bio, bdev);
}

void dm_remap_helper_spin_lock_init(spinlock_t *lock, const char *name,
				    struct lock_class_key *key)
{
#if defined(CONFIG_DEBUG_SPINLOCK) && !defined(CONFIG_PREEMPT_RT)
	__raw_spin_lock_init(spinlock_check(lock), name, key, LD_WAIT_CONFIG);
#else
	spin_lock_init(lock);
#endif
}

unsigned long dm_remap_helper_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

bool dm_remap_helper_spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags)
{
	unsigned long f;
	bool locked = spin_trylock_irqsave(lock, f);

	*flags = f;
	return locked;
}

void dm_remap_helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

void dm_remap_helper_spin_assert_held(spinlock_t *lock)
{
	lockdep_assert_held(lock);
}

unsigned int dm_remap_helper_noio_save(void)
{
	return memalloc_noio_save();
}

void dm_remap_helper_noio_restore(unsigned int flags)
{
	memalloc_noio_restore(flags);
}

unsigned int dm_remap_helper_noreclaim_save(void)
{
	return memalloc_noreclaim_save();
}

void dm_remap_helper_noreclaim_restore(unsigned int flags)
{
	memalloc_noreclaim_restore(flags);
}

void dm_remap_helper_init_delayed_work(struct delayed_work *work, work_func_t func)
{
	INIT_DELAYED_WORK(work, func);
}

struct workqueue_struct *dm_remap_helper_alloc_ordered(const char *name)
{
	return alloc_ordered_workqueue("%s", WQ_MEM_RECLAIM, name);
}

void dm_remap_helper_ratelimit_init(struct ratelimit_state *state, int interval, int burst)
{
	ratelimit_state_init(state, interval, burst);
}

/*
 * An own reference beside device-mapper's claim, so without a holder. Opened with the kernel's
 * credentials, as device-mapper does, since the file would pin the caller's.
 */
struct file *dm_remap_helper_bdev_open(dev_t dev, blk_mode_t mode)
{
	struct file *file;

	scoped_with_kernel_creds()
		file = bdev_file_open_by_dev(dev, mode, NULL, NULL);
	return file;
}

struct block_device *dm_remap_helper_file_bdev(struct file *file)
{
	return file_bdev(file);
}

void dm_remap_helper_bdev_facts(struct block_device *bdev, struct dm_remap_bdev_facts *facts)
{
	int offset = bdev_alignment_offset(bdev);
	struct mapped_device *md;

	memset(facts, 0, sizeof(*facts));
	facts->dev = bdev->bd_dev;
	facts->whole_dev = bdev_whole(bdev)->bd_dev;
	facts->start_sector = bdev->bd_start_sect;
	facts->nr_sectors = bdev_nr_sectors(bdev);
	facts->logical_block_size = bdev_logical_block_size(bdev);
	facts->physical_block_size = bdev_physical_block_size(bdev);
	/* What is stacked out of step has no answer, and is taken as its disk is numbered. */
	facts->physical_edge = offset < 0 ? -bdev->bd_start_sect : offset >> SECTOR_SHIFT;
	facts->max_discard_sectors = bdev_max_discard_sectors(bdev);
	facts->max_write_zeroes_sectors = bdev_write_zeroes_sectors(bdev);
	facts->zoned = bdev_is_zoned(bdev);
	facts->read_only = bdev_read_only(bdev);
	facts->write_cache = bdev_write_cache(bdev);
	facts->rotational = bdev_rot(bdev);
	facts->partition = bdev_is_partition(bdev);
	md = dm_get_md(facts->whole_dev);
	if (md) {
		facts->mapped = true;
		dm_copy_name_and_uuid(md, NULL, facts->uuid);
		dm_put(md);
	} else if (bdev->bd_meta_info) {
		strscpy(facts->uuid, bdev->bd_meta_info->uuid);
	}
	snprintf(facts->name, sizeof(facts->name), "%pg", bdev);
}

/*
 * Sectors that the whole disk of @bdev has read, written and discarded. So many requests are @under_way; UINT_MAX
 * if it does not count: nobody can tell that it is idle.
 */
u64 dm_remap_helper_bdev_traffic(struct block_device *bdev, unsigned int *under_way)
{
	struct block_device *whole = bdev_whole(bdev);

	*under_way = blk_queue_io_stat(bdev_get_queue(whole)) ? bdev_count_inflight(whole) :
								UINT_MAX;
	return part_stat_read_accum(whole, sectors);
}

/* How many of the 16 bytes of @id the disk filled for an identity of @kind; negative if none. */
int dm_remap_helper_bdev_unique_id(struct block_device *bdev, u8 *id, int kind)
{
	struct gendisk *disk = bdev->bd_disk;

	if (!disk->fops->get_unique_id)
		return -EOPNOTSUPP;
	return disk->fops->get_unique_id(disk, id, kind);
}

void *dm_remap_helper_buf_alloc(size_t len, bool may_wait)
{
	return kvzalloc(PAGE_ALIGN(len), may_wait ? GFP_KERNEL : GFP_NOWAIT);
}

/* Adds @len bytes at @buf, which may be of vmalloc and is page-aligned then. */
bool dm_remap_helper_bio_add(struct bio *bio, void *buf, unsigned int len)
{
	if (!is_vmalloc_addr(buf))
		return bio_add_page(bio, virt_to_page(buf), len, offset_in_page(buf)) == len;

	if (op_is_write(bio_op(bio)))
		flush_kernel_vmap_range(buf, len);
	while (len) {
		unsigned int part = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(buf));

		if (bio_add_page(bio, vmalloc_to_page(buf), part, offset_in_page(buf)) != part)
			return false;
		buf += part;
		len -= part;
	}
	return true;
}

void dm_remap_helper_buf_read_done(void *buf, unsigned int len)
{
	if (is_vmalloc_addr(buf))
		invalidate_kernel_vmap_range(buf, len);
}

void dm_remap_helper_bio_reset_remaining(struct bio *bio)
{
	atomic_set(&bio->__bi_remaining, 1);
}

/* Copies @len bytes at @offset of what @iter walks; the caller knows that they lie in it. */
void dm_remap_helper_bio_copy(struct bio *bio, const struct bvec_iter *iter, unsigned int offset,
			      void *buf, unsigned int len, bool to_bio)
{
	struct bvec_iter start = *iter;
	struct bvec_iter pos;
	struct bio_vec bv;

	bio_advance_iter(bio, &start, offset);
	start.bi_size = len;
	__bio_for_each_segment(bv, bio, pos, start) {
		if (to_bio)
			memcpy_to_bvec(&bv, buf);
		else
			memcpy_from_bvec(buf, &bv);
		buf += bv.bv_len;
	}
}

struct kobject *dm_remap_helper_disk_kobj(struct mapped_device *md)
{
	return &disk_to_dev(dm_disk(md))->kobj;
}

void dm_remap_helper_attr_init(struct attribute *attr)
{
	sysfs_attr_init(attr);
}

/* Bit fields, which bindgen sets with code that checks an index. */
void dm_remap_helper_target_flags(struct dm_target *ti)
{
	ti->accounts_remapped_io = true;
	ti->flush_bypasses_map = false;
}

void dm_remap_helper_limit_swap_bios(struct dm_target *ti, bool limit)
{
	ti->limit_swap_bios = limit;
}

void dm_remap_helper_discards_supported(struct dm_target *ti)
{
	ti->discards_supported = true;
}

/* Discards as @bdev has them from @start on, in place of what was stacked. */
void dm_remap_helper_limits_discard(struct queue_limits *limits, struct block_device *bdev,
				    sector_t start)
{
	unsigned int granularity = bdev_discard_granularity(bdev);

	limits->max_discard_sectors = bdev_max_discard_sectors(bdev);
	limits->max_hw_discard_sectors = limits->max_discard_sectors;
	limits->discard_granularity = granularity;
	limits->discard_alignment = 0;
	if (granularity >> SECTOR_SHIFT) {
		u32 past = do_div(start, granularity >> SECTOR_SHIFT) << SECTOR_SHIFT;

		limits->discard_alignment =
			(bdev_discard_alignment(bdev) + granularity - past) % granularity;
	}
}
