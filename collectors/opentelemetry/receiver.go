package headwaterreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"headwater.example/collectors/opentelemetry/internal/libheadwater"
	"headwater.example/collectors/opentelemetry/internal/metadata"
)

const (
	// turn is how long the library is asked to wait for a batch: a shutdown waits no longer than that.
	turn = 250 * time.Millisecond
	// commitPause is between two tries to commit a cursor.
	commitPause = time.Second
)

// headwaterReceiver reads one source.
type headwaterReceiver struct {
	id       component.ID
	config   *Config
	settings receiver.Settings
	next     consumer.Logs
	report   *receiverhelper.ObsReport

	host    component.Host
	cursors *cursors
	source  *libheadwater.Source
	cancel  context.CancelFunc
	done    chan struct{}

	// What keeps batches from being delivered; of the goroutine that reads.
	delivery error
	// What was reported last; the same.
	reported string
}

func newReceiver(settings receiver.Settings, config *Config, next consumer.Logs) (*headwaterReceiver, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             settings.ID,
		Transport:              "http",
		ReceiverCreateSettings: settings,
	})
	if err != nil {
		return nil, err
	}
	return &headwaterReceiver{
		id:       settings.ID,
		config:   config,
		settings: settings,
		next:     next,
		report:   report,
	}, nil
}

// Start opens the storage and the source, and begins to read. What can be judged without the network is judged here.
func (r *headwaterReceiver) Start(ctx context.Context, host component.Host) error {
	if r.config.Storage == nil {
		return errors.New("storage: missing; write the id of a storage extension")
	}
	opened, err := openCursors(ctx, host, *r.config.Storage, r.id)
	if err != nil {
		return err
	}
	name := sourceName(r.id)
	user := libheadwater.User{Cursors: opened, Log: r.log}
	source, err := libheadwater.Open(name, r.config.options(name), user)
	if err != nil {
		return errors.Join(fmt.Errorf("source %q: %w", name, err), opened.close(ctx))
	}
	// The context of Start ends with it.
	reading, cancel := context.WithCancel(context.Background())
	r.host, r.cursors, r.source, r.cancel = host, opened, source, cancel
	r.done = make(chan struct{})
	go r.read(reading)
	return nil
}

// Shutdown ends the reading at once. A batch that was not acknowledged is read again after the next start.
func (r *headwaterReceiver) Shutdown(ctx context.Context) error {
	if r.source == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
	case <-ctx.Done():
		// The next consumer has not returned yet, and the batch is in its hands.
		<-r.done
	}
	r.source.Close()
	r.source = nil
	return r.cursors.close(ctx)
}

func (r *headwaterReceiver) read(ctx context.Context) {
	defer close(r.done)
	for ctx.Err() == nil {
		batch, err := r.source.Next(turn)
		if err != nil {
			r.settings.Logger.Error("the source is not read any more", zap.Error(err))
			componentstatus.ReportStatus(r.host, componentstatus.NewPermanentErrorEvent(err))
			return
		}
		if batch != nil {
			r.deliver(ctx, batch)
			batch.Free()
		}
		r.reportHealth()
	}
}

// deliver hands a batch to the next consumer, however often that takes, and commits its cursor.
func (r *headwaterReceiver) deliver(ctx context.Context, batch *libheadwater.Batch) {
	for {
		err := r.consume(ctx, batch)
		if consumererror.IsPermanent(err) {
			r.settings.Logger.Error("the next consumer refuses a batch permanently; its events are dead letters",
				zap.String("partition", batch.Partition()), zap.Int("events", batch.Len()),
				zap.String("file", r.config.deadLetter(batch.Source())), zap.Error(err))
			err = batch.Refuse(err.Error())
		}
		r.delivery = err
		r.reportHealth()
		if err == nil {
			r.commit(ctx, batch)
			return
		}
		wait, keep := batch.Nack(err.Error())
		if !keep || !pause(ctx, wait) {
			return
		}
	}
}

func (r *headwaterReceiver) consume(ctx context.Context, batch *libheadwater.Batch) error {
	count := batch.Len()
	if count == 0 {
		return nil
	}
	logs := translate(batch, libheadwater.Version())
	ctx = r.report.StartLogsOp(ctx)
	err := r.next.ConsumeLogs(ctx, logs)
	r.report.EndLogsOp(ctx, metadata.Type.String(), count, err)
	return err
}

func (r *headwaterReceiver) commit(ctx context.Context, batch *libheadwater.Batch) {
	for {
		err := batch.Ack()
		if err == nil {
			return
		}
		r.settings.Logger.Warn("the cursor of a delivered batch cannot be committed yet",
			zap.String("partition", batch.Partition()), zap.Error(err))
		r.delivery = err
		r.reportHealth()
		if !pause(ctx, commitPause) {
			return
		}
		r.delivery = nil
	}
}

// reportHealth reports what has changed about it.
func (r *headwaterReceiver) reportHealth() {
	failure := r.delivery
	if failure == nil {
		failure = r.source.Health()
	}
	text := "ok"
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if failure != nil {
		text = failure.Error()
		event = componentstatus.NewRecoverableErrorEvent(failure)
	}
	if text != r.reported {
		r.reported = text
		componentstatus.ReportStatus(r.host, event)
	}
}

// log shows a line of the library as one of the collector's.
func (r *headwaterReceiver) log(level libheadwater.Level, partition, message string) {
	var fields []zap.Field
	if partition != "" {
		fields = append(fields, zap.String("partition", partition))
	}
	switch level {
	case libheadwater.LevelError:
		r.settings.Logger.Error(message, fields...)
	case libheadwater.LevelWarn:
		r.settings.Logger.Warn(message, fields...)
	case libheadwater.LevelInfo:
		r.settings.Logger.Info(message, fields...)
	default:
		r.settings.Logger.Debug(message, fields...)
	}
}

// pause waits; false if the reading ends meanwhile.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
