package web

import (
	"net/http"
	"strings"
)

// IsUpgrade reports whether a request asks for a WebSocket connection.
func IsUpgrade(r *http.Request) bool {
	return HasToken(r.Header, "Connection", "Upgrade") && HasToken(r.Header, "Upgrade", "websocket")
}

// HasToken reports whether a header, a list with commas, has a token.
func HasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
