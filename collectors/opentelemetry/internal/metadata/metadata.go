// Package metadata is what metadata.yaml says, written by hand: its generator of this release cannot be built.
package metadata

import "go.opentelemetry.io/collector/component"

// Type is the receiver's.
var Type = component.MustNewType("headwater")

// LogsStability is how much may change.
const LogsStability = component.StabilityLevelAlpha
