//! The lines of a batch, piece by piece: as a whole they would be in memory twice.

use std::future::pending;
use std::io;
use std::sync::mpsc as std_mpsc;

use tokio::sync::mpsc;

use super::push_lines;
use crate::model::Event;
use crate::work::file_work::FileWork;

/// How large pieces are, in bytes.
const PIECE: usize = 256 << 10;

/// Whole lines. Its memory goes back, for the next piece: fresh memory costs more than what is copied into it.
pub(super) struct Piece {
    lines: String,
    back: std_mpsc::Sender<String>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.lines.as_bytes()
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // There may be no next piece.
        let _ = self.back.send(std::mem::take(&mut self.lines));
    }
}

/// Hands the events, one a line, to something that may block. It gets fewer pieces than there are when nobody waits for
/// the delivery any more.
pub(super) async fn write_lines(
    work: &FileWork,
    events: &[Event],
    write: impl FnOnce(&mut dyn Iterator<Item = Piece>) -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let (sender, mut pieces) = mpsc::channel::<Piece>(1);
    let writing = work.run(move || write(&mut std::iter::from_fn(|| pieces.blocking_recv())));
    let sending = async move {
        for piece in pieces_of(events) {
            // Whoever writes has failed, and says why.
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        pending().await
    };
    tokio::select! {
        written = writing => written,
        () = sending => Ok(()),
    }
}

fn pieces_of(mut events: &[Event]) -> impl Iterator<Item = Piece> {
    let (back, used) = std_mpsc::channel::<String>();
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = |event: &&Event| {
            let first = size == 0;
            size += event.body.len() + 1;
            first || size <= PIECE
        };
        let (piece, rest) = events.split_at(events.iter().take_while(fits).count());
        events = rest;
        if piece.is_empty() {
            return None;
        }
        let mut lines = used.try_recv().unwrap_or_else(|_| String::with_capacity(PIECE));
        lines.clear();
        push_lines(&mut lines, piece.iter());
        let back = back.clone();
        Some(Piece { lines, back })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_batch_are_its_lines_whatever_their_size() {
        let event = |size: &usize| Event {
            id: String::new(),
            time: None,
            severity: 0,
            attributes: Vec::new(),
            body: "x".repeat(*size),
        };
        for sizes in [
            &[][..],
            &[3],
            &[2 * PIECE],
            &[3, 2 * PIECE, 3, PIECE, PIECE - 1, 1, 1],
            &[PIECE / 3; 10],
        ] {
            let events: Vec<Event> = sizes.iter().map(event).collect();
            let pieces: Vec<String> = pieces_of(&events).map(|piece| piece.lines.clone()).collect();
            let mut lines = String::new();
            push_lines(&mut lines, events.iter());
            assert!(pieces.concat() == lines, "{sizes:?}");
            let within = |piece: &String| piece.len() <= PIECE || piece.lines().count() == 1;
            assert!(pieces.iter().all(within), "{sizes:?}");
        }
    }
}
