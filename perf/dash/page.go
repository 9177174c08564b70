package dash

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// files are the page. It loads nothing else.
//
//go:embed page
var files embed.FS

// policy lets the page run its own scripts and styles, talk to its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// loginPage is what those see who have no token; it and its style are for everybody.
const loginPage = "login.html"

var types = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// A file is one of the page's, ready to be sent.
type file struct {
	content   []byte
	kind, tag string
}

// pageFiles reads the page from the binary.
func pageFiles() (map[string]file, error) {
	all := make(map[string]file)
	entries, err := fs.ReadDir(files, "page")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		b, err := files.ReadFile(path.Join("page", e.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		all[e.Name()] = file{b, types[path.Ext(e.Name())], `"` + hex.EncodeToString(sum[:12]) + `"`}
	}
	return all, nil
}

// harden says to the browser what this page is never used for.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // not no-referrer, by which the form would have no Origin
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache") // but asked again with the tag, so that a new binary's page is seen at once
}

// send answers with one of the page's files.
func (f *file) send(w http.ResponseWriter, r *http.Request, code int) {
	w.Header().Set("ETag", f.tag)
	if code == http.StatusOK && strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.content)
	}
}
