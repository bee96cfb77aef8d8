//! The component: this source's five functions as the SDK exports them. No decision is taken here.

use headwater_source::Component;
use headwater_source::contract::{Batch, Discovery, Error, Issue, Manifest, Nanos, Plan, Report, Request};

use crate::http::Platform;
use crate::source;

/// The source.
#[derive(Debug)]
pub struct AzureActivity;

headwater_source::export!(component AzureActivity);

impl Component for AzureActivity {
    fn describe() -> Manifest {
        source::describe()
    }

    fn validate(config: &str) -> Result<Plan, Vec<Issue>> {
        source::validate(config)
    }

    fn discover(
        platform: &mut dyn Platform,
        config: &str,
        session: Option<&[u8]>,
        deadline: Nanos,
    ) -> Result<Discovery, Error> {
        Ok(source::discover(platform, config, session, deadline)?.into())
    }

    fn check(
        platform: &mut dyn Platform,
        config: &str,
        session: Option<&[u8]>,
        partition: &str,
        deadline: Nanos,
    ) -> Result<Report, Error> {
        Ok(source::check(platform, config, session, partition, deadline)?.into())
    }

    fn poll(platform: &mut dyn Platform, request: &Request) -> Result<Batch, Error> {
        Ok(source::poll(platform, request)?.into())
    }
}
