//! A client's connection that can be reset instead of closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Whether a connection ends with a reset. Shared between the connection and the answers on it.
#[derive(Clone, Debug, Default)]
pub struct Reset(Arc<AtomicBool>);

impl Reset {
    /// From now on the connection's end is a reset.
    pub fn arm(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection that looks at its [`Reset`] when it is dropped.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    reset: Reset,
}

impl Line {
    /// Wraps a connection.
    pub fn new(stream: TcpStream, reset: Reset) -> Line {
        Line { stream, reset }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.reset.0.load(Ordering::Relaxed) {
            // Lingering for zero seconds is how a socket is told to send RST. If that fails the client sees an
            // ordinary end in the middle of a message, which is bad enough.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
