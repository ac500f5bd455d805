//go:build !cuda

package cuda

import "sync"

// openDriver opens the driver's library, once: the driver can't be stopped anyway.
var openDriver = sync.OnceValues(func() (driver, error) {
	l, err := openLibrary(libraryPaths...)
	if err != nil {
		return nil, err
	}
	return l, nil
})
