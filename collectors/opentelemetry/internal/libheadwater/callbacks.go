package libheadwater

// #include "shim.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Cursors is a place for the cursors of a source. Its methods are called on any thread and may wait.
type Cursors interface {
	// Load says where a partition's reading goes on.
	Load(partition string) (Position, error)
	// Commit stores a cursor, and remembers that its partition was begun.
	Commit(partition string, cursor []byte) error
	// Partitions lists those that were begun.
	Partitions() ([]string, error)
}

// Position is where a partition's reading goes on: after Cursor; where that is nil, at the beginning, unless Lost says what
// happened to the cursor that there was.
type Position struct {
	Cursor []byte
	Lost   string
}

func add(answer *C.headwater_answer, data []byte) {
	// The bytes are copied before this returns.
	C.headwater_answer_add(answer, (*C.uint8_t)(unsafe.SliceData(data)), C.size_t(len(data)))
}

// answered fills in a failure. A panic of a place for cursors must not unwind through C.
func answered(source *C.char, answer *C.headwater_answer, call func(Cursors) (int32, error)) C.int32_t {
	code, err := int32(C.HEADWATER_CURSOR_FAILED), error(nil)
	name := C.GoString(source)
	called := with(name, func(user User) {
		defer func() {
			if panicked := recover(); panicked != nil {
				code, err = C.HEADWATER_CURSOR_FAILED, fmt.Errorf("the place for cursors has panicked: %v", panicked)
			}
		}()
		code, err = call(user.Cursors)
	})
	if !called {
		err = fmt.Errorf("the receiver of the source %q has been shut down", name)
	}
	if err != nil {
		add(answer, []byte(err.Error()))
		return C.HEADWATER_CURSOR_FAILED
	}
	return C.int32_t(code)
}

//export headwaterGoLoad
func headwaterGoLoad(source, partition *C.char, answer *C.headwater_answer) C.int32_t {
	return answered(source, answer, func(cursors Cursors) (int32, error) {
		position, err := cursors.Load(C.GoString(partition))
		switch {
		case err != nil:
			return C.HEADWATER_CURSOR_FAILED, err
		case position.Lost != "":
			add(answer, []byte(position.Lost))
			return C.HEADWATER_CURSOR_LOST, nil
		case position.Cursor == nil:
			return C.HEADWATER_CURSOR_NEVER_READ, nil
		default:
			add(answer, position.Cursor)
			return C.HEADWATER_CURSOR_AT, nil
		}
	})
}

//export headwaterGoCommit
func headwaterGoCommit(source, partition *C.char, cursor *C.uint8_t, size C.size_t, answer *C.headwater_answer) C.int32_t {
	return answered(source, answer, func(cursors Cursors) (int32, error) {
		return 0, cursors.Commit(C.GoString(partition), C.GoBytes(unsafe.Pointer(cursor), C.int(size)))
	})
}

//export headwaterGoPartitions
func headwaterGoPartitions(source *C.char, answer *C.headwater_answer) C.int32_t {
	return answered(source, answer, func(cursors Cursors) (int32, error) {
		partitions, err := cursors.Partitions()
		if err != nil {
			return C.HEADWATER_CURSOR_FAILED, err
		}
		for _, partition := range partitions {
			add(answer, []byte(partition))
		}
		return 0, nil
	})
}

//export headwaterGoLog
func headwaterGoLog(level C.int32_t, source, partition, message *C.char) {
	show := func(user User) {
		user.Log(Level(level), C.GoString(partition), C.GoString(message))
	}
	if with(C.GoString(source), show) {
		return
	}
	// It is about none, or about one that is not read any more: whoever is there shows it.
	users.RLock()
	var any string
	for name := range users.byName {
		any = name
		break
	}
	users.RUnlock()
	with(any, show)
}
