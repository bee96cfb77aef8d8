//! End to end: the real component in the real host over real sockets, against the fake Azure.

mod altered;
mod artifacts;
mod collector;
mod configuration;
mod conformance;
mod delivery;
mod describe;
mod diagnosis;
mod egress;
mod failures;
mod kill;
mod lab;
mod login;
mod manual;
mod network;
mod observability;
mod portability;
mod reading;
mod receivers;
mod registry;
mod requests;
mod sandbox;
mod second_source;
mod secrets;
mod site;
mod upstreams;
