// Package dynamic calls methods that no code was generated for, by what their service tells of itself: corechan call is made of it.
// Arguments and results are JSON.
//
//	bool, numbers, string     as in JSON; a number may be a string, too
//	[]byte                    a string of base64
//	time.Time                 a string as RFC 3339 has it
//	time.Duration             a string such as "1.5s", or nanoseconds
//	structs, maps             objects
//	a stream or file          a path, or "-" for standard input or output
//	an engine.Receiver        a list of what it gives
package dynamic
