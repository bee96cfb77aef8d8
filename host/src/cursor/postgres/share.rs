//! How many sources a host should have.

/// The most that one of `hosts` hosts may have of `sources` sources: fair, so that nobody has more while another has less than
/// that, and stable, because nothing changes hands below it.
pub(super) fn fair_share(sources: usize, hosts: usize) -> usize {
    sources.div_ceil(hosts.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_all_sources_and_are_as_small_as_possible() {
        for (sources, hosts, share) in [
            (60, 3, 20),
            (61, 3, 21),
            (2, 3, 1),
            (0, 3, 0),
            (5, 1, 5),
            (5, 0, 5),
        ] {
            assert_eq!(fair_share(sources, hosts), share);
            assert!(share * hosts.max(1) >= sources);
        }
    }
}
