/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bindgen reads: device-mapper's interface, which the kernel crate does not bind, the
 * functions of helpers.c, and constants that bindgen cannot evaluate because they are casts. In
 * Rust the prefixes dm_remap_helper_ and DM_REMAP_CONST_ are gone.
 *
 * Types of the block layer are not bound again: they come from the kernel crate.
 */

#include <linux/blk_types.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-ioctl.h>

#include "helpers.h"

const gfp_t DM_REMAP_CONST_GFP_NOIO = GFP_NOIO;

const blk_status_t DM_REMAP_CONST_STS_OK = BLK_STS_OK;
const blk_status_t DM_REMAP_CONST_STS_NOTSUPP = BLK_STS_NOTSUPP;
const blk_status_t DM_REMAP_CONST_STS_TIMEOUT = BLK_STS_TIMEOUT;
const blk_status_t DM_REMAP_CONST_STS_NOSPC = BLK_STS_NOSPC;
const blk_status_t DM_REMAP_CONST_STS_TRANSPORT = BLK_STS_TRANSPORT;
const blk_status_t DM_REMAP_CONST_STS_TARGET = BLK_STS_TARGET;
const blk_status_t DM_REMAP_CONST_STS_RESV_CONFLICT = BLK_STS_RESV_CONFLICT;
const blk_status_t DM_REMAP_CONST_STS_MEDIUM = BLK_STS_MEDIUM;
const blk_status_t DM_REMAP_CONST_STS_PROTECTION = BLK_STS_PROTECTION;
const blk_status_t DM_REMAP_CONST_STS_RESOURCE = BLK_STS_RESOURCE;
const blk_status_t DM_REMAP_CONST_STS_IOERR = BLK_STS_IOERR;
const blk_status_t DM_REMAP_CONST_STS_AGAIN = BLK_STS_AGAIN;
const blk_status_t DM_REMAP_CONST_STS_DEV_RESOURCE = BLK_STS_DEV_RESOURCE;
const blk_status_t DM_REMAP_CONST_STS_ZONE_OPEN = BLK_STS_ZONE_OPEN_RESOURCE;
const blk_status_t DM_REMAP_CONST_STS_ZONE_ACTIVE = BLK_STS_ZONE_ACTIVE_RESOURCE;
const blk_status_t DM_REMAP_CONST_STS_OFFLINE = BLK_STS_OFFLINE;
const blk_status_t DM_REMAP_CONST_STS_DURATION = BLK_STS_DURATION_LIMIT;
const blk_status_t DM_REMAP_CONST_STS_INVAL = BLK_STS_INVAL;

const unsigned short DM_REMAP_CONST_FLAG_REMAPPED = 1 << BIO_REMAPPED;
const unsigned short DM_REMAP_CONST_FLAG_BPS_THROTTLED = 1 << BIO_BPS_THROTTLED;

const blk_features_t DM_REMAP_CONST_FEAT_POLL = BLK_FEAT_POLL;

const blk_mode_t DM_REMAP_CONST_OPEN_READ = BLK_OPEN_READ;
const blk_mode_t DM_REMAP_CONST_OPEN_WRITE = BLK_OPEN_WRITE;
