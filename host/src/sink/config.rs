//! Which sink, and with which settings.

use std::path::PathBuf;

use super::{Encoding, Endpoint, ForwardReceiver, Rotation};

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkConfig {
    /// Standard output, one event a line.
    Stdout,
    /// A file, one event a line.
    File {
        /// The file to append to.
        path: PathBuf,
        /// When it is rotated: renamed, and a new one created.
        rotation: Rotation,
    },
    /// An HTTP receiver.
    Http {
        /// The receiver.
        endpoint: Endpoint,
        /// How events are put together.
        encoding: Encoding,
    },
    /// A receiver of the Fluent Forward protocol.
    Forward(ForwardReceiver),
    /// An OpenTelemetry receiver.
    Otlp {
        /// The receiver.
        endpoint: Endpoint,
    },
}
