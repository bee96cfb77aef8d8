//! Upstreams and receivers that mean no good, for tests and for the benchmark among attackers.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::network::{Background, read_head};

/// Takes every request and never answers.
pub fn hung() -> Background {
    Background::serve(|mut stream: TcpStream| async move {
        read_head(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    })
}
