//! Whatever the configuration of the Azure source is, it is accepted or refused with a pointer to each problem.
#![no_main]

use azure_activity::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(issues) = config::read(text) {
        assert!(!issues.is_empty());
        for issue in issues {
            assert!(issue.pointer.is_empty() || issue.pointer.starts_with('/'), "{}", issue.pointer);
            assert!(!issue.message.is_empty());
        }
    }
});
