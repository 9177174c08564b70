package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

var (
	// ErrNotCorechan is a server that answers, but not as a corechan endpoint does.
	ErrNotCorechan = errors.New("no corechan endpoint")
	// ErrUnauthorized is a server, or a proxy before it, that wants other credentials: its status is 401, 403 or 407.
	ErrUnauthorized = errors.New("not authorized")
	// ErrUnavailable is a server, or a proxy before it, that cannot serve now: 408, 429, or 5xx.
	ErrUnavailable = errors.New("not available now")
	// ErrNoAnswer is a server, or a proxy before it, that has taken the request and does not answer in time.
	ErrNoAnswer = errors.New("the request was taken and not answered; a proxy may wait for its end")
	// ErrHTTP1 is a server, or a proxy before it, that speaks only HTTP/1.
	ErrHTTP1 = errors.New("only HTTP/1 is spoken there")
)

// A StatusError is a server's answer that is not the expected one.
type StatusError struct {
	// Code and Status are the answer's: 404, "404 Not Found".
	Code   int
	Status string
	// Location is where a redirection leads.
	Location string
	// Text is how the body begins, up to 256 bytes, if it is text.
	Text string
}

func (e *StatusError) Error() string {
	s := "answered " + e.Status
	if e.Text != "" {
		s += fmt.Sprintf(": %q", e.Text)
	}
	return s + e.hint()
}

func (e *StatusError) hint() string {
	switch e.Code {
	case http.StatusOK:
		return "; something else than a corechan endpoint is at that path"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; give Options.Token, a header, or a user in the URL"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "; check the path"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "; the server behind it may be down"
	}
	if e.Location != "" {
		return fmt.Sprintf(" to %s; redirections are not followed: dial that", e.Location)
	}
	return ""
}

// Unwrap returns the sentinel that goes with the status.
func (e *StatusError) Unwrap() error {
	switch {
	case e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden || e.Code == http.StatusProxyAuthRequired:
		return ErrUnauthorized
	case e.Code == http.StatusUpgradeRequired || e.Code == http.StatusHTTPVersionNotSupported:
		return ErrHTTP1
	case e.Code == http.StatusRequestTimeout || e.Code == http.StatusTooManyRequests || e.Code >= 500:
		return ErrUnavailable
	}
	return ErrNotCorechan
}

// NewStatusError returns what resp says; it reads the beginning of its body, which may be nil.
func NewStatusError(resp *http.Response) *StatusError {
	e := &StatusError{Code: resp.StatusCode, Status: resp.Status, Location: resp.Header.Get("Location")}
	if e.Status == "" {
		e.Status = fmt.Sprint(e.Code)
	}
	if resp.Body != nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		b := make([]byte, 256)
		n, _ := io.ReadFull(resp.Body, b)
		if text := strings.TrimSpace(string(b[:n])); utf8.ValidString(text) {
			e.Text = text
		}
	}
	return e
}
