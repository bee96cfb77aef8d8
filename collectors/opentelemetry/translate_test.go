package headwaterreceiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"headwater.example/collectors/opentelemetry/internal/libheadwater"
)

func TestABodyKeepsItsStructureAndItsNumbers(t *testing.T) {
	body := parse([]byte(`{"a":1,"b":1.5,"c":"x","d":true,"e":null,"f":[{"g":9007199254740993}],"h":1e999,"i":18446744073709551615}`))
	into := pcommon.NewValueEmpty()
	body.put(into)
	assert.Equal(t, map[string]any{
		"a": int64(1), "b": 1.5, "c": "x", "d": true, "e": nil,
		"f": []any{map[string]any{"g": int64(9007199254740993)}},
		"h": "1e999", "i": 1.8446744073709552e19,
	}, into.Map().AsRaw())
	text := pcommon.NewValueEmpty()
	broken := parse([]byte(`{"a":`))
	broken.put(text)
	assert.Equal(t, `{"a":`, text.Str())
}

func TestALogRecordIsWithOthersOfItsResource(t *testing.T) {
	groups := newGroups("contoso", "p", "1.2.3")
	groups.attributes = []libheadwater.Attribute{{Name: "cloud.account.id", Value: "of the partition"}, {Name: "of", Value: "it"}}
	native := func(account string) value {
		return parse([]byte(`{"event_name":"example.log","severity_text":"medium",
			"resource":{"attributes":{"cloud.account.id":"` + account + `","labels":{"tenant":"contoso"}}},
			"scope":{"name":"example","version":"1","schema_url":"https://example.com/1"},
			"attributes":{"user.name":"ada","list":["a"],"count":3,"none":null},"body":{"a":"b"}}`))
	}
	for _, account := range []string{"one", "two", "one"} {
		body := native(account)
		groups.record(&body)
	}
	plain := parse([]byte(`{"attributes":{},"event_name":"x"}`))
	groups.record(&plain)
	resources := groups.logs.ResourceLogs()
	assert.Equal(t, 3, resources.Len())
	first := resources.At(0)
	assert.Equal(t, map[string]any{
		"service.name": "headwater", "headwater.source": "contoso", "headwater.partition": "p",
		"cloud.account.id": "one", "labels.tenant": "contoso", "of": "it",
	}, first.Resource().Attributes().AsRaw())
	logs := first.ScopeLogs().At(0)
	assert.Equal(t, "example 1 https://example.com/1", logs.Scope().Name()+" "+logs.Scope().Version()+" "+logs.SchemaUrl())
	assert.Equal(t, 2, logs.LogRecords().Len())
	record := logs.LogRecords().At(0)
	assert.Equal(t, "example.log medium", record.EventName()+" "+record.SeverityText())
	assert.Equal(t, map[string]any{"user.name": "ada", "list": []any{"a"}, "count": int64(3)}, record.Attributes().AsRaw())
	assert.Equal(t, map[string]any{"a": "b"}, record.Body().Map().AsRaw())
	last := resources.At(2).ScopeLogs().At(0)
	assert.Equal(t, "headwater 1.2.3", last.Scope().Name()+" "+last.Scope().Version())
	assert.Equal(t, map[string]any{"attributes": map[string]any{}, "event_name": "x"}, last.LogRecords().At(0).Body().Map().AsRaw())
}
