//! What the host holds on behalf of one call beside its linear memory: requests, fields, bodies, streams.
//!
//! The table of the call's resources is counted as a whole before each call of `wasi:http`, so that no way of filling
//! it is missed: whatever made an entry, and whatever grew in it since, is found there.

use http::HeaderMap;
use thiserror::Error;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};

/// An entry of the table: its box, its place among others, a small resource.
const ENTRY_BYTES: usize = 256;
/// A header field in a map, beside its letters: name, value, links, a place in the index.
const FIELD_BYTES: usize = 128;
/// Bytes that a source may write to a request's body in one piece. Two pieces wait in the channel behind it.
pub(crate) const BODY_PIECE_BYTES: usize = 16 << 10;
/// What waits in the channel behind a body that is being written.
const OUTGOING_BODY_BYTES: usize = 2 * BODY_PIECE_BYTES;
/// What has arrived of a body that is not read: as much as a connection buffers of one.
const INCOMING_BODY_BYTES: usize = 64 << 10;
/// A request that is waiting or under way: its fields and its path.
const REQUEST_UNDER_WAY_BYTES: usize = 96 << 10;

/// A call holds more than it may.
#[derive(Debug, Error)]
#[error(
    "the host holds {held} bytes of requests, fields and bodies for it, more than the {allowed} bytes of `limits.host_memory`"
)]
pub(crate) struct TooMuchHeld {
    held: usize,
    allowed: usize,
}

/// Counts a call's resources, and remembers the most.
#[derive(Debug)]
pub(super) struct Held {
    allowed: usize,
    pub(super) peak: usize,
    pub(super) refused: bool,
}

impl Held {
    pub(super) fn new(allowed: u64) -> Self {
        Self {
            allowed: usize::try_from(allowed).unwrap_or(usize::MAX),
            peak: 0,
            refused: false,
        }
    }

    /// Counts everything in the table. An error, which ends the call, when it is more than allowed.
    pub(super) fn count(&mut self, table: &mut ResourceTable) -> Result<(), TooMuchHeld> {
        let held: usize = table.iter_mut().map(|entry| ENTRY_BYTES + size(entry)).sum();
        self.peak = self.peak.max(held);
        if held <= self.allowed {
            return Ok(());
        }
        self.refused = true;
        Err(TooMuchHeld {
            held,
            allowed: self.allowed,
        })
    }
}

/// The bytes behind an entry. Pollables, options and errors are as small as the entry itself.
fn size(entry: &(dyn std::any::Any + Send)) -> usize {
    if let Some(fields) = entry.downcast_ref::<FieldMap>() {
        return of_fields(fields);
    }
    if let Some(request) = entry.downcast_ref::<HostOutgoingRequest>() {
        let texts = [&request.authority, &request.path_with_query];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        return texts
            + of_fields(&request.headers)
            + request.body.as_ref().map_or(0, |_| OUTGOING_BODY_BYTES);
    }
    if let Some(response) = entry.downcast_ref::<HostFutureIncomingResponse>() {
        return match response {
            HostFutureIncomingResponse::Pending(_) => REQUEST_UNDER_WAY_BYTES + OUTGOING_BODY_BYTES,
            HostFutureIncomingResponse::Ready(Ok((response, _))) => {
                of_fields(response.headers()) + INCOMING_BODY_BYTES
            }
            HostFutureIncomingResponse::Ready(Err(_)) | HostFutureIncomingResponse::Consumed => 0,
        };
    }
    if let Some(response) = entry.downcast_ref::<HostIncomingResponse>() {
        return of_fields(&response.headers) + response.body.as_ref().map_or(0, |_| INCOMING_BODY_BYTES);
    }
    if let Some(response) = entry.downcast_ref::<HostOutgoingResponse>() {
        return of_fields(&response.headers) + response.body.as_ref().map_or(0, |_| OUTGOING_BODY_BYTES);
    }
    if let Some(trailers) = entry.downcast_ref::<HostFutureTrailers>() {
        return match trailers {
            HostFutureTrailers::Waiting(_) => INCOMING_BODY_BYTES,
            HostFutureTrailers::Done(Ok(Some(fields))) => of_fields(fields),
            HostFutureTrailers::Done(_) | HostFutureTrailers::Consumed => 0,
        };
    }
    // A body's stream is its child and lives no longer than it: the bytes are counted once, here.
    if entry.is::<HostOutgoingBody>() {
        return OUTGOING_BODY_BYTES;
    }
    if entry.is::<HostIncomingBody>() {
        return INCOMING_BODY_BYTES;
    }
    0
}

fn of_fields(fields: &HeaderMap) -> usize {
    let letters: usize = fields
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    letters + FIELD_BYTES * fields.capacity().max(fields.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(fill: impl FnOnce(&mut ResourceTable)) -> usize {
        let (mut table, mut held) = (ResourceTable::new(), Held::new(u64::MAX));
        fill(&mut table);
        held.count(&mut table).unwrap();
        held.peak
    }

    fn keep<T: Send + 'static>(table: &mut ResourceTable, entry: T) {
        table.push(entry).unwrap();
    }

    fn fields(bytes: usize) -> FieldMap {
        let mut fields = FieldMap::new_mutable(1 << 20);
        let value = http::HeaderValue::from_bytes(&vec![b'x'; bytes]).unwrap();
        fields
            .append_raw(http::HeaderName::from_static("x-long"), value)
            .unwrap();
        fields
    }

    #[test]
    fn every_kind_of_resource_is_counted_with_what_is_behind_it() {
        let request = |authority: &str, path: &str| HostOutgoingRequest {
            method: wasmtime_wasi_http::p2::bindings::http::types::Method::Get,
            scheme: None,
            authority: Some(authority.to_owned()),
            path_with_query: Some(path.to_owned()),
            headers: fields(10_000),
            body: None,
        };
        let long = "p".repeat(5_000);
        for (name, least, found) in [
            ("fields", 10_000, held(|table| keep(table, fields(10_000)))),
            (
                "a request",
                15_000,
                held(|table| keep(table, request("example.com", &long))),
            ),
            (
                "a thousand small ones",
                1_000 * ENTRY_BYTES,
                held(|table| (0..1_000).for_each(|_| keep(table, ()))),
            ),
        ] {
            assert!((least..2 * least + 20_000).contains(&found), "{name}: {found}");
        }
    }

    #[test]
    fn more_than_allowed_is_an_error_that_names_the_key() {
        let (mut table, mut held) = (ResourceTable::new(), Held::new(30_000));
        table.push(fields(10_000)).unwrap();
        held.count(&mut table).unwrap();
        table.push(fields(25_000)).unwrap();
        let refused = held.count(&mut table).unwrap_err().to_string();
        assert!(
            refused.contains("30000 bytes of `limits.host_memory`"),
            "{refused}"
        );
        assert!(held.refused && held.peak > 35_000);
    }
}
