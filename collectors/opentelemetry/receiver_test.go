package headwaterreceiver

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
)

func TestAReceiverIsCreatedStartedAndShutDownAsTheCollectorDoes(t *testing.T) {
	served := serveFeed(t, 1)
	require.NoError(t, create(t, served.config(t), consumertest.NewNop()).Shutdown(context.Background()),
		"it was never started")
	// As the checks of the contrib repository do: twice, with one factory.
	for range 2 {
		store := &memory{}
		stop := start(t, served.config(t), consumertest.NewNop(), newHost(store))
		stop()
		assert.Zero(t, store.open, "the storage was closed")
	}
}

func TestEveryEventIsTakenOnceAndReadingGoesOnAfterARestart(t *testing.T) {
	served, store, next := serveFeed(t, 25), &memory{}, &sink{}
	stop := start(t, served.config(t), next, newHost(store))
	eventually(t, func() bool { return len(next.numbers()) >= 25 })
	stop()
	assert.Equal(t, upTo(25), next.numbers())
	record := next.records[0]
	uid, _ := record.Attributes().Get("log.record.uid")
	assert.Len(t, uid.Str(), 64)
	assert.WithinDuration(t, time.Now(), record.ObservedTimestamp().AsTime(), patience)
	assert.Zero(t, record.Timestamp(), "the feed does not say when")

	served.mu.Lock()
	served.entries = 30
	served.mu.Unlock()
	stop = start(t, served.config(t), next, newHost(store))
	eventually(t, func() bool { return len(next.numbers()) >= 30 })
	stop()
	assert.Equal(t, upTo(30), next.numbers())
}

func TestAConsumerThatRefusesGetsTheBatchAgainAndTheStatusSaysSo(t *testing.T) {
	served, next, collector := serveFeed(t, 25), &sink{refusal: errors.New("the queue is full")}, newHost(&memory{})
	stop := start(t, served.config(t), next, collector)
	defer stop()
	eventually(t, func() bool {
		return next.refusals() >= 2 && collector.has(componentstatus.StatusRecoverableError, "the queue is full")
	})
	next.refuse(nil)
	eventually(t, func() bool { return len(next.numbers()) >= 25 })
	assert.Equal(t, upTo(25), next.numbers())
	eventually(t, func() bool { return collector.has(componentstatus.StatusOK, "") })
}

func TestWhatIsRefusedPermanentlyIsADeadLetter(t *testing.T) {
	served, store := serveFeed(t, 10), &memory{}
	next := &sink{refusal: consumererror.NewPermanent(errors.New("no such index"))}
	config := served.config(t)
	stop := start(t, config, next, newHost(store))
	dead := func() string {
		text, _ := os.ReadFile(config.DeadLetter)
		return string(text)
	}
	eventually(t, func() bool { return strings.Count(dead(), "\n") >= 10 })
	next.refuse(nil)
	served.mu.Lock()
	served.entries = 12
	served.mu.Unlock()
	eventually(t, func() bool { return len(next.numbers()) >= 2 })
	stop()
	assert.Equal(t, []int{11, 12}, next.numbers(), "reading went on after them")
	assert.Contains(t, dead(), "no such index")
	assert.Contains(t, dead(), `{\"number\":10,`)
}

func TestAStorageThatFailsForAWhileLosesNothing(t *testing.T) {
	served, store, next := serveFeed(t, 25), &memory{}, &sink{}
	collector := newHost(store)
	stop := start(t, served.config(t), next, collector)
	defer stop()
	eventually(t, func() bool { return len(next.numbers()) >= 25 })
	store.failing(true)
	served.mu.Lock()
	served.entries = 35
	served.mu.Unlock()
	eventually(t, func() bool { return collector.has(componentstatus.StatusRecoverableError, "the disk is gone") })
	store.failing(false)
	eventually(t, func() bool {
		numbers := next.numbers()
		return len(numbers) > 0 && numbers[len(numbers)-1] == 35
	})
}

func TestACursorThatIsLostIsNeverTakenForABeginning(t *testing.T) {
	served, store, next := serveFeed(t, 5), &memory{}, &sink{}
	start(t, served.config(t), next, newHost(store))()
	collector := newHost(store)
	stop := start(t, served.config(t), next, collector)
	eventually(t, func() bool { return len(next.numbers()) >= 5 })
	stop()
	key := "Receiver/headwater/" + t.Name() + "//cursor/" + served.URL + "/entries"
	require.Contains(t, store.values, key)
	store.remove(key)
	taken := len(next.numbers())
	collector = newHost(store)
	stop = start(t, served.config(t), next, collector)
	eventually(t, func() bool {
		return collector.has(componentstatus.StatusRecoverableError, "remembers this partition and has no cursor")
	})
	stop()
	assert.Len(t, next.numbers(), taken)
}

func TestAShutdownInTheMiddleOfAPollEndsIt(t *testing.T) {
	served := serveFeed(t, 5)
	served.hangs = true
	stop := start(t, served.config(t), &sink{}, newHost(&memory{}))
	eventually(t, func() bool { return served.count() > 0 })
	ended := make(chan struct{})
	go func() {
		stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the shutdown waits for the upstream")
	}
}

func TestWhatCannotBeStartedIsAnErrorThatSaysWhy(t *testing.T) {
	served := serveFeed(t, 1)
	plain := func() (*Config, *host) { return served.config(t), newHost(&memory{}) }
	for name, test := range map[string]struct {
		change func(*Config, *host)
		words  string
	}{
		"no such file":          {func(config *Config, _ *host) { config.Plugin = "nowhere.wasm" }, "cannot read the plugin nowhere.wasm"},
		"no component":          {func(config *Config, _ *host) { config.Plugin = os.Args[0] }, "is not a WebAssembly component"},
		"digest":                {func(config *Config, _ *host) { config.Digest = "sha256:" + strings.Repeat("0", 64) }, "is pinned"},
		"no grant":              {func(config *Config, _ *host) { config.Allow = nil }, "allow"},
		"its own configuration": {func(config *Config, _ *host) { config.Config = nil }, "url"},
		"interval":              {func(config *Config, _ *host) { config.Interval = time.Millisecond }, "interval: polling more often"},
		"dead letters":          {func(config *Config, _ *host) { config.DeadLetter = "/nowhere/dead.ndjson" }, "check `dead_letter`"},
		"no extension":          {func(_ *Config, host *host) { host.extensions = nil }, `there is no extension "memory"`},
		"not a storage": {func(_ *Config, host *host) {
			host.extensions[component.MustNewID("memory")] = componentOnly{}
		}, "is not a storage"},
		"storage fails": {func(_ *Config, host *host) {
			host.extensions[component.MustNewID("memory")] = &memory{fails: true}
		}, "the disk is gone"},
		"another layout": {func(_ *Config, host *host) {
			key := "Receiver/headwater/" + t.Name() + "//version"
			host.extensions[component.MustNewID("memory")] = &memory{values: map[string][]byte{key: []byte("2")}}
		}, `version "2" of another release`},
	} {
		config, collector := plain()
		test.change(config, collector)
		err := create(t, config, &sink{}).Start(context.Background(), collector)
		assert.ErrorContains(t, err, test.words, name)
		if store, is := collector.extensions[component.MustNewID("memory")].(*memory); is {
			assert.Zero(t, store.open, "%s: the storage was closed", name)
		}
	}
}

type componentOnly struct {
	component.StartFunc
	component.ShutdownFunc
}

func TestASecondReceiverOfOneNameIsRefused(t *testing.T) {
	served := serveFeed(t, 1)
	stop := start(t, served.config(t), &sink{}, newHost(&memory{}))
	defer stop()
	err := create(t, served.config(t), &sink{}).Start(context.Background(), newHost(&memory{}))
	assert.ErrorContains(t, err, "another receiver of this process reads the source")
}

// A trap of WebAssembly and a nil pointer of Go both begin as a signal. Each side must get its own.
func TestTrapsOfASourceAndPanicsOfTheCollectorDoNotDisturbEachOther(t *testing.T) {
	served, next, collector := serveFeed(t, 1_000), &sink{}, newHost(&memory{})
	hostile := served.config(t)
	hostile.Plugin = built(t, "HEADWATER_HOSTILE_SOURCE")
	hostile.Config = map[string]any{"attack": "trap"}
	hostile.Allow = []string{"https://collector.example"}
	stop := start(t, hostile, next, collector)
	defer stop()
	dereference := func(pointer *Config) (recovered any) {
		defer func() { recovered = recover() }()
		pointer.Plugin = ""
		return nil
	}
	eventually(t, func() bool {
		require.NotNil(t, dereference(nil), "Go sees its own fault")
		return collector.has(componentstatus.StatusRecoverableError, "")
	})
	require.NotNil(t, dereference(nil))
}

func TestTheConfigurationIsAsTheCollectorAsks(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	assert.Equal(t, "headwater", NewFactory().Type().String())
	assert.Equal(t, component.StabilityLevelAlpha, NewFactory().LogsStability())
}
