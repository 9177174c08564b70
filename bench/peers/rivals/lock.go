package rivals

import "runtime"

// lock locks the goroutine to its thread for as long as the process lasts.
func lock(do bool) {
	if do {
		runtime.LockOSThread()
	}
}
