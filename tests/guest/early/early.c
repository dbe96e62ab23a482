// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to a device and closes it before the writes have completed, as no good user does: then the
 * device may be removed with its bios under way, and nobody but the target waits for them.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/wait.h>

#define SECTORS (PAGE_SIZE >> SECTOR_SHIFT)
#define MAX 64

static char *device = "";
module_param(device, charp, 0);
static unsigned long start;
module_param(start, ulong, 0);
static unsigned int count = 1;
module_param(count, uint, 0);

static DEFINE_SPINLOCK(lock);
static DECLARE_WAIT_QUEUE_HEAD(wait);
static unsigned int completed;
module_param(completed, uint, 0444);
static unsigned int failed;
module_param(failed, uint, 0444);

static struct page *page;

static void ended(struct bio *bio)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (bio->bi_status)
		failed++;
	completed++;
	spin_unlock_irqrestore(&lock, flags);
	bio_put(bio);
	wake_up(&wait);
}

static int __init early_init(void)
{
	struct bio *bios[MAX] = {};
	struct file *file;
	unsigned int n;

	if (!count || count > MAX)
		return -EINVAL;
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	memset(page_address(page), 0x5a, PAGE_SIZE);
	file = bdev_file_open_by_path(device, BLK_OPEN_READ | BLK_OPEN_WRITE, NULL, NULL);
	if (IS_ERR(file)) {
		__free_page(page);
		return PTR_ERR(file);
	}
	for (n = 0; n < count; n++) {
		bios[n] = bio_alloc(file_bdev(file), 1, REQ_OP_WRITE | REQ_SYNC, GFP_KERNEL);
		bios[n]->bi_iter.bi_sector = start + n * SECTORS;
		bios[n]->bi_end_io = ended;
		__bio_add_page(bios[n], page, PAGE_SIZE, 0);
	}
	for (n = 0; n < count; n++)
		submit_bio(bios[n]);
	bdev_fput(file);
	return 0;
}
module_init(early_init);

static void __exit early_exit(void)
{
	/* Without a limit: a bio that completes later would find neither code nor page. */
	wait_event(wait, READ_ONCE(completed) == count);
	__free_page(page);
}
module_exit(early_exit);

MODULE_DESCRIPTION("closes a device before its writes have completed");
MODULE_LICENSE("GPL");
