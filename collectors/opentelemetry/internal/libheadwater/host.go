package libheadwater

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
)

// Level is how serious a log line is.
type Level int

// Levels, as the library counts them.
const (
	LevelError Level = iota + 1
	LevelWarn
	LevelInfo
	LevelDebug
	LevelTrace
)

// User is whoever reads a source: its cursors are kept there, and its log lines shown.
type User struct {
	// Cursors is where they are kept.
	Cursors Cursors
	// Log takes a line about the source, or about none. Called on any thread.
	Log func(level Level, partition, message string)
}

// process is what all sources of the process share: one host, and who uses it.
var process struct {
	sync.Mutex
	host  *C.headwater_host
	users int
}

// users are by the name of their source. A callback holds the lock of its user, so that one that has left is not called any more.
var users struct {
	sync.RWMutex
	byName map[string]*registered
}

type registered struct {
	sync.RWMutex
	user User
	left bool
}

// join makes the user of a source known, and opens the host for the first one.
func join(name string, user User) error {
	if err := register(name, user); err != nil {
		return err
	}
	process.Lock()
	defer process.Unlock()
	if process.users == 0 {
		if uint32(C.headwater_abi_version()) != C.HEADWATER_ABI_VERSION {
			unregister(name)
			return errors.New("libheadwater is of another version than its header; build the collector with the library that it runs with")
		}
		C.headwater_go_log_to(C.int32_t(LevelDebug))
		var failed *C.headwater_error
		process.host = withText("{}", func(options *C.char) *C.headwater_host {
			return C.headwater_go_host_open(options, &failed)
		})
		if err := take(failed); err != nil {
			unregister(name)
			return err
		}
	}
	process.users++
	return nil
}

// leave closes the host after the last user.
func leave(name string) {
	unregister(name)
	process.Lock()
	defer process.Unlock()
	process.users--
	if process.users == 0 {
		C.headwater_host_close(process.host)
		process.host = nil
		C.headwater_log_to(nil, nil, 0)
	}
}

func register(name string, user User) error {
	users.Lock()
	defer users.Unlock()
	if _, taken := users.byName[name]; taken {
		return fmt.Errorf("another receiver of this process reads the source %q; give each receiver a name of its own", name)
	}
	if users.byName == nil {
		users.byName = map[string]*registered{}
	}
	users.byName[name] = &registered{user: user}
	return nil
}

func unregister(name string) {
	users.Lock()
	found := users.byName[name]
	delete(users.byName, name)
	users.Unlock()
	if found != nil {
		found.Lock()
		found.left = true
		found.Unlock()
	}
}

// with calls with the user of a source, if there is one that has not left.
func with(name string, call func(User)) bool {
	users.RLock()
	found := users.byName[name]
	users.RUnlock()
	if found == nil {
		return false
	}
	found.RLock()
	defer found.RUnlock()
	if found.left {
		return false
	}
	call(found.user)
	return true
}
