package headwaterreceiver

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func loaded(t *testing.T, name string) *Config {
	t.Helper()
	file, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	part, err := file.Sub(name)
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, part.Unmarshal(config))
	return config
}

func TestAConfigurationBecomesOptionsOfTheLibrary(t *testing.T) {
	config := loaded(t, "headwater/contoso")
	require.NoError(t, confmap.Validate(config))
	id := component.MustNewIDWithName("headwater", "contoso")
	options, err := json.Marshal(config.options(sourceName(id)))
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"name": "contoso",
		"plugin": "source.wasm",
		"allow": ["https://login.example.com", "https://api.example.com"],
		"allow_private": false,
		"config": {"tenant_id": "11111111-1111-1111-1111-111111111111", "deep": {"key": null}},
		"secrets": {"/client_secret": {"text": "hush"}, "/deep/key": {"text": "hush too"}},
		"interval": "300000ms",
		"dead_letter": "contoso.dead.ndjson",
		"limits": {"batch_events": 1000, "poll_timeout": "60000ms"}
	}`, string(options))
	assert.Equal(t, "headwater", sourceName(component.MustNewID("headwater")))
}

func TestSecretsAreInNothingThatIsPrinted(t *testing.T) {
	config := loaded(t, "headwater/contoso")
	config.Proxy = "http://user:hush@proxy.example"
	marshalled := confmap.New()
	require.NoError(t, marshalled.Marshal(config))
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v", config, config, config),
		fmt.Sprint(marshalled.ToStringMap()),
	} {
		assert.NotContains(t, text, "hush")
	}
}

func TestWhatIsWrongWithAConfigurationIsNamed(t *testing.T) {
	for name, words := range map[string][]string{
		"headwater/empty":    {"plugin: missing", "storage: missing"},
		"headwater/interval": {"interval: -1s is negative", "limits::poll_timeout: -1s is negative"},
		"headwater/secrets":  {"secrets::a: empty", "secrets::b: is in config as well"},
	} {
		err := confmap.Validate(loaded(t, name))
		for _, text := range words {
			assert.ErrorContains(t, err, text, name)
		}
	}
	unknown := confmap.NewFromStringMap(map[string]any{"plugn": "x"})
	assert.ErrorContains(t, unknown.Unmarshal(createDefaultConfig()), "plugn")
	assert.Equal(t, "1ms", duration(time.Nanosecond))
}
