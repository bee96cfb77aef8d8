//! Log lines.

use std::ffi::{c_char, c_void};

use headwater_collector::{LevelFilter, Line, log_to, stop_logging};

use crate::memory::{text_for_c, unpanicking};

/// Levels of log lines: a lower one is more serious.
pub const HEADWATER_LOG_ERROR: i32 = 1;
/// Something that needs attention soon.
pub const HEADWATER_LOG_WARN: i32 = 2;
/// What happens.
pub const HEADWATER_LOG_INFO: i32 = 3;
/// What happens inside.
pub const HEADWATER_LOG_DEBUG: i32 = 4;
/// Every step.
pub const HEADWATER_LOG_TRACE: i32 = 5;

/// Takes one log line. `source` and `partition` are empty where the line is about none. No secret of a source is in it. The
/// texts live until it returns. It is called on threads of the library, on several at once, and must call no function of the library.
pub type HeadwaterLog = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        level: i32,
        source: *const c_char,
        partition: *const c_char,
        message: *const c_char,
    ),
>;

/// What a callback is called with. The caller says that any thread may have it.
struct Context(*mut c_void);

// SAFETY: `headwater_log_to` asks for a context that any thread may use.
unsafe impl Send for Context {}
// SAFETY: the same.
unsafe impl Sync for Context {}

impl Context {
    fn get(&self) -> *mut c_void {
        self.0
    }
}

/// Sends the log lines of all hosts in this process, up to `level`, to `log`; NULL discards them, as they are at first. When this
/// returns, what was set before is not called any more. Must not be called by `log` itself.
///
/// The library installs no logger that the rest of the process would see, and never prints.
///
/// # Safety
///
/// `log` may be called with `context` on any thread until another is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_log_to(log: HeadwaterLog, context: *mut c_void, level: i32) {
    unpanicking((), || {
        let Some(log) = log else {
            return stop_logging();
        };
        let context = Context(context);
        log_to(filter(level), move |line| {
            let Line {
                level,
                source,
                partition,
                text,
            } = *line;
            let (source, partition, text) = (text_for_c(source), text_for_c(partition), text_for_c(text));
            // SAFETY: as the caller has promised.
            unsafe {
                log(
                    context.get(),
                    number(level.into()),
                    source.as_ptr(),
                    partition.as_ptr(),
                    text.as_ptr(),
                );
            }
        });
    });
}

const LEVELS: [(LevelFilter, i32); 5] = [
    (LevelFilter::ERROR, HEADWATER_LOG_ERROR),
    (LevelFilter::WARN, HEADWATER_LOG_WARN),
    (LevelFilter::INFO, HEADWATER_LOG_INFO),
    (LevelFilter::DEBUG, HEADWATER_LOG_DEBUG),
    (LevelFilter::TRACE, HEADWATER_LOG_TRACE),
];

fn filter(number: i32) -> LevelFilter {
    let level = LEVELS.iter().rev().find(|(_, known)| *known <= number);
    level.map_or(LevelFilter::OFF, |(level, _)| *level)
}

fn number(level: LevelFilter) -> i32 {
    let known = LEVELS.iter().find(|(known, _)| *known == level);
    known.map_or(HEADWATER_LOG_TRACE, |(_, number)| *number)
}
