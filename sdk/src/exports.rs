//! The contract's five functions over plain types: what a component exports.

use crate::contract::{Batch, Discovery, Error, Issue, Manifest, Nanos, Plan, Report, Request};
use crate::http::Platform;

/// A component that fulfils the contract, whose comments say what each function does. [`PagedSource`](crate::PagedSource) and
/// [`TimedSource`](crate::TimedSource) have all of it made of less; implement this where a source needs more room, and
/// [`export!`](crate::export) it the same way.
pub trait Component {
    /// What this source is.
    fn describe() -> Manifest;

    /// Checks a configuration offline.
    ///
    /// # Errors
    ///
    /// Every issue at once.
    fn validate(config: &str) -> Result<Plan, Vec<Issue>>;

    /// Finds the partitions.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    fn discover(
        platform: &mut dyn Platform,
        config: &str,
        session: Option<&[u8]>,
        deadline: Nanos,
    ) -> Result<Discovery, Error>;

    /// Tests one partition.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn check(
        platform: &mut dyn Platform,
        config: &str,
        session: Option<&[u8]>,
        partition: &str,
        deadline: Nanos,
    ) -> Result<Report, Error>;

    /// Fetches the next batch of one partition.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn poll(platform: &mut dyn Platform, request: &Request) -> Result<Batch, Error>;
}

/// Makes a component of a type: of a [`PagedSource`](crate::PagedSource), or with `component` before it of a
/// [`Component`](crate::Component). Nothing outside of WebAssembly.
#[macro_export]
macro_rules! export {
    (component $source:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;

            $crate::__exports!(Exported, $source);
        };
    };
    ($source:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;

            $crate::__exports!(Exported, $crate::__Adapter<$source>);
        };
    };
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __exports {
    ($exported:ident, $component:ty) => {
        use $crate::component::bindings::exports::headwater::source::{descriptor, source};

        impl descriptor::Guest for $exported {
            fn describe() -> descriptor::Manifest {
                $crate::component::describe::<$component>()
            }
        }

        impl source::Guest for $exported {
            fn validate(config: String) -> Result<source::Plan, Vec<source::Issue>> {
                $crate::component::validate::<$component>(&config)
            }

            fn discover(
                config: String,
                session: Option<Vec<u8>>,
                deadline: u64,
            ) -> Result<source::Discovery, source::Error> {
                $crate::component::discover::<$component>(&config, session.as_deref(), deadline)
            }

            fn check(
                config: String,
                session: Option<Vec<u8>>,
                partition: String,
                deadline: u64,
            ) -> Result<source::Report, source::Error> {
                $crate::component::check::<$component>(&config, session.as_deref(), &partition, deadline)
            }

            fn poll(request: source::Request) -> Result<source::Batch, source::Error> {
                $crate::component::poll::<$component>(request)
            }
        }

        $crate::component::bindings::export!($exported with_types_in $crate::component::bindings);
    };
}
