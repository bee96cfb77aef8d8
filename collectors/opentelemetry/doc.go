// Package headwaterreceiver is a receiver of the OpenTelemetry Collector that reads logs through Headwater's sources, WebAssembly
// components in a sandbox each, in the collector's own process.
package headwaterreceiver
