//! The host: one for a process.

use std::ffi::c_char;
use std::future::Future;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use headwater_collector::end;
use library::Host;
use library::cursor::CursorStore;
use library::cursor::state_file::State;
use library::monitor::Monitor;
use library::reading::Batches;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::border::{guarded, may_wait, object, text};
use crate::cursors::{Callbacks, HeadwaterCursors};
use crate::error::HeadwaterError;
use crate::health::{Health, Watcher};
use crate::memory::{text_for_c, unpanicking};
use crate::options::{HostOptions, read};

/// How long closing waits for threads that hang, for example on a mount that does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs sources, with threads of its own. One for a process: its bounds are for everything that it runs.
#[derive(Debug)]
pub struct HeadwaterHost {
    pub(crate) shared: Arc<Shared>,
}

/// What a host and its sources share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) host: Host,
    pub(crate) monitor: Monitor,
    pub(crate) health: Health,
    handle: Handle,
    /// None once the host is closed.
    runtime: Mutex<Option<Runtime>>,
    callbacks: Option<Callbacks>,
    /// Those of open sources.
    readings: Mutex<Vec<Weak<Reading>>>,
}

/// What a source brings; none once its host is closed.
pub(crate) type Reading = Mutex<Option<Batches>>;

impl Shared {
    fn open(options: &HostOptions, cursors: Option<HeadwaterCursors>) -> Result<Self, HeadwaterError> {
        let callbacks = cursors.map(Callbacks::new).transpose()?;
        match (&callbacks, &options.state) {
            (Some(callbacks), None) => Self::start(options, callbacks.clone(), Some(callbacks.clone())),
            (None, Some(path)) => {
                let state = State::open(path).map_err(|error| HeadwaterError::new("state", error))?;
                Self::start(options, state, None)
            }
            _ => Err(HeadwaterError::new(
                "options",
                "cursors have no place, or two; give either the option `state`, a path, or callbacks",
            )),
        }
    }

    fn start(
        options: &HostOptions,
        store: impl CursorStore,
        callbacks: Option<Callbacks>,
    ) -> Result<Self, HeadwaterError> {
        let failed = |error: &dyn std::fmt::Display| HeadwaterError::new("host", error);
        let mut runtime = Builder::new_multi_thread();
        if let Some(threads) = options.threads {
            if threads == 0 {
                return Err(HeadwaterError::new("options", "threads: give at least 1"));
            }
            runtime.worker_threads(threads);
        }
        let runtime = runtime
            .thread_name("headwater")
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let (monitor, health) = (Monitor::default(), Health::default());
        let mut host = Host::builder()
            .cursors(store)
            .observer(Watcher {
                monitor: monitor.clone(),
                health: health.clone(),
            })
            .compile(options.compile());
        if let Some(memory) = options.memory {
            host = host.memory(memory);
        }
        let host = host.build().map_err(|error| failed(&error))?;
        let calls = host.clone();
        monitor.show_calls(move || calls.call_usage());
        Ok(Self {
            host,
            monitor,
            health,
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            callbacks,
            readings: Mutex::default(),
        })
    }

    /// Where tasks are begun; an error once the host is closed.
    pub(crate) fn handle(&self) -> Result<&Handle, HeadwaterError> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        match *runtime {
            Some(_) => Ok(&self.handle),
            None => Err(HeadwaterError::new("closed", "the host has been closed")),
        }
    }

    /// Waits, on the thread of the caller.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T, HeadwaterError> {
        may_wait()?;
        Ok(self.handle()?.block_on(work))
    }

    /// Notes a reading, which ends with the host at the latest.
    pub(crate) fn reading(&self, batches: Batches) -> Arc<Reading> {
        let reading = Arc::new(Mutex::new(Some(batches)));
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.retain(|other| other.strong_count() > 0);
        readings.push(Arc::downgrade(&reading));
        reading
    }

    fn close(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        let readings = std::mem::take(&mut *self.readings.lock().unwrap_or_else(PoisonError::into_inner));
        for reading in readings.iter().filter_map(Weak::upgrade) {
            drop(reading.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
        if let Some(runtime) = runtime {
            end(runtime, PATIENCE);
        }
        if let Some(callbacks) = &self.callbacks {
            callbacks.close();
        }
        // It holds the host, which holds the monitor.
        self.monitor.show_calls(Default::default);
    }
}

/// Opens a host. `options` is a JSON object: `state` (a path: the state file for cursors), `memory` (bytes that all calls into
/// plugins may take together; half of the machine's unless given), `cache` (a directory for compiled plugins; "" for none; that of the
/// user unless given), `threads` (that run tasks; as many as there are processors unless given). `cursors` is NULL where there is
/// a state file. Its members are copied. Returns NULL and an error where that fails.
///
/// # Safety
///
/// `options` ends with a zero byte; `cursors` is NULL or keeps what its type says; `error` is NULL or a place that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_host_open(
    options: *const c_char,
    cursors: *const HeadwaterCursors,
    error: *mut *mut HeadwaterError,
) -> *mut HeadwaterHost {
    guarded(error, ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let (text, cursors) = unsafe { (text(options, "options")?, cursors.as_ref()) };
        may_wait()?;
        let shared = Shared::open(&read(text, "options")?, cursors.copied())?;
        let host = HeadwaterHost {
            shared: Arc::new(shared),
        };
        Ok(Box::into_raw(Box::new(host)))
    })
}

/// Closes a host, and frees it: tasks end, threads end, and no callback of it is called any more when this returns. Batches that
/// were not acknowledged are fetched again by the next host. Close its sources and free its batches before. NULL is fine. Must
/// not be called by a callback.
///
/// # Safety
///
/// `host` is NULL, or from this library and not closed, and no other call with it is under way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_host_close(host: *mut HeadwaterHost) {
    if host.is_null() {
        return;
    }
    // SAFETY: as the caller promises.
    let host = unsafe { Box::from_raw(host) };
    unpanicking((), || {
        host.shared.close();
        drop(host);
    });
}

/// How every source and every partition is doing, as JSON (docs/host.md). Free it with `headwater_text_free`.
///
/// # Safety
///
/// `host` is NULL, or from this library and not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_host_status(host: *const HeadwaterHost) -> *mut c_char {
    // SAFETY: as the caller promises.
    unsafe { page(host, Monitor::render_status) }
}

/// All metrics of the host in Prometheus' text format (docs/metrics.md). Free it with `headwater_text_free`.
///
/// # Safety
///
/// `host` is NULL, or from this library and not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_host_metrics(host: *const HeadwaterHost) -> *mut c_char {
    // SAFETY: as the caller promises.
    unsafe { page(host, Monitor::render_metrics) }
}

unsafe fn page(host: *const HeadwaterHost, render: impl FnOnce(&Monitor) -> String) -> *mut c_char {
    guarded(ptr::null_mut(), ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let host = unsafe { object(host, "host") }?;
        Ok(text_for_c(render(&host.shared.monitor)).into_raw())
    })
}
