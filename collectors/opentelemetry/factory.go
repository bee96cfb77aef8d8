package headwaterreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"headwater.example/collectors/opentelemetry/internal/metadata"
)

// NewFactory makes the factory of the receiver `headwater`.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createLogs(
	_ context.Context,
	settings receiver.Settings,
	config component.Config,
	next consumer.Logs,
) (receiver.Logs, error) {
	return newReceiver(settings, config.(*Config), next)
}
