package headwaterreceiver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
)

// Config is what the collector's configuration says about one receiver: one source.
type Config struct {
	// Plugin is the path of the component.
	Plugin string `mapstructure:"plugin"`
	// Digest pins it: `sha256:` and 64 hexadecimal digits.
	Digest string `mapstructure:"digest"`
	// Storage is the extension that keeps the cursors.
	Storage *component.ID `mapstructure:"storage"`
	// Allow lists the origins that the source may reach.
	Allow []string `mapstructure:"allow"`
	// AllowPrivate says whether those may have addresses that are not public.
	AllowPrivate bool `mapstructure:"allow_private"`
	// Config is the source's own configuration.
	Config map[string]any `mapstructure:"config"`
	// Secrets are filled into Config: by key, or by JSON Pointer where it lies deeper.
	Secrets map[string]configopaque.String `mapstructure:"secrets"`
	// Interval is how often to poll; what the source asks for if it is zero.
	Interval time.Duration `mapstructure:"interval"`
	// DeadLetter is the file for what never becomes, or is not taken as, a log record.
	DeadLetter string `mapstructure:"dead_letter"`
	// Proxy is `environment` or an address; none if it is empty.
	Proxy configopaque.String `mapstructure:"proxy"`
	// CA is a file of certificate authorities to trust instead of the system's.
	CA string `mapstructure:"ca"`
	// Limits are the bounds of the source.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// LimitsConfig is bounds of one call into the source. Zero is the usual one.
type LimitsConfig struct {
	// Memory is bytes of linear memory.
	Memory uint64 `mapstructure:"memory"`
	// HostMemory is bytes beside it.
	HostMemory uint64 `mapstructure:"host_memory"`
	// PollTimeout ends a call.
	PollTimeout time.Duration `mapstructure:"poll_timeout"`
	// CPU is the share of one processor in percent.
	CPU uint32 `mapstructure:"cpu"`
	// Response is bytes of one answer.
	Response uint64 `mapstructure:"response"`
	// BatchEvents is events of one batch.
	BatchEvents uint32 `mapstructure:"batch_events"`

	_ struct{}
}

func createDefaultConfig() component.Config {
	return &Config{}
}

// Validate judges what needs neither the component nor the network.
func (c *Config) Validate() error {
	var problems []error
	if c.Plugin == "" {
		problems = append(problems, errors.New("plugin: missing; write the path of the component, for example source.wasm"))
	}
	if c.Storage == nil {
		problems = append(problems, errors.New("storage: missing; write the id of a storage extension, for example file_storage, which keeps the cursors"))
	}
	if c.Interval < 0 {
		problems = append(problems, fmt.Errorf("interval: %v is negative; write for example 300s", c.Interval))
	}
	if c.Limits.PollTimeout < 0 {
		problems = append(problems, fmt.Errorf("limits::poll_timeout: %v is negative; write for example 120s", c.Limits.PollTimeout))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Secrets)) {
		if c.Secrets[key] == "" {
			problems = append(problems, fmt.Errorf("secrets::%s: empty; is the variable set that it comes from?", key))
		}
		if _, doubled := c.Config[key]; doubled {
			problems = append(problems, fmt.Errorf("secrets::%s: is in config as well; remove it there", key))
		}
	}
	return errors.Join(problems...)
}

// options are those of libheadwater.
func (c *Config) options(source string) map[string]any {
	secrets := map[string]any{}
	for key, secret := range c.Secrets {
		if !strings.HasPrefix(key, "/") {
			key = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		}
		secrets[key] = map[string]string{"text": string(secret)}
	}
	config := c.Config
	if config == nil {
		config = map[string]any{}
	}
	options := map[string]any{
		"name":          source,
		"plugin":        c.Plugin,
		"allow":         append([]string{}, c.Allow...),
		"allow_private": c.AllowPrivate,
		"config":        config,
		"secrets":       secrets,
		"dead_letter":   c.deadLetter(source),
		"limits":        c.Limits.options(),
	}
	given := map[string]string{"digest": c.Digest, "proxy": string(c.Proxy), "ca": c.CA}
	if c.Interval > 0 {
		given["interval"] = duration(c.Interval)
	}
	for key, value := range given {
		if value != "" {
			options[key] = value
		}
	}
	return options
}

// deadLetter is the file for dead letters: one of the source's own unless it is given.
func (c *Config) deadLetter(source string) string {
	if c.DeadLetter != "" {
		return c.DeadLetter
	}
	return source + ".dead.ndjson"
}

func (l *LimitsConfig) options() map[string]any {
	options := map[string]any{}
	numbers := map[string]uint64{
		"memory":       l.Memory,
		"host_memory":  l.HostMemory,
		"cpu":          uint64(l.CPU),
		"response":     l.Response,
		"batch_events": uint64(l.BatchEvents),
	}
	for key, number := range numbers {
		if number > 0 {
			options[key] = number
		}
	}
	if l.PollTimeout > 0 {
		options["poll_timeout"] = duration(l.PollTimeout)
	}
	return options
}

// duration in the library's grammar.
func duration(value time.Duration) string {
	return fmt.Sprintf("%dms", max(1, value.Milliseconds()))
}

// sourceName keys cursors and dead letters: the receiver's own name, or its type where it has none.
func sourceName(id component.ID) string {
	if id.Name() != "" {
		return id.Name()
	}
	return id.Type().String()
}
