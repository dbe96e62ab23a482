// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device-mapper target for a disk that goes bad under data that is in use: a
 * write to a bad sector fails, always, with a plain I/O error, as with most
 * drives. What was written there before can still be read, and flushes work. (A
 * bad block of dm-dust cannot be read, and dm-flakey fails flushes as well.)
 *
 *   table:   weak DEVICE
 *   message: bad FIRST COUNT [STEP [END]]   of each STEP sectors, if given
 *   status:  how many sectors are bad, and how many of them somebody tried to write
 */
#include <linux/bitmap.h>
#include <linux/device-mapper.h>
#include <linux/module.h>

struct weak {
	struct dm_dev *dev;
	unsigned long *bad, *tried;
};

static void weak_free(struct weak *weak)
{
	kvfree(weak->bad);
	kvfree(weak->tried);
	kfree(weak);
}

static int weak_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	size_t longs = BITS_TO_LONGS(ti->len);
	struct weak *weak;
	int error;

	if (argc != 1 || ti->begin || ti->len > INT_MAX) {
		ti->error = "a device is wanted, and a table of its own";
		return -EINVAL;
	}
	weak = kzalloc(sizeof(*weak), GFP_KERNEL);
	if (!weak)
		return -ENOMEM;
	weak->bad = kvcalloc(longs, sizeof(long), GFP_KERNEL);
	weak->tried = kvcalloc(longs, sizeof(long), GFP_KERNEL);
	error = -ENOMEM;
	if (weak->bad && weak->tried)
		error = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &weak->dev);
	if (error) {
		weak_free(weak);
		return error;
	}
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->private = weak;
	return 0;
}

static void weak_dtr(struct dm_target *ti)
{
	struct weak *weak = ti->private;

	dm_put_device(ti, weak->dev);
	weak_free(weak);
}

static int weak_map(struct dm_target *ti, struct bio *bio)
{
	struct weak *weak = ti->private;
	unsigned long at = bio->bi_iter.bi_sector, end = bio_end_sector(bio);

	bio_set_dev(bio, weak->dev->bdev);
	if (bio_op(bio) != REQ_OP_WRITE && bio_op(bio) != REQ_OP_WRITE_ZEROES)
		return DM_MAPIO_REMAPPED;
	at = find_next_bit(weak->bad, end, at);
	if (at >= end)
		return DM_MAPIO_REMAPPED;
	for_each_set_bit_from(at, weak->bad, end)
		set_bit(at, weak->tried);
	return DM_MAPIO_KILL;
}

static int weak_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			unsigned int maxlen)
{
	struct weak *weak = ti->private;
	u32 number[4] = { 0, 0, ti->len, ti->len };
	u64 at;
	int n, error;

	if (argc < 3 || argc > 5 || strcmp(argv[0], "bad"))
		return -EINVAL;
	for (n = 1; n < argc; n++) {
		error = kstrtou32(argv[n], 10, &number[n - 1]);
		if (error)
			return error;
	}
	if (!number[1] || !number[2] || number[3] > ti->len)
		return -EINVAL;
	for (at = number[0]; at + number[1] <= number[3]; at += number[2])
		bitmap_set(weak->bad, at, number[1]);
	return 0;
}

static void weak_status(struct dm_target *ti, status_type_t type, unsigned int flags,
			char *result, unsigned int maxlen)
{
	struct weak *weak = ti->private;
	unsigned int sz = 0;

	if (type == STATUSTYPE_INFO)
		DMEMIT("%u %u", bitmap_weight(weak->bad, ti->len),
		       bitmap_weight(weak->tried, ti->len));
	else if (type == STATUSTYPE_TABLE)
		DMEMIT("%s", weak->dev->name);
	else
		*result = '\0';
}

static int weak_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct weak *weak = ti->private;

	return fn(ti, weak->dev, 0, ti->len, data);
}

static struct target_type weak_target = {
	.name = "weak",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = weak_ctr,
	.dtr = weak_dtr,
	.map = weak_map,
	.message = weak_message,
	.status = weak_status,
	.iterate_devices = weak_iterate_devices,
};
module_dm(weak);

MODULE_DESCRIPTION("A disk that goes bad while it is in use");
MODULE_LICENSE("GPL");
