// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pairs of disks in memory that write down everything that happens to them, in
 * one order: each write with its data when it comes and again when it is done,
 * each flush, and marks that user space sets. From that, whoever reads the log
 * can tell what a power cut at any moment may leave. Their sectors fail on
 * request. `tool sectors crash` is the other side of this.
 *
 * A pair has one area of memory, which can be mapped: a page that says how long
 * the log is, the log, the image of main, the image of the spare.
 */
#include <linux/blkdev.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "recorder.h"

static unsigned int pairs = 1;
module_param(pairs, uint, 0444);
static unsigned int main_sectors = 2048;
module_param(main_sectors, uint, 0444);
static unsigned int spare_sectors = 4096;
module_param(spare_sectors, uint, 0444);
static unsigned int log_bytes = 16 << 20;
module_param(log_bytes, uint, 0444);
static bool quick;
module_param(quick, bool, 0444);
MODULE_PARM_DESC(quick, "end the lock validation of the kernel, which takes half of the time");

struct fault {
	u64 start, end;
	u32 disk, ops, how;
	s32 count;
};

struct head {
	u64 used;
	u64 dropped;
	u64 struck;	/* requests that a fault met */
};

struct waiting {
	struct bio *bio;
	u64 id;
};

#define FAULTS 1024
#define WAITING 64

struct disk {
	struct pair *pair;
	struct gendisk *gendisk;
	u8 *image;
	u8 number;
};

struct pair {
	spinlock_t lock;
	void *area;
	struct head *head;
	u8 *log;
	bool recording, slow;
	u64 next;
	u32 faults, waits;
	struct fault fault[FAULTS];
	struct waiting waiting[WAITING];
	struct disk disk[2];
	wait_queue_head_t wake;
	struct task_struct *thread;
};

static struct pair *all;

static struct event *append(struct pair *pair, size_t data)
{
	struct event *event;

	if (pair->head->used + sizeof(*event) + data > log_bytes) {
		pair->head->dropped++;
		return NULL;
	}
	event = (void *)(pair->log + pair->head->used);
	pair->head->used += sizeof(*event) + data;
	memset(event, 0, sizeof(*event));
	return event;
}

static void data_of(struct bio *bio, u8 *to, size_t len)
{
	struct bio_vec bv;
	struct bvec_iter iter;

	bio_for_each_segment(bv, bio, iter) {
		if (bv.bv_len > len)
			bv.bv_len = len;
		memcpy_from_bvec(to, &bv);
		to += bv.bv_len;
		len -= bv.bv_len;
		if (!len)
			break;
	}
}

static bool is_zeroes(struct bio *bio)
{
	return bio_op(bio) == REQ_OP_WRITE_ZEROES || bio_op(bio) == REQ_OP_DISCARD;
}

static u64 record_submit(struct disk *disk, struct bio *bio)
{
	struct pair *pair = disk->pair;
	u64 id = pair->next++;
	size_t data = is_zeroes(bio) ? 0 : bio->bi_iter.bi_size;
	struct event *event;

	if (!pair->recording)
		return id;
	event = append(pair, data);
	if (!event)
		return id;
	event->kind = SUBMIT;
	event->disk = disk->number;
	event->flags = (bio->bi_opf & REQ_PREFLUSH ? FLUSH : 0) |
		       (bio->bi_opf & REQ_FUA ? FUA : 0) | (is_zeroes(bio) ? ZEROES : 0);
	event->sectors = bio_sectors(bio);
	event->sector = bio->bi_iter.bi_sector;
	event->id = id;
	if (data)
		data_of(bio, (u8 *)(event + 1), data);
	return id;
}

/* How many sectors of a bio are carried out, and how it ends. */
static u32 strike(struct disk *disk, struct bio *bio)
{
	struct pair *pair = disk->pair;
	u64 start = bio->bi_iter.bi_sector, end = start + bio_sectors(bio);
	u32 n, op = op_is_write(bio_op(bio)) ? 2 : 1;

	/* A discard fails for nobody: it would be reported, and nothing else. */
	if (bio_op(bio) == REQ_OP_DISCARD)
		return end - start;
	if (bio->bi_opf & REQ_PREFLUSH)
		op = start == end ? 4 : 6;
	for (n = 0; n < pair->faults; n++) {
		struct fault *f = &pair->fault[n];

		if (f->disk != disk->number || !(f->ops & op) || !f->count)
			continue;
		if (!(f->ops & op & 4) && (f->start >= end || f->end <= start))
			continue;
		if (f->count > 0)
			f->count--;
		pair->head->struck++;
		bio->bi_status = f->how & 1 ? BLK_STS_IOERR : BLK_STS_MEDIUM;
		if (f->how & 2)
			return end - start;
		return f->start > start ? min(f->start, end) - start : 0;
	}
	return end - start;
}

/* Carries a bio out; it has to be ended when the lock is given up. */
static void perform(struct disk *disk, struct bio *bio, u64 id)
{
	struct pair *pair = disk->pair;
	u32 sectors = strike(disk, bio);
	u8 *at = disk->image + (bio->bi_iter.bi_sector << SECTOR_SHIFT);
	struct event *event;
	struct bio_vec bv;
	struct bvec_iter iter;

	if (bio_op(bio) == REQ_OP_READ) {
		bio_for_each_segment(bv, bio, iter) {
			memcpy_to_bvec(&bv, at);
			at += bv.bv_len;
		}
		return;
	}
	if (sectors && is_zeroes(bio))
		memset(at, 0, (size_t)sectors << SECTOR_SHIFT);
	else if (sectors)
		data_of(bio, at, (size_t)sectors << SECTOR_SHIFT);
	if (!pair->recording)
		return;
	event = append(pair, 0);
	if (!event)
		return;
	event->kind = DONE;
	event->disk = disk->number;
	event->status = bio->bi_status;
	event->sectors = sectors;
	event->id = id;
}

static void submit(struct bio *bio)
{
	struct disk *disk = bio->bi_bdev->bd_disk->private_data;
	struct pair *pair = disk->pair;
	u64 id = 0;

	spin_lock(&pair->lock);
	if (bio_op(bio) != REQ_OP_READ) {
		id = record_submit(disk, bio);
		if (pair->slow && pair->waits < WAITING) {
			pair->waiting[pair->waits].bio = bio;
			pair->waiting[pair->waits++].id = id;
			spin_unlock(&pair->lock);
			wake_up(&pair->wake);
			return;
		}
	}
	perform(disk, bio, id);
	spin_unlock(&pair->lock);
	bio_endio(bio);
}

/* Ends what is on its way to slow disks, one by one and in any order. */
static int work(void *data)
{
	struct pair *pair = data;
	struct waiting chosen;
	u32 n;

	while (!kthread_should_stop()) {
		wait_event_interruptible(pair->wake,
					 READ_ONCE(pair->waits) || kthread_should_stop());
		if (!READ_ONCE(pair->waits))
			continue;
		if (get_random_u32_below(3))
			usleep_range(10, 150);
		spin_lock(&pair->lock);
		n = get_random_u32_below(pair->waits);
		chosen = pair->waiting[n];
		pair->waiting[n] = pair->waiting[--pair->waits];
		perform(chosen.bio->bi_bdev->bd_disk->private_data, chosen.bio, chosen.id);
		spin_unlock(&pair->lock);
		bio_endio(chosen.bio);
	}
	return 0;
}

static const struct block_device_operations disk_ops = {
	.owner = THIS_MODULE,
	.submit_bio = submit,
};

static int control(struct pair *pair, const struct command *c)
{
	struct event *event;
	struct fault *fault;

	switch (c->what) {
	case RESET:
		pair->head->used = 0;
		pair->head->dropped = 0;
		pair->faults = 0;
		return 0;
	case MODE:
		pair->recording = c->ops & 1;
		pair->slow = c->ops & 2;
		return 0;
	case FAULT:
		if (pair->faults == FAULTS)
			return -ENOSPC;
		fault = &pair->fault[pair->faults++];
		fault->start = c->start;
		fault->end = c->start + c->len;
		fault->disk = c->disk;
		fault->ops = c->ops;
		fault->how = c->how;
		fault->count = c->count;
		return 0;
	case NOTE:
		event = append(pair, 0);
		if (!event)
			return -ENOSPC;
		event->kind = MARK;
		event->disk = c->disk;
		event->flags = c->how;
		event->sectors = c->len;
		event->sector = c->start;
		event->id = c->count;
		return 0;
	}
	return -EINVAL;
}

/* The number of the command is that of the pair; small ones are the kernel's own. */
static long recorder_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	unsigned int number = command - COMMANDS;
	struct command c;
	int result;

	if (number >= pairs)
		return -EINVAL;
	if (copy_from_user(&c, (void __user *)arg, sizeof(c)))
		return -EFAULT;
	spin_lock(&all[number].lock);
	result = control(&all[number], &c);
	spin_unlock(&all[number].lock);
	return result;
}

static size_t area_bytes(void)
{
	return PAGE_SIZE + log_bytes + (((size_t)main_sectors + spare_sectors) << SECTOR_SHIFT);
}

/* The pairs lie one behind the other. */
static int recorder_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long pages = area_bytes() >> PAGE_SHIFT;
	unsigned long number = vma->vm_pgoff / pages;

	if (number >= pairs)
		return -EINVAL;
	return remap_vmalloc_range(vma, all[number].area, vma->vm_pgoff % pages);
}

static const struct file_operations recorder_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = recorder_ioctl,
	.mmap = recorder_mmap,
};

static struct miscdevice recorder = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "recorder",
	.fops = &recorder_fops,
};

static int add_disk_of(struct pair *pair, u8 number, u8 *image, u32 sectors)
{
	struct queue_limits limits = {
		.logical_block_size = SECTOR_SIZE,
		.max_hw_discard_sectors = UINT_MAX,
		.max_write_zeroes_sectors = UINT_MAX,
		.features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA,
	};
	struct disk *disk = &pair->disk[number];
	int error;

	disk->pair = pair;
	disk->number = number;
	disk->image = image;
	disk->gendisk = blk_alloc_disk(&limits, NUMA_NO_NODE);
	if (IS_ERR(disk->gendisk)) {
		error = PTR_ERR(disk->gendisk);
		disk->gendisk = NULL;
		return error;
	}
	disk->gendisk->fops = &disk_ops;
	disk->gendisk->flags = GENHD_FL_NO_PART;
	disk->gendisk->private_data = disk;
	snprintf(disk->gendisk->disk_name, DISK_NAME_LEN, "%s%u", number ? "spare" : "main",
		 (unsigned int)(pair - all));
	set_capacity(disk->gendisk, sectors);
	error = add_disk(disk->gendisk);
	if (error) {
		put_disk(disk->gendisk);
		disk->gendisk = NULL;
	}
	return error;
}

static void pair_exit(struct pair *pair)
{
	int n;

	for (n = 0; n < 2; n++) {
		if (pair->disk[n].gendisk) {
			del_gendisk(pair->disk[n].gendisk);
			put_disk(pair->disk[n].gendisk);
		}
	}
	if (!IS_ERR_OR_NULL(pair->thread))
		kthread_stop(pair->thread);
	vfree(pair->area);
}

static int pair_init(struct pair *pair)
{
	u8 *images;

	spin_lock_init(&pair->lock);
	init_waitqueue_head(&pair->wake);
	pair->area = vmalloc_user(area_bytes());
	if (!pair->area)
		return -ENOMEM;
	pair->head = pair->area;
	pair->log = pair->area + PAGE_SIZE;
	images = pair->log + log_bytes;
	pair->thread = kthread_run(work, pair, "recorder");
	if (IS_ERR(pair->thread))
		return PTR_ERR(pair->thread);
	return add_disk_of(pair, 0, images, main_sectors) ?:
	       add_disk_of(pair, 1, images + ((size_t)main_sectors << SECTOR_SHIFT), spare_sectors);
}

static void recorder_exit(void)
{
	unsigned int n;

	misc_deregister(&recorder);
	for (n = 0; n < pairs; n++)
		pair_exit(&all[n]);
	kvfree(all);
}

static int __init recorder_init(void)
{
	unsigned int n;
	int error;

	if (!pairs || area_bytes() % PAGE_SIZE)
		return -EINVAL;
	all = kvcalloc(pairs, sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	if (quick)
		debug_locks_off();
	error = misc_register(&recorder);
	if (error) {
		kvfree(all);
		return error;
	}
	for (n = 0; n < pairs; n++) {
		error = pair_init(&all[n]);
		if (error) {
			recorder_exit();
			return error;
		}
	}
	return 0;
}

module_init(recorder_init);
module_exit(recorder_exit);
MODULE_DESCRIPTION("Disks that record what a power cut may leave");
MODULE_LICENSE("GPL");
