//! `wasi:http` as the engine's own crate serves it, behind a count: before each call everything that is held for the
//! source is counted, and texts that no honest request needs are refused before they are kept.

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::{HeaderError, HeaderResult, HttpError, HttpResult};
use wasmtime_wasi_http::{FieldMap, RequestOptions, WasiHttpCtxView};

use super::StoreState;
use super::held::Held;
use types::{
    FutureIncomingResponse, FutureTrailers, IncomingBody, IncomingRequest, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};

/// The longest of the registered methods has 17 letters.
const LONGEST_METHOD: usize = 64;
/// A name of the DNS has 253 letters at most; with a port that is a little more.
const LONGEST_AUTHORITY: usize = 261;
/// Path and query. Servers stop at 8 KiB to 16 KiB.
const LONGEST_PATH: usize = 32 << 10;

/// Links `wasi:http` for requests, and nothing that would answer them.
pub(crate) fn add_to_linker(linker: &mut Linker<StoreState>) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<StoreState, CountedHttp>(linker, StoreState::counted_http)?;
    types::add_to_linker::<StoreState, CountedHttp>(
        linker,
        &LinkOptions::default().into(),
        StoreState::counted_http,
    )
}

struct CountedHttp;

impl HasData for CountedHttp {
    type Data<'a> = Counted<'a>;
}

/// The engine's view, and what is held.
pub(super) struct Counted<'a> {
    view: WasiHttpCtxView<'a>,
    held: &'a mut Held,
}

impl StoreState {
    fn counted_http(&mut self) -> Counted<'_> {
        Counted {
            view: WasiHttpCtxView {
                ctx: &mut self.http,
                table: &mut self.table,
                hooks: &mut self.hooks,
            },
            held: &mut self.held,
        }
    }
}

impl Counted<'_> {
    fn count(&mut self) -> wasmtime::Result<()> {
        Ok(self.held.count(self.view.table)?)
    }
}

/// An error that ends the call, as each kind of result of `wasi:http` spells it.
trait Ends {
    fn ends(error: wasmtime::Error) -> Self;
}

impl Ends for wasmtime::Error {
    fn ends(error: wasmtime::Error) -> Self {
        error
    }
}

impl Ends for HeaderError {
    fn ends(error: wasmtime::Error) -> Self {
        Self::trap(error)
    }
}

impl Ends for HttpError {
    fn ends(error: wasmtime::Error) -> Self {
        Self::trap(error)
    }
}

/// Functions that are served by the engine's crate after the count.
macro_rules! counted {
    ($service:path { $(fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)* $(=> $($own:tt)*)? }) => {
        impl $service for Counted<'_> {
            $(fn $name(&mut self, $($argument: $kind),*) -> $result {
                if let Err(error) = self.count() {
                    return Err(Ends::ends(error));
                }
                <WasiHttpCtxView<'_> as $service>::$name(&mut self.view, $($argument),*)
            })*
            $($($own)*)?
        }
    };
}

type Trapping<T> = wasmtime::Result<T>;
/// The inner error has no text: the contract's own way to say "not like this".
type Refusable<T> = wasmtime::Result<Result<T, ()>>;

counted!(types::Host {
    fn http_error_code(error: Resource<types::IoError>) -> Trapping<Option<types::ErrorCode>>;
    =>
    fn convert_error_code(&mut self, error: HttpError) -> Trapping<types::ErrorCode> {
        types::Host::convert_error_code(&mut self.view, error)
    }

    fn convert_header_error(&mut self, error: HeaderError) -> Trapping<types::HeaderError> {
        types::Host::convert_header_error(&mut self.view, error)
    }
});

counted!(outgoing_handler::Host {
    fn handle(
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>
    ) -> HttpResult<Resource<FutureIncomingResponse>>;
});

counted!(types::HostFields {
    fn new() -> Trapping<Resource<FieldMap>>;
    fn from_list(entries: Vec<(String, Vec<u8>)>) -> HeaderResult<Resource<FieldMap>>;
    fn get(fields: Resource<FieldMap>, name: String) -> Trapping<Vec<Vec<u8>>>;
    fn has(fields: Resource<FieldMap>, name: String) -> Trapping<bool>;
    fn set(fields: Resource<FieldMap>, name: String, values: Vec<Vec<u8>>) -> HeaderResult<()>;
    fn delete(fields: Resource<FieldMap>, name: String) -> HeaderResult<()>;
    fn append(fields: Resource<FieldMap>, name: String, value: Vec<u8>) -> HeaderResult<()>;
    fn entries(fields: Resource<FieldMap>) -> Trapping<Vec<(String, Vec<u8>)>>;
    fn clone(fields: Resource<FieldMap>) -> Trapping<Resource<FieldMap>>;
    fn drop(fields: Resource<FieldMap>) -> Trapping<()>;
});

counted!(types::HostOutgoingRequest {
    fn new(headers: Resource<FieldMap>) -> Trapping<Resource<OutgoingRequest>>;
    fn body(request: Resource<OutgoingRequest>) -> Refusable<Resource<OutgoingBody>>;
    fn method(request: Resource<OutgoingRequest>) -> Trapping<Method>;
    fn path_with_query(request: Resource<OutgoingRequest>) -> Trapping<Option<String>>;
    fn scheme(request: Resource<OutgoingRequest>) -> Trapping<Option<Scheme>>;
    fn set_scheme(request: Resource<OutgoingRequest>, scheme: Option<Scheme>) -> Refusable<()>;
    fn authority(request: Resource<OutgoingRequest>) -> Trapping<Option<String>>;
    fn headers(request: Resource<OutgoingRequest>) -> Trapping<Resource<FieldMap>>;
    fn drop(request: Resource<OutgoingRequest>) -> Trapping<()>;
    =>
    fn set_method(&mut self, request: Resource<OutgoingRequest>, method: Method) -> Refusable<()> {
        self.count()?;
        match &method {
            Method::Other(name) if name.len() > LONGEST_METHOD => Ok(Err(())),
            _ => types::HostOutgoingRequest::set_method(&mut self.view, request, method),
        }
    }

    fn set_path_with_query(&mut self, request: Resource<OutgoingRequest>, path: Option<String>) -> Refusable<()> {
        self.count()?;
        if path.as_ref().is_some_and(|path| path.len() > LONGEST_PATH) {
            return Ok(Err(()));
        }
        types::HostOutgoingRequest::set_path_with_query(&mut self.view, request, path)
    }

    fn set_authority(&mut self, request: Resource<OutgoingRequest>, authority: Option<String>) -> Refusable<()> {
        self.count()?;
        if authority.as_ref().is_some_and(|authority| authority.len() > LONGEST_AUTHORITY) {
            return Ok(Err(()));
        }
        types::HostOutgoingRequest::set_authority(&mut self.view, request, authority)
    }
});

counted!(types::HostIncomingRequest {
    fn method(request: Resource<IncomingRequest>) -> Trapping<Method>;
    fn path_with_query(request: Resource<IncomingRequest>) -> Trapping<Option<String>>;
    fn scheme(request: Resource<IncomingRequest>) -> Trapping<Option<Scheme>>;
    fn authority(request: Resource<IncomingRequest>) -> Trapping<Option<String>>;
    fn headers(request: Resource<IncomingRequest>) -> Trapping<Resource<FieldMap>>;
    fn consume(request: Resource<IncomingRequest>) -> Refusable<Resource<IncomingBody>>;
    fn drop(request: Resource<IncomingRequest>) -> Trapping<()>;
});

counted!(types::HostResponseOutparam {
    fn set(
        outparam: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, types::ErrorCode>
    ) -> Trapping<()>;
    fn send_informational(
        outparam: Resource<ResponseOutparam>,
        status: u16,
        headers: Resource<FieldMap>
    ) -> HttpResult<()>;
    fn drop(outparam: Resource<ResponseOutparam>) -> Trapping<()>;
});

counted!(types::HostIncomingResponse {
    fn status(response: Resource<IncomingResponse>) -> Trapping<types::StatusCode>;
    fn headers(response: Resource<IncomingResponse>) -> Trapping<Resource<FieldMap>>;
    fn consume(response: Resource<IncomingResponse>) -> Refusable<Resource<IncomingBody>>;
    fn drop(response: Resource<IncomingResponse>) -> Trapping<()>;
});

counted!(types::HostFutureTrailers {
    fn subscribe(trailers: Resource<FutureTrailers>) -> Trapping<Resource<DynPollable>>;
    fn get(
        trailers: Resource<FutureTrailers>
    ) -> Trapping<Option<Result<Result<Option<Resource<FieldMap>>, types::ErrorCode>, ()>>>;
    fn drop(trailers: Resource<FutureTrailers>) -> Trapping<()>;
});

counted!(types::HostIncomingBody {
    fn stream(body: Resource<IncomingBody>) -> Refusable<Resource<DynInputStream>>;
    fn finish(body: Resource<IncomingBody>) -> Trapping<Resource<FutureTrailers>>;
    fn drop(body: Resource<IncomingBody>) -> Trapping<()>;
});

counted!(types::HostOutgoingResponse {
    fn new(headers: Resource<FieldMap>) -> Trapping<Resource<OutgoingResponse>>;
    fn body(response: Resource<OutgoingResponse>) -> Refusable<Resource<OutgoingBody>>;
    fn status_code(response: Resource<OutgoingResponse>) -> Trapping<types::StatusCode>;
    fn set_status_code(response: Resource<OutgoingResponse>, status: types::StatusCode) -> Refusable<()>;
    fn headers(response: Resource<OutgoingResponse>) -> Trapping<Resource<FieldMap>>;
    fn drop(response: Resource<OutgoingResponse>) -> Trapping<()>;
});

counted!(types::HostFutureIncomingResponse {
    fn get(
        response: Resource<FutureIncomingResponse>
    ) -> Trapping<Option<Result<Result<Resource<IncomingResponse>, types::ErrorCode>, ()>>>;
    fn subscribe(response: Resource<FutureIncomingResponse>) -> Trapping<Resource<DynPollable>>;
    fn drop(response: Resource<FutureIncomingResponse>) -> Trapping<()>;
});

counted!(types::HostOutgoingBody {
    fn write(body: Resource<OutgoingBody>) -> Refusable<Resource<DynOutputStream>>;
    fn finish(body: Resource<OutgoingBody>, trailers: Option<Resource<FieldMap>>) -> HttpResult<()>;
    fn drop(body: Resource<OutgoingBody>) -> Trapping<()>;
});

counted!(types::HostRequestOptions {
    fn new() -> Trapping<Resource<RequestOptions>>;
    fn connect_timeout(options: Resource<RequestOptions>) -> Trapping<Option<types::Duration>>;
    fn set_connect_timeout(options: Resource<RequestOptions>, timeout: Option<types::Duration>) -> Refusable<()>;
    fn first_byte_timeout(options: Resource<RequestOptions>) -> Trapping<Option<types::Duration>>;
    fn set_first_byte_timeout(options: Resource<RequestOptions>, timeout: Option<types::Duration>) -> Refusable<()>;
    fn between_bytes_timeout(options: Resource<RequestOptions>) -> Trapping<Option<types::Duration>>;
    fn set_between_bytes_timeout(options: Resource<RequestOptions>, timeout: Option<types::Duration>) -> Refusable<()>;
    fn drop(options: Resource<RequestOptions>) -> Trapping<()>;
});
