// Package web has what HTTP/2 and WebSocket have in common as transports: options, the handshake on both sides, the server
// of a listener, and errors.
package web
