package headwaterreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"headwater.example/collectors/opentelemetry/internal/metadata"
)

// patience is longer than any test needs.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// built is a component that `cargo xtask test` has built and named.
func built(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	require.NotEmpty(t, path, "%s names a built component; `cargo xtask test` sets it", variable)
	return path
}

// feed serves so many numbered entries to the example source.
type feed struct {
	*httptest.Server
	mu      sync.Mutex
	entries int
	polls   int
	hangs   bool
}

func serveFeed(t *testing.T, entries int) *feed {
	served := &feed{entries: entries}
	release := make(chan struct{})
	served.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		served.mu.Lock()
		served.polls++
		last, hangs := served.entries, served.hangs
		served.mu.Unlock()
		if hangs {
			<-release
		}
		after, _ := strconv.Atoi(request.URL.Query().Get("after"))
		list := []map[string]any{}
		for number := after + 1; number <= last; number++ {
			list = append(list, map[string]any{"number": number, "text": "entry"})
		}
		_ = json.NewEncoder(out).Encode(list)
	}))
	t.Cleanup(func() {
		close(release)
		served.Close()
	})
	return served
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.polls
}

// config reads the feed, ten entries at once.
func (f *feed) config(t *testing.T) *Config {
	id := component.MustNewID("memory")
	return &Config{
		Plugin:     built(t, "HEADWATER_EXAMPLE_SOURCE"),
		Storage:    &id,
		Allow:      []string{f.URL},
		Config:     map[string]any{"url": f.URL + "/entries"},
		Interval:   time.Second,
		DeadLetter: filepath.Join(t.TempDir(), "dead.ndjson"),
		Limits:     LimitsConfig{BatchEvents: 10},
	}
}

// host is a collector with a storage extension, as a receiver sees it.
type host struct {
	component.Host
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	events     []*componentstatus.Event
}

func newHost(store component.Component) *host {
	return &host{
		Host:       componenttest.NewNopHost(),
		extensions: map[component.ID]component.Component{component.MustNewID("memory"): store},
	}
}

func (h *host) GetExtensions() map[component.ID]component.Component {
	return h.extensions
}

func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

// has says whether a status was reported, with this in its error.
func (h *host) has(status componentstatus.Status, words string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.events, func(event *componentstatus.Event) bool {
		if event.Status() != status {
			return false
		}
		return words == "" || (event.Err() != nil && strings.Contains(event.Err().Error(), words))
	})
}

// memory is a storage extension.
type memory struct {
	component.StartFunc
	component.ShutdownFunc
	mu     sync.Mutex
	values map[string][]byte
	fails  bool
	open   int
}

var errStorage = errors.New("the disk is gone")

func (m *memory) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails {
		return nil, errStorage
	}
	m.open++
	return &memoryClient{memory: m, prefix: fmt.Sprintf("%v/%v/%s/", kind, id, name)}, nil
}

func (m *memory) failing(fails bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = fails
}

func (m *memory) remove(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
}

type memoryClient struct {
	memory *memory
	prefix string
}

func (c *memoryClient) Get(ctx context.Context, key string) ([]byte, error) {
	operation := storage.GetOperation(key)
	err := c.Batch(ctx, operation)
	return operation.Value, err
}

func (c *memoryClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *memoryClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *memoryClient) Batch(_ context.Context, operations ...*storage.Operation) error {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	if c.memory.fails {
		return errStorage
	}
	if c.memory.values == nil {
		c.memory.values = map[string][]byte{}
	}
	for _, operation := range operations {
		key := c.prefix + operation.Key
		switch operation.Type {
		case storage.Get:
			operation.Value = slices.Clone(c.memory.values[key])
		case storage.Set:
			c.memory.values[key] = slices.Clone(operation.Value)
		case storage.Delete:
			delete(c.memory.values, key)
		}
	}
	return nil
}

func (c *memoryClient) Close(context.Context) error {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	c.memory.open--
	return nil
}

// sink is the next consumer: what it takes, unless it has a reason not to.
type sink struct {
	mu      sync.Mutex
	refusal error
	refused int
	records []plog.LogRecord
}

func (s *sink) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{}
}

func (s *sink) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal != nil {
		s.refused++
		return s.refusal
	}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				s.records = append(s.records, record)
			}
		}
	}
	return nil
}

func (s *sink) refuse(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = reason
}

func (s *sink) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// numbers are those of the entries taken, in their order.
func (s *sink) numbers() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers := []int{}
	for _, record := range s.records {
		number, _ := record.Body().Map().Get("number")
		numbers = append(numbers, int(number.Int()))
	}
	return numbers
}

func upTo(last int) []int {
	numbers := []int{}
	for number := 1; number <= last; number++ {
		numbers = append(numbers, number)
	}
	return numbers
}

// create makes a receiver, not yet started. Its name is that of the test, so that tests do not share a source.
func create(t *testing.T, config component.Config, next consumer.Logs) receiver.Logs {
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.ID = component.NewIDWithName(metadata.Type, t.Name())
	settings.Logger = zaptest.NewLogger(t, zaptest.Level(zap.InfoLevel))
	made, err := NewFactory().CreateLogs(context.Background(), settings, config, next)
	require.NoError(t, err)
	return made
}

// start makes a receiver and starts it. The function that is returned shuts it down.
func start(t *testing.T, config component.Config, next consumer.Logs, host component.Host) func() {
	made := create(t, config, next)
	require.NoError(t, made.Start(context.Background(), host))
	return func() {
		require.NoError(t, made.Shutdown(context.Background()))
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 20*time.Millisecond)
}
