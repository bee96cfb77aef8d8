//! What Fluent Bit hands over and is called with: the part of its ABI for plugins in Go that an input needs.
//!
//! `src/flb_plugin_proxy.c`, `src/proxy/go/` and `include/fluent-bit/flb_api.h` of fluent/fluent-bit, versions 3 to 5.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null;

/// `FLB_PROXY_INPUT_PLUGIN`.
pub const INPUT_PLUGIN: c_int = 1;
/// `FLB_PROXY_GOLANG`: the only kind of foreign plugins that there is.
pub const PROXY: c_int = 11;

/// What a plugin says of itself.
#[repr(C)]
pub struct Definition {
    pub kind: c_int,
    pub proxy: c_int,
    pub flags: c_int,
    pub name: *const c_char,
    pub description: *const c_char,
    pub event_type: c_int,
    pub config_map: *mut c_void,
}

/// An input that begins.
#[repr(C)]
pub struct Instance {
    pub name: *const c_char,
    pub api: *const Api,
    pub input: *mut c_void,
    pub context: *mut Context,
}

/// Where an input keeps what it is called with.
#[repr(C)]
pub struct Context {
    pub collector: c_int,
    pub remote: *mut c_void,
}

/// Functions for plugins. Those that are not called here are only places.
#[repr(C)]
pub struct Api {
    output_get_property: *const c_void,
    input_get_property: unsafe extern "C" fn(*const c_char, *mut c_void) -> *const c_char,
    output_get_metrics: *const c_void,
    input_get_metrics: *const c_void,
    log_print: unsafe extern "C" fn(c_int, *const c_char, c_int, *const c_char, ...),
    input_log_check: unsafe extern "C" fn(*mut c_void, c_int) -> c_int,
}

/// `int flb_input_log_append(ins, tag, tag_len, buf, buf_size)`: makes chunks of records.
type LogAppend = unsafe extern "C" fn(*mut c_void, *const c_char, usize, *const c_void, usize) -> c_int;

/// An input of Fluent Bit, as the plugin uses it.
#[derive(Clone, Copy)]
pub struct FluentBit {
    input: *mut c_void,
    api: *const Api,
    append: LogAppend,
}

// SAFETY: the pointers are used by `append` in the engine's thread only, and by `log` and `shows`, which any thread may call.
unsafe impl Send for FluentBit {}
// SAFETY: the same.
unsafe impl Sync for FluentBit {}

impl FluentBit {
    /// The input of an instance; none where this Fluent Bit lacks the function that takes records.
    ///
    /// # Safety
    ///
    /// The instance is what Fluent Bit calls `FLBPluginInit` with, and lives until it has called `FLBPluginExit`.
    pub unsafe fn new(instance: &Instance) -> Option<Self> {
        // SAFETY: the name ends with a zero byte; whatever is found is not called yet.
        let append = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"flb_input_log_append".as_ptr()) };
        if append.is_null() {
            return None;
        }
        Some(Self {
            input: instance.input,
            api: instance.api,
            // SAFETY: the function of this name has had this signature since the version that introduced inputs of this kind.
            append: unsafe { std::mem::transmute::<*mut c_void, LogAppend>(append) },
        })
    }

    /// Puts records into a chunk; false if there could be none. To be called in the engine's thread.
    pub fn append(&self, records: &[u8]) -> bool {
        // SAFETY: the input lives while it is collected; the bytes are copied before this returns.
        let result = unsafe { (self.append)(self.input, null(), 0, records.as_ptr().cast(), records.len()) };
        result == 0
    }

    /// Whether lines of a level, 1 to 5, are shown.
    pub fn shows(&self, level: c_int) -> bool {
        // SAFETY: the input lives until `FLBPluginExit`, which ends logging first.
        unsafe { ((*self.api).input_log_check)(self.input, level) != 0 }
    }

    /// Writes a log line.
    pub fn log(&self, level: c_int, text: &str) {
        // SAFETY: the same.
        unsafe { log(&*self.api, level, text) };
    }
}

/// The name of this thread, which need not be one of Rust's.
pub fn thread_name() -> String {
    // As long as a name can be, with the zero byte.
    let mut name = [0_u8; 16];
    #[cfg(target_os = "linux")]
    // SAFETY: the system writes no more than these bytes.
    let result = unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: it is told how many bytes there are.
    let result =
        unsafe { libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr().cast(), name.len()) };
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|_| result == 0);
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Writes a log line.
///
/// # Safety
///
/// The functions are Fluent Bit's.
pub unsafe fn log(api: &Api, level: c_int, text: &str) {
    let mut text = format!("[headwater] {text}");
    text.retain(|letter| letter != '\0');
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: the format takes one text, and gets one.
    unsafe { (api.log_print)(level, null(), 0, c"%s".as_ptr(), text.as_ptr()) };
}

/// A property of the input as it is written in Fluent Bit's configuration.
///
/// # Safety
///
/// The instance is what Fluent Bit calls `FLBPluginInit` with.
pub unsafe fn property(instance: &Instance, name: &CStr) -> Option<String> {
    // SAFETY: as the caller promises.
    let text = unsafe { ((*instance.api).input_get_property)(name.as_ptr(), instance.input) };
    if text.is_null() {
        return None;
    }
    // SAFETY: it is text of the configuration, which ends with a zero byte.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
