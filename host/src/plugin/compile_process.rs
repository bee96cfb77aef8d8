//! The compiler as a process of its own: the component goes in, the artifact comes out, and what it takes has bounds.

#![expect(
    clippy::disallowed_methods,
    reason = "runs in a process of its own, or on a thread that waits for it"
)]

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::Signal;
use tracing::warn;

use super::audit::CompileLimits;
use super::engine;
use crate::work::core_dump;
use crate::work::helper::command;

/// The first byte of an answer.
const COMPILED: u8 = 0;
const REFUSED: u8 = 1;
const NOT_NOW: u8 = 2;
/// How often to look whether the process has ended.
const LOOK: Duration = Duration::from_millis(5);
/// How much nicer than the host it is to others.
const NICER: i32 = 10;

/// Why there is no artifact.
#[derive(Debug)]
pub(crate) enum HelperError {
    /// There can be no process that helps.
    Unavailable,
    /// The system starts none at present.
    NotNow(io::Error),
    /// The compiler does not accept the component.
    Refused(String),
    /// It took too long.
    OutOfTime,
    /// What it made is larger than so many bytes.
    TooMuchCode(u64),
    /// The process died: of its memory, or of a defect of the compiler.
    Died,
    /// Somebody killed the process, as the system does where memory is short.
    Killed,
}

/// Compiles a component in a process of its own. Blocks.
pub(crate) fn compile(bytes: &[u8], limits: &CompileLimits) -> Result<Vec<u8>, HelperError> {
    let mut command = command("compile").ok_or(HelperError::Unavailable)?;
    command
        .arg(limits.memory.to_string())
        .arg(limits.timeout.as_secs().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let child = spawn(&mut command)?;
    let (status, answer) = talk(child, bytes, limits)?;
    judge(status, answer)
}

fn judge(status: ExitStatus, mut answer: Vec<u8>) -> Result<Vec<u8>, HelperError> {
    match answer.first() {
        Some(&COMPILED) if status.success() => {
            // In place: there may be hundreds of megabytes of it.
            answer.remove(0);
            Ok(answer)
        }
        Some(&REFUSED) if status.success() => Err(HelperError::Refused(
            String::from_utf8_lossy(&answer[1..]).into_owned(),
        )),
        Some(&NOT_NOW) if status.success() => Err(HelperError::NotNow(io::Error::other(
            String::from_utf8_lossy(&answer[1..]).into_owned(),
        ))),
        _ if has_ended_by(status, Signal::XCPU) => Err(HelperError::OutOfTime),
        _ if has_ended_by(status, Signal::KILL) => Err(HelperError::Killed),
        _ => Err(HelperError::Died),
    }
}

fn spawn(command: &mut Command) -> Result<Child, HelperError> {
    command.spawn().map_err(not_started)
}

/// Only where no process will ever be started is a plugin compiled without one, which has no bounds for memory and time. What a
/// system refuses that has too little of something is refused for now: then least of all may the host take more.
fn not_started(error: io::Error) -> HelperError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => {
            warn!(%error, "this system starts no process to compile in; a plugin is compiled in the host, without `compile.memory` and `compile.timeout`");
            HelperError::Unavailable
        }
        _ => HelperError::NotNow(error),
    }
}

/// Gives the process its input, and waits for its output and its end for as long as it may take.
fn talk(
    mut child: Child,
    bytes: &[u8],
    limits: &CompileLimits,
) -> Result<(ExitStatus, Vec<u8>), HelperError> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let is_too_much = AtomicBool::new(false);
    let ended = thread::scope(|scope| {
        let reader = || {
            let answer = output.map(|output| read_answer(output, limits.code));
            is_too_much.store(matches!(answer, Some(None)), Ordering::Release);
            answer.flatten().unwrap_or_default()
        };
        let reader = thread::Builder::new().spawn_scoped(scope, reader);
        // A process that dies early closes its ends, so that neither waits for ever.
        let writer = move || input.map(|mut input| input.write_all(bytes));
        let writer = thread::Builder::new().spawn_scoped(scope, writer);
        // Threads that were not started have closed the ends that they had.
        let reader = match (reader, writer) {
            (Ok(reader), Ok(_)) => reader,
            (Err(error), _) | (_, Err(error)) => {
                end(&mut child);
                return Err(HelperError::NotNow(error));
            }
        };
        let deadline = Instant::now() + limits.timeout;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok((status, reader.join().unwrap_or_default())),
                Ok(None) if is_too_much.load(Ordering::Acquire) => {
                    end(&mut child);
                    return Err(HelperError::TooMuchCode(limits.code));
                }
                Ok(None) if Instant::now() < deadline => thread::sleep(LOOK),
                waited => {
                    end(&mut child);
                    return Err(match waited {
                        Ok(_) => HelperError::OutOfTime,
                        Err(_) => HelperError::Died,
                    });
                }
            }
        }
    });
    // It may have ended by itself when nobody read on.
    if is_too_much.load(Ordering::Acquire) {
        return Err(HelperError::TooMuchCode(limits.code));
    }
    ended
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// What the process says; none if that is more than its first byte and so much code. Then the rest is left unread.
fn read_answer(output: impl Read, code: u64) -> Option<Vec<u8>> {
    let most = code.saturating_add(1);
    let mut answer = Vec::new();
    // What was read before it broke off is judged with the status of the process.
    let _ = output.take(most.saturating_add(1)).read_to_end(&mut answer);
    (answer.len() as u64 <= most).then_some(answer)
}

#[cfg(unix)]
fn has_ended_by(status: ExitStatus, signal: Signal) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(signal.as_raw())
}

#[cfg(not(unix))]
fn has_ended_by(_: ExitStatus, _: Signal) -> bool {
    false
}

/// The signals that tell what became of a process, where there are none.
#[cfg(not(unix))]
enum Signal {
    XCPU,
    KILL,
}

/// The other side: compiles what comes in.
pub(crate) fn serve(memory: u64, seconds: u64) -> ExitCode {
    core_dump::forbid();
    // Of this thread, from which those of the compiler inherit it.
    #[cfg(unix)]
    let _ = rustix::process::nice(NICER);
    // Before there is a bound for memory, so that what is short is what the system has.
    let threads = start_threads();
    bound(memory, seconds);
    let mut bytes = Vec::new();
    if io::stdin().lock().read_to_end(&mut bytes).is_err() {
        return ExitCode::FAILURE;
    }
    let compile = || engine::compiler().and_then(|engine| Ok(engine.precompile_component(&bytes)?));
    let (kind, content) = match threads.map(|()| compile()) {
        Ok(Ok(artifact)) => (COMPILED, artifact),
        Ok(Err(error)) => (REFUSED, error.root_cause().to_string().into_bytes()),
        Err(error) => (NOT_NOW, error.to_string().into_bytes()),
    };
    let mut output = io::stdout().lock();
    let written = output
        .write_all(&[kind])
        .and_then(|()| output.write_all(&content));
    match written.and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Starts the threads of the compiler, one for each processor. It dies where it cannot start them itself, which would look as if
/// the plugin were to blame.
fn start_threads() -> io::Result<()> {
    let threads = rayon::ThreadPoolBuilder::new().build_global();
    threads.map_err(io::Error::other)
}

/// Bounds what this process takes. What a system does not know is left out; the time has a bound of its own outside.
fn bound(memory: u64, seconds: u64) {
    #[cfg(unix)]
    {
        // The program itself and what its allocator has reserved do not count.
        let memory = address_space().saturating_add(memory);
        let _ = rlimit::setrlimit(rlimit::Resource::AS, memory, memory);
        // The compiler uses every processor, and their times add up.
        let processors = thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let seconds = seconds.saturating_mul(processors);
        // Where both are equal the system kills, as it does where memory is short.
        let _ = rlimit::setrlimit(rlimit::Resource::CPU, seconds, seconds.saturating_add(1));
    }
    // Where the system runs out of memory all the same, this process goes first and not the host.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    // Nobody waits for the result of a host that was killed.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

/// Bytes of address space that this process has taken.
#[cfg(unix)]
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    pages.unwrap_or_default() * rustix::param::page_size() as u64
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn child(program: &str, arguments: &[&str]) -> Child {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    #[test]
    fn a_compiler_that_takes_longer_than_it_may_is_ended() {
        let limits = CompileLimits {
            timeout: Duration::from_millis(50),
            ..CompileLimits::default()
        };
        // It returns only when the process has ended, with which both its pipes are closed.
        let ended = talk(child("sleep", &["1000"]), b"a component", &limits);
        assert!(matches!(ended, Err(HelperError::OutOfTime)), "{ended:?}");
    }

    #[test]
    fn no_more_code_is_read_than_may_be_loaded() {
        struct Endless(u64);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += buffer.len() as u64;
                Ok(buffer.len())
            }
        }
        for code in [0, 1_000, 1 << 20] {
            let mut endless = Endless(0);
            assert_eq!(read_answer(&mut endless, code), None);
            // One byte says what kind of answer it is, and another one that there is more.
            assert_eq!(endless.0, code + 2);
            let fits = vec![COMPILED; code as usize + 1];
            assert_eq!(read_answer(&fits[..], code).as_deref(), Some(&fits[..]));
        }
    }

    #[test]
    fn a_compiler_that_writes_more_than_it_may_is_ended_at_once() {
        let limits = CompileLimits {
            code: 1_000,
            ..CompileLimits::default()
        };
        // One that goes on whatever becomes of its output, and one that ends as soon as it has written.
        for script in [
            "trap '' PIPE; while :; do echo x 2>/dev/null; done",
            "head -c 1002 /dev/zero",
        ] {
            let ended = talk(child("sh", &["-c", script]), b"a component", &limits);
            assert!(matches!(ended, Err(HelperError::TooMuchCode(1_000))), "{ended:?}");
        }
        let (status, answer) = talk(
            child("sh", &["-c", "head -c 1001 /dev/zero"]),
            b"a component",
            &limits,
        )
        .unwrap();
        assert!(status.success());
        assert_eq!(answer.len(), 1_001);
    }

    #[test]
    fn a_compiler_that_has_no_threads_is_not_the_fault_of_the_plugin() {
        let child = child("sh", &["-c", "printf '\\002no thread'"]);
        let (status, answer) = talk(child, b"a component", &CompileLimits::default()).unwrap();
        let judged = judge(status, answer);
        assert!(
            matches!(&judged, Err(HelperError::NotNow(error)) if error.to_string() == "no thread"),
            "{judged:?}"
        );
    }

    #[test]
    fn what_the_system_kills_is_not_the_fault_of_the_plugin_and_what_aborts_or_takes_too_long_is() {
        let judged = |signal: &str| {
            let child = child("sh", &["-c", &format!("ulimit -c 0; kill -{signal} $$")]);
            let (status, answer) = talk(child, b"", &CompileLimits::default()).unwrap();
            judge(status, answer).unwrap_err()
        };
        assert!(matches!(judged("KILL"), HelperError::Killed));
        assert!(matches!(judged("XCPU"), HelperError::OutOfTime));
        for signal in ["ABRT", "SEGV", "BUS"] {
            assert!(matches!(judged(signal), HelperError::Died), "{signal}");
        }
    }

    #[test]
    fn a_system_that_has_too_little_of_something_refuses_for_now_and_one_without_processes_permanently() {
        use rustix::io::Errno;
        for errno in [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::IO] {
            let error = not_started(io::Error::from(errno));
            assert!(matches!(error, HelperError::NotNow(_)), "{errno}: {error:?}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::PERM, Errno::NOSYS] {
            let error = not_started(io::Error::from(errno));
            assert!(matches!(error, HelperError::Unavailable), "{errno}: {error:?}");
        }
    }
}
