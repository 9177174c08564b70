package tls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// lookEvery is how often files are looked at, at most.
const lookEvery = time.Second

// files hold what Files have, as of a moment ago. Methods may be called by several goroutines at once.
type files struct {
	names Files

	mu     sync.Mutex
	looked time.Time
	stamps [3]stamp
	cert   *tls.Certificate
	roots  *x509.CertPool
}

// A stamp tells one version of a file from another.
type stamp struct {
	mod  time.Time
	size int64
}

// newFiles reads the files.
func newFiles(names Files) (*files, error) {
	f := &files{names: names}
	if (names.Cert == "") != (names.Key == "") {
		return nil, fmt.Errorf("Files.Cert is %q and Files.Key %q: give both or none", names.Cert, names.Key)
	}
	_, _, err := f.get()
	return f, err
}

// get returns the certificate, or nil, and the roots, or nil, of the files as they are. If they have changed and cannot be read,
// it returns what they had before, and why.
func (f *files) get() (*tls.Certificate, *x509.CertPool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.looked.IsZero() && time.Since(f.looked) < lookEvery {
		return f.cert, f.roots, nil
	}
	f.looked = time.Now()
	var now [3]stamp
	for i, name := range []string{f.names.Cert, f.names.Key, f.names.CA} {
		if name == "" {
			continue
		}
		st, err := os.Stat(name)
		if err != nil {
			return f.cert, f.roots, err
		}
		now[i] = stamp{st.ModTime(), st.Size()}
	}
	if now == f.stamps {
		return f.cert, f.roots, nil
	}
	cert, roots, err := f.names.load()
	if err != nil {
		return f.cert, f.roots, err // perhaps half written: it is read again
	}
	f.stamps, f.cert, f.roots = now, cert, roots
	return cert, roots, nil
}

// Dialling returns a dialer's configuration, with what the files have now in the place of what base has, which may be nil.
// For other transports that use TLS.
func (n Files) Dialling(base *tls.Config) (*tls.Config, error) {
	f, err := newFiles(n)
	if err != nil {
		return nil, err
	}
	if base == nil {
		base = &tls.Config{}
	}
	return f.dialing(base)
}

// Listening returns a listener's configuration likewise, which looks at the files at each handshake; trouble with them is told
// to warn.
func (n Files) Listening(base *tls.Config, warn func(error)) (*tls.Config, error) {
	f, err := newFiles(n)
	if err != nil {
		return nil, err
	}
	return f.listening(base, warn), nil
}

func (n *Files) load() (cert *tls.Certificate, roots *x509.CertPool, err error) {
	if n.Cert != "" {
		c, err := tls.LoadX509KeyPair(n.Cert, n.Key)
		if err != nil {
			return nil, nil, fmt.Errorf("%s and %s: %w", n.Cert, n.Key, err)
		}
		cert = &c
	}
	if n.CA != "" {
		pem, err := os.ReadFile(n.CA)
		if err != nil {
			return nil, nil, err
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("%s: no certificate in it: it has to be PEM", n.CA)
		}
	}
	return cert, roots, nil
}

// dialing returns the configuration of a dialer.
func (f *files) dialing(base *tls.Config) (*tls.Config, error) {
	cert, roots, err := f.get()
	if err != nil && cert == nil && roots == nil {
		return nil, err
	}
	c := base.Clone()
	if cert != nil {
		c.Certificates = []tls.Certificate{*cert}
	}
	if roots != nil {
		c.RootCAs = roots
	}
	return c, nil
}

// listening returns the configuration of a listener, which looks at the files at each handshake; trouble is told to warn.
func (f *files) listening(base *tls.Config, warn func(error)) *tls.Config {
	c := base.Clone()
	if f.names == (Files{}) {
		return c
	}
	if f.names.CA != "" {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	inner := c.Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		cert, roots, err := f.get()
		if err != nil {
			warn(err)
		}
		now := inner.Clone()
		if cert != nil {
			now.Certificates = []tls.Certificate{*cert}
		}
		if roots != nil {
			now.ClientCAs = roots
		}
		return now, nil
	}
	return c
}
