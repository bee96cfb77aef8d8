package headwaterreceiver

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"headwater.example/collectors/opentelemetry/internal/libheadwater"
)

// translate makes log records of the events of a batch: what Headwater's own sink for OTLP sends. An event that is a log record
// itself (format `otel`) keeps its resource, scope and attributes; of any other the body is the body.
func translate(batch *libheadwater.Batch, version string) plog.Logs {
	groups := newGroups(batch.Source(), batch.Partition(), version)
	groups.attributes = batch.Attributes()
	observed := pcommon.NewTimestampFromTime(time.Now())
	for index := range batch.Len() {
		event := batch.Event(index)
		body := parse(event.Body)
		record := groups.record(&body)
		record.SetTimestamp(pcommon.Timestamp(event.Time))
		record.SetObservedTimestamp(observed)
		record.SetSeverityNumber(plog.SeverityNumber(event.Severity))
		if record.SeverityText() == "" && event.Severity > 0 {
			record.SetSeverityText(record.SeverityNumber().String())
		}
		addOthers(record.Attributes(), event.Attributes)
		// Ours wins over one of the event's.
		record.Attributes().PutStr("log.record.uid", event.Key)
	}
	return groups.logs
}

// groups are log records by resource and scope, in the order in which these come first.
type groups struct {
	logs      plog.Logs
	source    string
	partition string
	version   string
	// Of the partition.
	attributes []libheadwater.Attribute
	places     map[string]plog.LogRecordSlice
}

func newGroups(source, partition, version string) *groups {
	return &groups{
		logs:      plog.NewLogs(),
		source:    source,
		partition: partition,
		version:   version,
		places:    map[string]plog.LogRecordSlice{},
	}
}

// record adds a record with what the event's body says.
func (g *groups) record(body *value) plog.LogRecord {
	name, resource, attributes := body.member("event_name"), body.member("resource").member("attributes"), body.member("attributes")
	if name.kind != kindText || resource.kind != kindObject || attributes.kind != kindObject {
		record := g.of("", nil, nil, "").AppendEmpty()
		body.put(record.Body())
		return record
	}
	scope := body.member("scope")
	record := g.of(resource.text+"\x00"+scope.text, resource, scope, scope.member("schema_url").string()).AppendEmpty()
	record.SetEventName(name.string())
	attributes.flatten("", record.Attributes())
	record.SetSeverityText(body.member("severity_text").string())
	if inner := body.member("body"); inner.kind != kindMissing {
		inner.put(record.Body())
	}
	return record
}

// of is the records of a resource and a scope.
func (g *groups) of(key string, resource, scope *value, schema string) plog.LogRecordSlice {
	if records, known := g.places[key]; known {
		return records
	}
	added := g.logs.ResourceLogs().AppendEmpty()
	added.Resource().Attributes().PutStr("service.name", "headwater")
	added.Resource().Attributes().PutStr("headwater.source", g.source)
	added.Resource().Attributes().PutStr("headwater.partition", g.partition)
	resource.flatten("", added.Resource().Attributes())
	addOthers(added.Resource().Attributes(), g.attributes)
	logs := added.ScopeLogs().AppendEmpty()
	logs.SetSchemaUrl(schema)
	logs.Scope().SetName("headwater")
	logs.Scope().SetVersion(g.version)
	if scope != nil {
		logs.Scope().SetName(scope.member("name").string())
		logs.Scope().SetVersion(scope.member("version").string())
	}
	g.places[key] = logs.LogRecords()
	return g.places[key]
}

// addOthers adds attributes whose names are not there yet: what the body says itself counts more.
func addOthers(attributes pcommon.Map, more []libheadwater.Attribute) {
	for _, attribute := range more {
		if _, known := attributes.Get(attribute.Name); !known {
			attributes.PutStr(attribute.Name, attribute.Value)
		}
	}
}
