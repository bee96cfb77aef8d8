//! The functions that Fluent Bit calls. No panic leaves them.
//!
//! Pausing and resuming need none: Fluent Bit stops to call the callback of a paused input, and refuses its records. What was
//! read waits here until it is taken, and nothing more is read meanwhile.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::{self, Definition, FluentBit, INPUT_PLUGIN, Instance, PROXY};
use crate::plugin;
use crate::settings::Properties;

/// What `FLBPluginInit` returns.
const WELL: c_int = 1;
const REFUSED: c_int = 0;

/// The thread in which Fluent Bit makes chunks at once.
const ENGINE_THREAD: &str = "flb-pipeline";

/// Log lines of what is refused.
const ERROR: c_int = 1;

fn unpanicking<T>(failed: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(failed)
}

/// Says what this is.
///
/// # Safety
///
/// Called by Fluent Bit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginRegister(definition: *mut Definition) -> c_int {
    // SAFETY: it is NULL or Fluent Bit's own.
    let Some(definition) = (unsafe { definition.as_mut() }) else {
        return -1;
    };
    definition.kind = INPUT_PLUGIN;
    definition.proxy = PROXY;
    definition.flags = 0;
    // This object stays in memory, so that nothing points to what is gone.
    definition.name = c"headwater".as_ptr();
    definition.description = c"Headwater: logs through WebAssembly components".as_ptr();
    0
}

/// Begins an input.
///
/// # Safety
///
/// Called by Fluent Bit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginInit(instance: *mut Instance) -> c_int {
    unpanicking(REFUSED, || {
        // SAFETY: it is NULL or Fluent Bit's own.
        let Some(instance) = (unsafe { instance.as_ref() }) else {
            return REFUSED;
        };
        // SAFETY: it is Fluent Bit's.
        match unsafe { begin(instance) } {
            Ok(()) => WELL,
            Err(problem) => {
                // SAFETY: it is Fluent Bit's.
                unsafe { abi::log(&*instance.api, ERROR, &problem) };
                REFUSED
            }
        }
    })
}

unsafe fn begin(instance: &Instance) -> Result<(), String> {
    let thread = abi::thread_name();
    if thread != ENGINE_THREAD {
        return Err(format!(
            "this input does not run in Fluent Bit's engine but in its thread \"{thread}\", where records that are lost \
             cannot be told from those that are safe; add the line `threaded off` to the input"
        ));
    }
    // SAFETY: as the caller promises.
    let fluent_bit = unsafe { FluentBit::new(instance) }.ok_or(
        "this Fluent Bit does not export its function flb_input_log_append, without which nobody knows whether records are \
         safe; use a build whose program exports its symbols, as the published ones do",
    )?;
    // SAFETY: as the caller promises.
    let property = |name| unsafe { abi::property(instance, name) };
    let properties = Properties {
        config: property(c"config"),
        source: property(c"source"),
    };
    let id = plugin::open(fluent_bit, properties).map_err(|error| error.to_string())?;
    // SAFETY: the context is Fluent Bit's.
    unsafe { (*instance.context).remote = id.get() as *mut c_void };
    Ok(())
}

/// Puts what is ready into chunks. Returns nothing to Fluent Bit, which would discard the result.
///
/// # Safety
///
/// Called by Fluent Bit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginInputCallbackCtx(
    remote: *mut c_void,
    data: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: they are NULL or Fluent Bit's own.
    unsafe {
        if let Some(data) = data.as_mut() {
            *data = std::ptr::null_mut();
        }
        if let Some(size) = size.as_mut() {
            *size = 0;
        }
    }
    unpanicking((), || plugin::collect(remote as usize));
    0
}

/// There is nothing to clean up, since nothing is returned.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginInputCleanupCallbackCtx(_remote: *mut c_void, _data: *mut c_void) -> c_int {
    0
}

/// Nothing has to be done between beginning and running.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginInputPreRun(_hot_reload: c_int) -> c_int {
    0
}

/// Ends all inputs: Fluent Bit says this once for each, of none in particular, when it stops or reloads.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginExit() -> c_int {
    unpanicking((), plugin::close_all);
    0
}
