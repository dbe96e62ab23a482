// SPDX-License-Identifier: GPL-2.0-only

//! The cases. An assertion of KUnit ends its thread without dropping anything, so what a failed case
//! leaves behind is nobody's concern.

use kernel::prelude::*;

// The macro makes functions that C calls, and one case looks into the current task.
#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::undocumented_unsafe_blocks
)]
#[kunit_tests(dm_remap_layers)]
mod cases {
    use crate::{
        bindings,
        dm::{
            events::EventSink,
            io::IoBuffer,
            status::Status,
            text::TextWriter, //
        },
        kernel_ext::{
            clock,
            noio::NoIo,
            published::Published,
            ratelimit::RateLimit,
            spinlock::{new_spinlock_irqsave, SpinLockIrq}, //
        },
        object::{Count, Object, Tracked},
    };
    use core::fmt::Write;
    use kernel::prelude::*;

    /// Longer than any case waits for.
    const NEVER_MS: u32 = 3_600_000;

    #[test]
    fn a_replaced_value_stays_for_its_readers() -> Result {
        let gone = Count::new()?;
        let cell = KBox::pin_init(Published::new(Tracked::new(1, &gone)?), GFP_KERNEL)?;
        let old = cell.read();
        cell.publish(Tracked::new(2, &gone)?);
        assert_eq!(cell.read().value, 2);
        assert_eq!(old.value, 1);
        assert_eq!(gone.get(), 0);
        drop(old);
        cell.wait();
        assert_eq!(gone.get(), 1);
        drop(cell);
        assert_eq!(gone.get(), 2);
        Ok(())
    }

    #[test]
    fn replaced_values_do_not_pile_up() -> Result {
        let gone = Count::new()?;
        let cell = KBox::pin_init(Published::new(Tracked::new(0, &gone)?), GFP_KERNEL)?;
        for value in 1..=50 {
            cell.publish(Tracked::new(value, &gone)?);
            assert_eq!(cell.read().value, value);
            // The one in use, and at most eight that wait for their readers.
            assert!(gone.get() + 9 > value);
            assert!(gone.get() + 8 >= value);
        }
        assert!(gone.get() >= 50 - 8);
        drop(cell);
        assert_eq!(gone.get(), 51);
        Ok(())
    }

    #[test]
    fn a_wait_lasts_until_the_worker_ends_the_reader() -> Result {
        let (gone, runs) = (Count::new()?, Count::new()?);
        let object = Object::new(&gone, &runs)?;
        let token = object.cell.read().into_token();
        *object.token.lock() = Some(token);
        object.kick_after(50);
        object.cell.publish(Tracked::new(2, &gone)?);
        object.cell.wait();
        assert_eq!(runs.get(), 1);
        assert_eq!(gone.get(), 1);
        Ok(())
    }

    #[test]
    fn a_flush_runs_what_is_pending() -> Result {
        let (gone, runs) = (Count::new()?, Count::new()?);
        let object = Object::new(&gone, &runs)?;
        object.flush();
        assert_eq!(runs.get(), 0);
        object.kick();
        object.flush();
        assert_eq!(runs.get(), 1);
        object.kick_after(NEVER_MS);
        object.flush();
        assert_eq!(runs.get(), 2);
        // An earlier kick takes the place of a later one.
        object.kick_after(NEVER_MS);
        object.kick();
        object.flush();
        assert_eq!(runs.get(), 3);
        Ok(())
    }

    #[test]
    fn what_is_cancelled_does_not_run() -> Result {
        let (gone, runs) = (Count::new()?, Count::new()?);
        let object = Object::new(&gone, &runs)?;
        object.kick_after(NEVER_MS);
        object.cancel_sync();
        object.flush();
        assert_eq!(runs.get(), 0);
        // A worker that drops takes back what is pending, and its object goes.
        object.kick_after(NEVER_MS);
        drop(object);
        assert_eq!(runs.get(), 0);
        assert_eq!(gone.get(), 1);
        Ok(())
    }

    #[test]
    fn runs_of_a_worker_never_overlap() -> Result {
        let (gone, runs) = (Count::new()?, Count::new()?);
        let object = Object::new(&gone, &runs)?;
        for _ in 0..500 {
            object.kick();
        }
        object.flush();
        assert!(runs.get() >= 1);
        assert!(runs.get() <= 500);
        assert_eq!(object.overlaps.get(), 0);
        Ok(())
    }

    fn may_do_io() -> bool {
        // SAFETY: the current task exists, and only it changes these flags.
        let flags = unsafe { (*bindings::get_current()).flags };
        flags & bindings::PF_MEMALLOC_NOIO == 0
    }

    #[test]
    fn no_io_scopes_nest() {
        assert!(may_do_io());
        let outer = NoIo::enter();
        assert!(!may_do_io());
        let inner = NoIo::enter();
        drop(inner);
        assert!(!may_do_io());
        drop(outer);
        assert!(may_do_io());
    }

    #[test]
    fn a_lock_that_is_held_is_not_given_again() -> Result {
        let lock: Pin<KBox<SpinLockIrq<u32>>> =
            KBox::pin_init(new_spinlock_irqsave!(7, "dm-remap layers"), GFP_KERNEL)?;
        let mut guard = lock.lock();
        let again = lock.try_lock().is_some();
        *guard += 1;
        // An assertion that fails must not sleep under the lock.
        drop(guard);
        assert!(!again);
        let now = lock.try_lock().map(|guard| *guard);
        assert_eq!(now, Some(8));
        Ok(())
    }

    #[test]
    fn a_burst_is_let_through_and_no_more() -> Result {
        let limit = KBox::pin_init(RateLimit::with(3600, 3), GFP_KERNEL)?;
        for _ in 0..3 {
            assert!(limit.allow());
        }
        assert!(!limit.allow());
        assert!(!limit.allow());
        Ok(())
    }

    #[test]
    fn text_is_cut_off_where_the_buffer_ends() {
        let mut page = [0xffu8; 8];
        // SAFETY: the first six bytes are valid for the writer.
        let mut out = unsafe { TextWriter::from_raw(page.as_mut_ptr().cast(), 6) };
        assert!(out.is_empty());
        assert!(write!(out, "{}", "ab").is_ok());
        assert!(!out.is_empty());
        assert!(write!(out, "{}", "cdefgh").is_ok());
        assert!(write!(out, "{}", "i").is_ok());
        assert_eq!(&page, b"abcde\0\xff\xff");
        // SAFETY: no byte is written to an empty buffer.
        let mut none = unsafe { TextWriter::from_raw(page.as_mut_ptr().cast(), 0) };
        assert!(write!(none, "{}", "ab").is_ok());
        assert_eq!(&page, b"abcde\0\xff\xff");
    }

    #[test]
    fn a_buffer_gives_no_sector_past_its_end() -> Result {
        assert!(IoBuffer::new(0).is_err());
        assert!(IoBuffer::new(4097).is_err());
        // Of the slab, and of vmalloc.
        for sectors in [1, 8, 2048] {
            let mut buf = IoBuffer::new(sectors)?;
            assert_eq!(buf.len_sectors(), sectors);
            assert_eq!(buf.bytes().len(), sectors as usize * 512);
            assert!(buf.bytes().iter().all(|&byte| byte == 0));
            let last = buf.sectors_mut(sectors - 1, 1).ok_or(EINVAL)?;
            last.fill(0x5a);
            assert!(buf.bytes().ends_with(&[0x5a; 512]));
            assert_eq!(buf.sectors(sectors, 0).map(<[u8]>::len), Some(0));
            assert!(buf.sectors(sectors, 1).is_none());
            assert!(buf.sectors(0, sectors + 1).is_none());
            assert!(buf.sectors(u32::MAX, u32::MAX).is_none());
        }
        Ok(())
    }

    #[test]
    fn an_event_without_a_table_is_nothing() -> Result {
        let events = KBox::pin_init(EventSink::of(&[c"TEST=event"]), GFP_KERNEL)?;
        events.raise(0);
        Ok(())
    }

    #[test]
    fn clocks_and_numbers() {
        let before = clock::monotonic_ms();
        assert!(clock::monotonic_ms() >= before);
        assert!(clock::real_seconds() > 0);
        let (one, other) = (clock::new_uuid(), clock::new_uuid());
        assert!(one != other);
        assert_eq!((one[6] >> 4, one[8] >> 6), (4, 2));
    }

    #[test]
    fn a_status_is_the_number_that_the_block_layer_has() {
        for code in 0..=u8::MAX {
            let status = Status::from_code(code);
            assert_eq!(status.code(), code);
            assert_eq!(status.is_ok(), code == 0);
        }
        assert!(Status::MEDIUM != Status::IOERR);
    }
}
