// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaves on request, so that the harness can be seen to notice: each kind
 * of misbehaviour is one that a test has to be failed for.
 */
#include <linux/completion.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *how = "";
module_param(how, charp, 0);

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void circular(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	msleep(1);
	spin_unlock(&spin);
}

static void rcu(void)
{
	static void __rcu *pointer;

	(void)rcu_dereference(pointer);
}

static void leak(void)
{
	int n;

	/* The first may still be named by a register or an old stack. */
	for (n = 0; n < 50; n++)
		(void)kmalloc(200, GFP_KERNEL);
}

static noinline void use_after_free(void)
{
	char *volatile place = kmalloc(100, GFP_KERNEL);

	kfree(place);
	place[10] = 1;
}

static noinline void out_of_bounds(void)
{
	char *volatile place = kmalloc(100, GFP_KERNEL);

	place[100] = 1;
	kfree(place);
}

static void refcount(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static void list(void)
{
	struct list_head head, entry;

	INIT_LIST_HEAD(&head);
	list_add(&entry, &head);
	entry.next = &entry;
	list_del(&entry);
}

static int sleeper(void *unused)
{
	struct completion never;

	init_completion(&never);
	wait_for_completion_timeout(&never, 8 * HZ);
	return 0;
}

static void hang(void)
{
	kthread_run(sleeper, NULL, "checker-hang");
	msleep(9000);
}

static void warn(void)
{
	WARN_ON(1);
}

static void oops(void)
{
	*(volatile int *)NULL = 1;
}

static void silence_lockdep(void)
{
	/* As lockdep does it after its first report. */
	debug_locks = 0;
}

static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*act)(void);
} kinds[] = {
	{ "circular", circular },
	{ "sleep", sleep_in_atomic },
	{ "rcu", rcu },
	{ "leak", leak },
	{ "use-after-free", use_after_free },
	{ "out-of-bounds", out_of_bounds },
	{ "refcount", refcount },
	{ "list", list },
	{ "hang", hang },
	{ "warn", warn },
	{ "oops", oops },
	{ "lockdep-off", silence_lockdep },
	{ "nothing", nothing },
};

static int __init checker_init(void)
{
	int n;

	for (n = 0; n < ARRAY_SIZE(kinds); n++)
		if (!strcmp(kinds[n].name, how)) {
			kinds[n].act();
			return 0;
		}
	return -EINVAL;
}

static void __exit checker_exit(void)
{
}

module_init(checker_init);
module_exit(checker_exit);
MODULE_DESCRIPTION("Misbehaves on request");
MODULE_LICENSE("GPL");
