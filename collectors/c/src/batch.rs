//! Batches: what a source brings.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::Arc;

use library::model::{Attribute, Failure, Fault, event_key};
use library::reading::{AckError, Batch};
use library::sink::DeadLetters;

use crate::border::{guarded, object, object_mut, text};
use crate::error::HeadwaterError;
use crate::host::Shared;
use crate::memory::{put, release, text_for_c};

/// Events of one partition, to be delivered and then acknowledged. It belongs to one thread at a time.
#[derive(Debug)]
pub struct HeadwaterBatch {
    shared: Arc<Shared>,
    batch: Batch,
    dead_letters: Option<DeadLetters>,
    source: CString,
    partition: CString,
    title: CString,
}

/// An event. Texts are UTF-8 with a length and no zero byte at the end; they live until the batch is freed or
/// `headwater_batch_refuse` is called.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HeadwaterEvent {
    /// The upstream's identity of the record, unique within its partition, at most 1,024 bytes.
    pub id: *const c_char,
    /// Its length in bytes.
    pub id_size: usize,
    /// One JSON object on one line.
    pub body: *const c_char,
    /// Its length in bytes.
    pub body_size: usize,
    /// When it happened, in nanoseconds since 1970; 0 when that is not known.
    pub time: u64,
    /// OpenTelemetry SeverityNumber, 1 to 24; 0 when unknown.
    pub severity: u8,
}

/// A text that is true of an event, or of all events of a partition: for what the program treats as attribute or resource. Lives
/// as long as an event.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HeadwaterAttribute {
    /// Dotted words, for example `cloud.account.id`.
    pub name: *const c_char,
    /// Its length in bytes.
    pub name_size: usize,
    /// The text.
    pub value: *const c_char,
    /// Its length in bytes.
    pub value_size: usize,
}

/// Something that was read and is not an event, or an event that was refused. Lives as long as an event.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HeadwaterRejected {
    /// Its identity; NULL if it is not known.
    pub id: *const c_char,
    /// Its length in bytes.
    pub id_size: usize,
    /// Why it was rejected, in one sentence.
    pub reason: *const c_char,
    /// Its length in bytes.
    pub reason_size: usize,
    /// The bytes as received, or the event's body.
    pub raw: *const u8,
    /// Their number.
    pub raw_size: usize,
}

impl HeadwaterBatch {
    pub(crate) fn new(shared: Arc<Shared>, batch: Batch, dead_letters: Option<DeadLetters>) -> Self {
        Self {
            shared,
            source: text_for_c(batch.source()),
            partition: text_for_c(batch.partition()),
            title: text_for_c(batch.title()),
            batch,
            dead_letters,
        }
    }

    fn ack(&mut self) -> Result<(), HeadwaterError> {
        let (shared, batch, letters) = (self.shared.clone(), &mut self.batch, self.dead_letters.as_ref());
        shared.block_on(async {
            if let Some(letters) = letters {
                batch.redact().await?;
                let kept = letters.keep(batch.partition(), batch.rejected()).await;
                kept.map_err(|error| {
                    let message = format_args!("cannot keep rejected items in {error}");
                    HeadwaterError::new("dead-letter", message)
                })?;
                batch.discard_rejected();
            }
            batch.ack().await.map_err(|error| match error {
                AckError::Closed => HeadwaterError::new("closed", error),
                error => HeadwaterError::new("state", error)
                    .with_hint("acknowledge the batch again after a while; nothing is lost"),
            })
        })?
    }

    fn nack(&mut self, reason: &str) -> i64 {
        let reason = self.batch.redactor().clean(reason);
        let failure = Failure::host(Fault::Retry, "sink", reason);
        let wait = self.batch.undelivered(&failure);
        match wait.filter(|_| self.batch.can_wait()) {
            Some(wait) => i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
            None => -1,
        }
    }

    fn refuse(&mut self, places: &[usize], reason: &str) -> Result<(), HeadwaterError> {
        let count = self.batch.events().len();
        if let Some(place) = places.iter().find(|place| **place >= count) {
            let message = format_args!("there is no event {place}: the batch has {count}");
            return Err(HeadwaterError::new("argument", message));
        }
        let reason = self.batch.redactor().clean(reason);
        let remaining: Vec<usize> = (0..count).filter(|place| !places.contains(place)).collect();
        let refused = places.iter().map(|place| (*place, reason.clone())).collect();
        self.batch.settle(&remaining, refused);
        // What has no file of its own is looked at by the program.
        if self.dead_letters.is_none() {
            self.shared.clone().block_on(self.batch.redact())??;
        }
        Ok(())
    }
}

/// The name of the source. It lives as long as the batch.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_source(batch: *const HeadwaterBatch) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { batch.as_ref() }.map_or(ptr::null(), |batch| batch.source.as_ptr())
}

/// The partition: the stream that the events belong to, and in which their ids are unique. It lives as long as the batch.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_partition(batch: *const HeadwaterBatch) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { batch.as_ref() }.map_or(ptr::null(), |batch| batch.partition.as_ptr())
}

/// The partition's name for people; may be empty. It lives as long as the batch.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_title(batch: *const HeadwaterBatch) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { batch.as_ref() }.map_or(ptr::null(), |batch| batch.title.as_ptr())
}

/// How many events there are. A batch may have none; it is acknowledged like any other.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_event_count(batch: *const HeadwaterBatch) -> usize {
    // SAFETY: as the caller promises.
    unsafe { batch.as_ref() }.map_or(0, |batch| batch.batch.events().len())
}

/// Shows an event, counted from 0. Returns false where there is none.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed; `event` is a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_event(
    batch: *const HeadwaterBatch,
    index: usize,
    event: *mut HeadwaterEvent,
) -> bool {
    // SAFETY: as the caller promises.
    let found = unsafe { batch.as_ref() }.and_then(|batch| batch.batch.events().get(index));
    let Some(found) = found.filter(|_| !event.is_null()) else {
        return false;
    };
    put(
        event,
        HeadwaterEvent {
            id: found.id.as_ptr().cast(),
            id_size: found.id.len(),
            body: found.body.as_ptr().cast(),
            body_size: found.body.len(),
            time: found.time.unwrap_or(0),
            severity: found.severity,
        },
    );
    true
}

/// Shows an attribute, counted from 0, of an event, counted from 0. Returns false where there is none.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed; `attribute` is a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_event_attribute(
    batch: *const HeadwaterBatch,
    index: usize,
    number: usize,
    attribute: *mut HeadwaterAttribute,
) -> bool {
    // SAFETY: as the caller promises.
    let event = unsafe { batch.as_ref() }.and_then(|batch| batch.batch.events().get(index));
    show(event.and_then(|event| event.attributes.get(number)), attribute)
}

/// Shows an attribute of the partition, counted from 0. Returns false where there is none.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed; `attribute` is a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_attribute(
    batch: *const HeadwaterBatch,
    number: usize,
    attribute: *mut HeadwaterAttribute,
) -> bool {
    // SAFETY: as the caller promises.
    let batch = unsafe { batch.as_ref() };
    show(
        batch.and_then(|batch| batch.batch.attributes().get(number)),
        attribute,
    )
}

fn show(found: Option<&Attribute>, attribute: *mut HeadwaterAttribute) -> bool {
    let Some(found) = found.filter(|_| !attribute.is_null()) else {
        return false;
    };
    put(
        attribute,
        HeadwaterAttribute {
            name: found.name.as_ptr().cast(),
            name_size: found.name.len(),
            value: found.value.as_ptr().cast(),
            value_size: found.value.len(),
        },
    );
    true
}

/// Writes the key that a receiver should know an event by into `key`: 64 hexadecimal digits and a zero byte. It is made of source,
/// partition and id, and is the same whenever the event is repeated. Returns false where there is no such event.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed; `key` has 65 bytes that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_event_key(
    batch: *const HeadwaterBatch,
    index: usize,
    key: *mut c_char,
) -> bool {
    guarded(ptr::null_mut(), false, || {
        // SAFETY: as the caller promises.
        let HeadwaterBatch { batch, .. } = unsafe { object(batch, "batch") }?;
        let Some(event) = batch.events().get(index).filter(|_| !key.is_null()) else {
            return Ok(false);
        };
        let digits = text_for_c(event_key(batch.source(), batch.partition(), &event.id));
        let bytes = digits.as_bytes_with_nul();
        // SAFETY: as the caller promises; a key always has 64 digits.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), key.cast(), bytes.len()) };
        Ok(true)
    })
}

/// How many rejected items there are. Without the option `dead_letter` the program must keep them before it acknowledges the batch:
/// they are not read again.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_rejected_count(batch: *const HeadwaterBatch) -> usize {
    // SAFETY: as the caller promises.
    unsafe { batch.as_ref() }.map_or(0, |batch| batch.batch.rejected().len())
}

/// Shows a rejected item, counted from 0. Returns false where there is none.
///
/// # Safety
///
/// `batch` is NULL, or from this library and not freed; `rejected` is a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_rejected(
    batch: *const HeadwaterBatch,
    index: usize,
    rejected: *mut HeadwaterRejected,
) -> bool {
    // SAFETY: as the caller promises.
    let found = unsafe { batch.as_ref() }.and_then(|batch| batch.batch.rejected().get(index));
    let Some(found) = found.filter(|_| !rejected.is_null()) else {
        return false;
    };
    let id = found.id.as_deref();
    put(
        rejected,
        HeadwaterRejected {
            id: id.map_or(ptr::null(), |id| id.as_ptr().cast()),
            id_size: id.map_or(0, str::len),
            reason: found.reason.as_ptr().cast(),
            reason_size: found.reason.len(),
            raw: found.raw.as_ptr(),
            raw_size: found.raw.len(),
        },
    );
    true
}

/// Says that events, counted from 0, will never be accepted, and why: they become rejected items, and the others move up.
///
/// # Safety
///
/// `batch` is from this library and not freed, and nobody else uses it; `indexes` has `count` of them; `reason` ends with a zero
/// byte; `error` is NULL or a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_refuse(
    batch: *mut HeadwaterBatch,
    indexes: *const usize,
    count: usize,
    reason: *const c_char,
    error: *mut *mut HeadwaterError,
) -> bool {
    guarded(error, false, || {
        // SAFETY: as the caller promises.
        let (batch, reason) = unsafe { (object_mut(batch, "batch")?, text(reason, "reason")?) };
        let places = match (indexes.is_null(), count) {
            (_, 0) => &[],
            (true, _) => return Err(HeadwaterError::new("argument", "indexes is NULL")),
            // SAFETY: as the caller promises.
            (false, _) => unsafe { std::slice::from_raw_parts(indexes, count) },
        };
        batch.refuse(places, reason).map(|()| true)
    })
}

/// Commits the cursor, so that reading goes on after this batch. Call it once every event is safe; with the option
/// `dead_letter` rejected items are kept first. Returns false and an error where that fails; the batch can be acknowledged again. Once
/// it has worked, calling it again changes nothing. The batch is freed by `headwater_batch_free` in any case.
///
/// # Safety
///
/// `batch` is from this library and not freed, and nobody else uses it; `error` is NULL or a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_ack(
    batch: *mut HeadwaterBatch,
    error: *mut *mut HeadwaterError,
) -> bool {
    guarded(error, false, || {
        // SAFETY: as the caller promises.
        let batch = unsafe { object_mut(batch, "batch") }?;
        batch.ack().map(|()| true)
    })
}

/// Says that the batch cannot be delivered at present, and why; operators are told. Returns how many milliseconds to wait before
/// it is tried again, or -1 if it is not to be kept so long: then free it, and it is fetched again.
///
/// # Safety
///
/// `batch` is from this library and not freed, and nobody else uses it; `reason` ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_nack(batch: *mut HeadwaterBatch, reason: *const c_char) -> i64 {
    guarded(ptr::null_mut(), -1, || {
        // SAFETY: as the caller promises.
        let (batch, reason) = unsafe { (object_mut(batch, "batch")?, text(reason, "reason")?) };
        let shared = batch.shared.clone();
        let _runtime = shared.handle()?.enter();
        Ok(batch.nack(reason))
    })
}

/// Frees a batch. One that was not acknowledged is fetched again after a pause; what was delivered of it is delivered once more then,
/// under equal ids. NULL is fine.
///
/// # Safety
///
/// `batch` is NULL, or from this library, was not freed, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_batch_free(batch: *mut HeadwaterBatch) {
    // SAFETY: as the caller promises.
    unsafe { release(batch) };
}
