// Package libheadwater is libheadwater in Go: one host for the process, sources, and their batches.
//
// pkg-config says where the library is; see PKG_CONFIG_PATH.
package libheadwater

// #cgo pkg-config: headwater
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"strings"
	"unsafe"
)

// Error is why something did not work.
type Error struct {
	// Code is a stable, dotted word.
	Code string
	// Message is one sentence.
	Message string
	// Hint is what a person should do; may be empty.
	Hint string
}

// Error shows everything.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.Message + " [" + e.Code + "]")
	if e.Hint != "" {
		text.WriteString("; " + e.Hint)
	}
	return text.String()
}

// take makes an error of one of the library's, which is freed.
func take(from *C.headwater_error) error {
	if from == nil {
		return nil
	}
	defer C.headwater_error_free(from)
	taken := &Error{
		Code:    C.GoString(C.headwater_error_code(from)),
		Message: C.GoString(C.headwater_error_message(from)),
	}
	if hint := C.headwater_error_hint(from); hint != nil {
		taken.Hint = C.GoString(hint)
	}
	return taken
}

// withText calls with text for C.
func withText[T any](text string, call func(*C.char) T) T {
	copied := C.CString(text)
	defer C.free(unsafe.Pointer(copied))
	return call(copied)
}

// Version is the library's.
func Version() string {
	return C.GoString(C.headwater_version())
}
