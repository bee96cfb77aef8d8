//! Sources: what is read.

use std::ffi::c_char;
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use library::model::Failure;
use library::reading::{Outcome, Stopper};
use library::sink::{DeadLetters, Rotation};
use library::{Plugin, Source};
use tracing::error_span;

use crate::batch::HeadwaterBatch;
use crate::border::{guarded, may_wait, object, text};
use crate::error::HeadwaterError;
use crate::host::{HeadwaterHost, Reading, Shared};
use crate::memory::{put, release, unpanicking};
use crate::options::{SourceOptions, read};

/// There is a batch.
pub const HEADWATER_BATCH: i32 = 1;
/// There was none in time; ask again.
pub const HEADWATER_TIMEOUT: i32 = 0;
/// There will be none any more: the source was stopped, or, with `once`, everything has been read.
pub const HEADWATER_END: i32 = 2;
/// It did not work; with `once` also at the end, where a partition or the source was given up.
pub const HEADWATER_FAILED: i32 = -1;

/// A source that is being read.
#[derive(Debug)]
pub struct HeadwaterSource {
    shared: Arc<Shared>,
    name: String,
    reading: Arc<Reading>,
    stopper: Stopper,
    dead_letters: Option<DeadLetters>,
}

impl HeadwaterSource {
    fn open(shared: Arc<Shared>, mut options: SourceOptions) -> Result<Self, HeadwaterError> {
        let dead_letters = options.dead_letter.take();
        let dead_letters = dead_letters
            .map(|path| open_dead_letters(&options.name, path))
            .transpose()?;
        let once = options.once;
        let source = shared.block_on(load(&shared, options))??;
        let _runtime = shared.handle()?.enter();
        let span = error_span!("source", id = source.name());
        let batches = span.in_scope(|| match once {
            true => source.batches_until_caught_up(),
            false => source.batches(),
        });
        Ok(Self {
            name: source.name().to_owned(),
            stopper: batches.stopper(),
            reading: shared.reading(batches),
            shared,
            dead_letters,
        })
    }

    /// Waits for a batch; none when there was none in time, an error where there will be none.
    fn next(&self, wait: Option<Duration>) -> Result<Next, HeadwaterError> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batches) = &mut *reading else {
            return Err(HeadwaterError::new("closed", "the host has been closed"));
        };
        let next = async {
            match wait {
                None => Ok(batches.next().await),
                Some(wait) => tokio::time::timeout(wait, batches.next()).await,
            }
        };
        match self.shared.block_on(next)? {
            Err(_) => Ok(Next::Timeout),
            Ok(Some(batch)) => Ok(Next::Batch(Box::new(HeadwaterBatch::new(
                self.shared.clone(),
                batch,
                self.dead_letters.clone(),
            )))),
            Ok(None) => match batches.outcome() {
                Some(Outcome { failed, .. }) if !failed.is_empty() => Err(given_up(failed)),
                _ => Ok(Next::End),
            },
        }
    }
}

/// What came of waiting.
enum Next {
    Batch(Box<HeadwaterBatch>),
    Timeout,
    End,
}

fn open_dead_letters(source: &str, path: PathBuf) -> Result<DeadLetters, HeadwaterError> {
    let letters = DeadLetters::new(source, path, Rotation::default());
    letters.probe().map_err(|error| {
        HeadwaterError::new(
            "dead-letter",
            format_args!("cannot keep rejected items in {error}; check `dead_letter`"),
        )
    })?;
    Ok(letters)
}

async fn load(shared: &Shared, mut options: SourceOptions) -> Result<Source, HeadwaterError> {
    let (interval, limits, secrets) = (options.interval()?, options.limits()?, options.secrets()?);
    let load = shared.host.load(&options.plugin);
    let plugin: Plugin = match &options.digest {
        Some(digest) => load.pinned(digest).await,
        None => load.await,
    }
    .map_err(|error| HeadwaterError::new("plugin", error))?;
    let mut source = plugin
        .source(&options.name)
        .proxy(options.proxy())
        .config(options.config.into())
        .allow(options.allow)
        .allow_private(options.allow_private)
        .limits(limits);
    for (pointer, secret) in secrets {
        source = source.secret(pointer, secret);
    }
    if let Some(interval) = interval {
        source = source.interval(interval);
    }
    if let Some(ca) = options.ca {
        source = source.ca(ca);
    }
    let source = source
        .build()
        .await
        .map_err(|error| HeadwaterError::new("source", error))?;
    shared.monitor.expect(source.name());
    Ok(source)
}

/// The first failure, and how many there are.
fn given_up(failed: &[(Option<String>, Failure)]) -> HeadwaterError {
    let [(partition, failure), more @ ..] = failed else {
        return HeadwaterError::defect();
    };
    let mut failure = failure.clone();
    if let Some(partition) = partition {
        failure.message = format!("{partition}: {}", failure.message);
    }
    if !more.is_empty() {
        failure.message = format!("{} (and {} more)", failure.message, more.len());
    }
    failure.into()
}

/// Opens a source of a host and begins to read it. `options` is a JSON object.
///
/// Needed: `name` (keys its cursors; letters, digits, `-`, `_`, `.`), `plugin` (path of the component). Usual: `allow` (origins that it
/// may reach), `config` (an object, as the plugin's schema says), `secrets` (an object: JSON Pointer of a place in `config` →
/// `{"env": NAME}`, `{"file": PATH}` or `{"text": SECRET}`, each with an optional `bound_to`), `interval` ("300s"), `dead_letter`
/// (a path: rejected items are kept there before a batch is committed). Further: `digest`, `allow_private`, `proxy` ("environment"
/// or an address), `ca`, `limits` (`memory`, `host_memory`, `response` in bytes, `poll_timeout`, `cpu` in percent, `batch_events`), `once`
/// (true: read until everything has been read). They mean what docs/configuration.md says. Returns NULL and an error where that fails.
///
/// # Safety
///
/// `host` is from this library and not closed; `options` ends with a zero byte; `error` is NULL or a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_source_open(
    host: *const HeadwaterHost,
    options: *const c_char,
    error: *mut *mut HeadwaterError,
) -> *mut HeadwaterSource {
    guarded(error, ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let (host, text) = unsafe { (object(host, "host")?, text(options, "options")?) };
        let source = HeadwaterSource::open(host.shared.clone(), read(text, "options")?)?;
        Ok(Box::into_raw(Box::new(source)))
    })
}

/// Waits for the next batch, for `timeout_ms` milliseconds, or for as long as it takes if that is negative. Returns
/// `HEADWATER_BATCH` and a batch, `HEADWATER_TIMEOUT`, `HEADWATER_END`, or `HEADWATER_FAILED` and an error. Failures of the upstream
/// are no errors here: they are logged, shown by `headwater_host_status`, and tried again.
///
/// Partitions are read side by side, so several batches may be in the hands of the program at once: at most one of each
/// partition. A second thread that calls this for the same source waits for the first.
///
/// # Safety
///
/// `source` is from this library and not closed; `batch` is a place that can be written, `error` NULL or one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_source_next(
    source: *const HeadwaterSource,
    timeout_ms: i64,
    batch: *mut *mut HeadwaterBatch,
    error: *mut *mut HeadwaterError,
) -> i32 {
    guarded(error, HEADWATER_FAILED, || {
        put(batch, ptr::null_mut());
        if batch.is_null() {
            return Err(HeadwaterError::new("argument", "batch is NULL"));
        }
        // SAFETY: as the caller promises.
        let source = unsafe { object(source, "source") }?;
        may_wait()?;
        let wait = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        Ok(match source.next(wait)? {
            Next::Timeout => HEADWATER_TIMEOUT,
            Next::End => HEADWATER_END,
            Next::Batch(next) => {
                put(batch, Box::into_raw(next));
                HEADWATER_BATCH
            }
        })
    })
}

/// Why the source, or first of all its partitions, makes no progress at present; NULL if everything does. It is tried again
/// whatever it is. Free it with `headwater_error_free`.
///
/// # Safety
///
/// `source` is NULL, or from this library and not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_source_health(source: *const HeadwaterSource) -> *mut HeadwaterError {
    unpanicking(ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let source = unsafe { source.as_ref() };
        let failure = source.and_then(|source| source.shared.health.failure(&source.name));
        failure.map_or(ptr::null_mut(), |failure| {
            Box::into_raw(Box::new(HeadwaterError::from(failure)))
        })
    })
}

/// Stops a source gently: no further poll begins, those under way are finished, batches can still be acknowledged, and then
/// `headwater_source_next` returns `HEADWATER_END`. Does not wait. May be called on any thread, also while another is in
/// `headwater_source_next`.
///
/// # Safety
///
/// `source` is NULL, or from this library and not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_source_stop(source: *const HeadwaterSource) {
    unpanicking((), || {
        // SAFETY: as the caller promises.
        if let Some(source) = unsafe { source.as_ref() } {
            source.stopper.stop();
        }
    });
}

/// Closes a source at once, and frees it: a poll under way is cancelled, and batches of it can no longer be acknowledged. NULL is
/// fine.
///
/// # Safety
///
/// `source` is NULL, or from this library and not closed, and no other call with it is under way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_source_close(source: *mut HeadwaterSource) {
    // SAFETY: as the caller promises.
    unsafe { release(source) };
}
