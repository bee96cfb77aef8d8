//! End to end: the real component in the real host over real sockets, against the fake Azure.

mod altered;
mod artifacts;
mod attackers;
mod audit_feed;
mod bare;
mod claims;
mod cluster;
mod collector;
mod configuration;
mod conformance;
#[path = "../detections/corpus.rs"]
mod corpus;
mod database;
mod dead_letters;
mod deadlines;
mod delivery;
mod describe;
mod diagnosis;
mod documentation;
mod egress;
mod engines;
mod entra;
mod failures;
mod fields;
mod files;
mod helpers;
mod init;
mod instructions;
#[path = "../../model/src/invariants.rs"]
mod invariants;
mod kill;
mod lab;
mod library;
mod log_output;
mod login;
mod manual;
#[path = "../../benches/support/native.rs"]
mod native;
mod network;
mod observability;
mod odd_answers;
#[path = "../../../plugin/tests/odd_records/mod.rs"]
mod odd_records;
#[path = "../../benches/support/pages.rs"]
mod pages;
mod portability;
mod postgres;
mod presets;
mod reading;
mod receivers;
mod recipes;
mod refusals;
mod registry;
mod requests;
mod sandbox;
mod second_source;
mod secrets;
mod sentinel;
mod signals;
mod site;
mod starters;
mod starting;
mod state;
#[path = "../../benches/support/mod.rs"]
mod support;
mod tenants;
mod together;
mod twin;
mod upstreams;
mod walls;
mod watched;
mod writing;

// Inside of other programs.
#[cfg(target_os = "linux")]
mod c_library;
#[cfg(target_os = "linux")]
mod embedded;
#[cfg(target_os = "linux")]
mod fluent_bit;
#[cfg(target_os = "linux")]
mod opentelemetry;

// Releases are made on Linux.
#[cfg(target_os = "linux")]
mod release;
