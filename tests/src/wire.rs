//! Bodies on the wire, sent as well or as badly as the answer says.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::answer::Wire;

/// How much padding is sent at once.
const PADDING_PIECE: usize = 64 * 1024;

/// Time for what was sent before a reset to reach the client, which would otherwise throw it away unread.
const BEFORE_RESET: Duration = Duration::from_millis(50);

/// The end of a body that is not sent to its end.
#[derive(Debug, Error)]
#[error("the connection is reset on purpose")]
pub struct Broken;

/// A body that is fed piece by piece.
#[derive(Debug)]
pub struct WireBody(mpsc::Receiver<Result<Bytes, Broken>>);

impl WireBody {
    /// Starts sending. The feeding ends when the body is complete or the client has gone.
    pub fn send(body: Bytes, wire: Wire) -> WireBody {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(feed(body, wire, sender));
        WireBody(receiver)
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Sends the pieces; a failure to send means that the client has gone.
async fn feed(body: Bytes, wire: Wire, pieces: mpsc::Sender<Result<Bytes, Broken>>) {
    match wire {
        Wire::Whole => {
            let _ = pieces.send(Ok(body)).await;
        }
        Wire::Reset { after } => {
            let _ = pieces.send(Ok(body.slice(..after.min(body.len())))).await;
            tokio::time::sleep(BEFORE_RESET).await;
            let _ = pieces.send(Err(Broken)).await;
        }
        Wire::Drip { bytes, pause_ms } => {
            for piece in body.chunks(bytes.max(1)) {
                if pieces.send(Ok(body.slice_ref(piece))).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
        }
        Wire::Padded { bytes } => {
            let _ = pieces.send(Ok(body)).await;
            let blanks = Bytes::from(vec![b' '; PADDING_PIECE]);
            let mut left = bytes;
            while left > 0 {
                let size = left.min(PADDING_PIECE as u64);
                if pieces.send(Ok(blanks.slice(..size as usize))).await.is_err() {
                    return;
                }
                left -= size;
            }
        }
        Wire::Hang => pieces.closed().await,
    }
}
