package libheadwater

// #include "shim.h"
import "C"

import (
	"encoding/json"
	"errors"
	"math"
	"time"
	"unsafe"
)

// ErrEnd is what Next returns when there will be no more batches.
var ErrEnd = errors.New("the source has ended")

// Source is a source that is being read.
type Source struct {
	name  string
	inner *C.headwater_source
}

// Open opens a source and begins to read it. Options are those of headwater_source_open; they hold its name.
func Open(name string, options map[string]any, user User) (*Source, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	if err := join(name, user); err != nil {
		return nil, err
	}
	var failed *C.headwater_error
	inner := withText(string(text), func(options *C.char) *C.headwater_source {
		return C.headwater_source_open(process.host, options, &failed)
	})
	if err := take(failed); err != nil {
		leave(name)
		return nil, err
	}
	return &Source{name: name, inner: inner}, nil
}

// Next waits for the next batch; nil if there was none in time.
func (s *Source) Next(wait time.Duration) (*Batch, error) {
	var failed *C.headwater_error
	var batch *C.headwater_batch
	switch C.headwater_source_next(s.inner, C.int64_t(wait.Milliseconds()), &batch, &failed) {
	case C.HEADWATER_BATCH:
		return &Batch{inner: batch}, nil
	case C.HEADWATER_TIMEOUT:
		return nil, nil
	case C.HEADWATER_END:
		return nil, ErrEnd
	default:
		return nil, take(failed)
	}
}

// Health is why the source makes no progress at present; nil if it does.
func (s *Source) Health() error {
	return take(C.headwater_source_health(s.inner))
}

// Close ends the source at once. When it returns, its user is not called any more. Nothing else may use it meanwhile or after.
func (s *Source) Close() {
	C.headwater_source_close(s.inner)
	s.inner = nil
	leave(s.name)
}

// Batch is events of one partition.
type Batch struct {
	inner *C.headwater_batch
}

// Event is one of them.
type Event struct {
	// Key is what a receiver should know it by.
	Key string
	// Body is one JSON object. It is good until the batch is freed.
	Body []byte
	// Time is in nanoseconds since 1970; 0 if it is not known.
	Time uint64
	// Severity is as OpenTelemetry counts it; 0 if it is not known.
	Severity uint8
	// Attributes are what is true of the event.
	Attributes []Attribute
}

// Attribute is a text that is true of an event, or of all events of a partition.
type Attribute struct {
	Name, Value string
}

// Source is the name of the source.
func (b *Batch) Source() string {
	return C.GoString(C.headwater_batch_source(b.inner))
}

// Partition is the stream that the events belong to.
func (b *Batch) Partition() string {
	return C.GoString(C.headwater_batch_partition(b.inner))
}

// Len is the number of events.
func (b *Batch) Len() int {
	return int(C.headwater_batch_event_count(b.inner))
}

// Event is the event at a place, from 0 to Len. Its body is not copied.
func (b *Batch) Event(index int) Event {
	var event C.headwater_event
	var key [65]C.char
	C.headwater_batch_event(b.inner, C.size_t(index), &event)
	C.headwater_batch_event_key(b.inner, C.size_t(index), &key[0])
	return Event{
		Key:      C.GoString(&key[0]),
		Body:     unsafe.Slice((*byte)(unsafe.Pointer(event.body)), int(event.body_size)),
		Time:     uint64(event.time),
		Severity: uint8(event.severity),
		Attributes: attributes(func(number C.size_t, into *C.headwater_attribute) C.bool {
			return C.headwater_batch_event_attribute(b.inner, C.size_t(index), number, into)
		}),
	}
}

// Attributes are what is true of all events of the partition.
func (b *Batch) Attributes() []Attribute {
	return attributes(func(number C.size_t, into *C.headwater_attribute) C.bool {
		return C.headwater_batch_attribute(b.inner, number, into)
	})
}

func attributes(show func(C.size_t, *C.headwater_attribute) C.bool) []Attribute {
	var all []Attribute
	var one C.headwater_attribute
	for number := C.size_t(0); bool(show(number, &one)); number++ {
		all = append(all, Attribute{
			Name:  C.GoStringN(one.name, C.int(one.name_size)),
			Value: C.GoStringN(one.value, C.int(one.value_size)),
		})
	}
	return all
}

// Ack commits the cursor of the batch, once everything of it is safe. It can be repeated after an error.
func (b *Batch) Ack() error {
	var failed *C.headwater_error
	C.headwater_batch_ack(b.inner, &failed)
	return take(failed)
}

// Nack says that the batch cannot be delivered at present, and why. It returns how long to wait before it is tried again; false
// if it is not to be kept so long.
func (b *Batch) Nack(reason string) (time.Duration, bool) {
	wait := withText(reason, func(reason *C.char) C.int64_t {
		return C.headwater_batch_nack(b.inner, reason)
	})
	if wait < 0 {
		return 0, false
	}
	return time.Duration(min(int64(wait), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, true
}

// Refuse makes dead letters of all events of the batch.
func (b *Batch) Refuse(reason string) error {
	count := b.Len()
	if count == 0 {
		return nil
	}
	places := make([]C.size_t, count)
	for index := range places {
		places[index] = C.size_t(index)
	}
	var failed *C.headwater_error
	withText(reason, func(reason *C.char) C.bool {
		return C.headwater_batch_refuse(b.inner, &places[0], C.size_t(count), reason, &failed)
	})
	return take(failed)
}

// Free frees the batch. One that was not acknowledged is fetched again.
func (b *Batch) Free() {
	C.headwater_batch_free(b.inner)
	b.inner = nil
}
