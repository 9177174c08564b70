package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"slices"

	"github.com/corechan/corechan/engine"
)

// Rules say which peers an offer admits: those that one rule admits. Without any rule these are the peers on this machine
// that run as the gateway's own user.
type Rules struct {
	// Anyone admits every peer that the transport lets in.
	Anyone bool
	// UIDs are users, of peers on this machine, by what the kernel says.
	UIDs []uint32
	// Certs are names in certificates that the transport has verified: DNS names, URIs and the subject's common name.
	Certs []string
	// Tokens are secrets. A peer presents one as a bearer token: with its request, or in the HTTP request that its session came
	// by. They have 16 bytes at least.
	Tokens []string
}

func (r *Rules) none() bool {
	return !r.Anyone && len(r.UIDs) == 0 && len(r.Certs) == 0 && len(r.Tokens) == 0
}

// minToken is the least number of bytes of a token: one that can be guessed is none.
const minToken = 16

// A tokenHash is what is kept of a token, so that comparing takes as long for every wrong one.
type tokenHash [sha256.Size]byte

func hashTokens(tokens []string) ([]tokenHash, error) {
	hashes := make([]tokenHash, len(tokens))
	for i, t := range tokens {
		if len(t) < minToken {
			return nil, fmt.Errorf("%w: a token has at least %d bytes", ErrOffer, minToken)
		}
		hashes[i] = sha256.Sum256([]byte(t))
	}
	return hashes, nil
}

// admits returns why a peer that presents a token, or none, is not admitted; nil if it is.
func (o *offer) admits(p engine.Peer, token string) error {
	if !o.byRules(p, token) {
		return fmt.Errorf("%w: it is not for %s", ErrForbidden, identity(p, token))
	}
	if o.Authorize != nil {
		if err := o.Authorize(p); err != nil {
			return fmt.Errorf("%w: %w", ErrForbidden, err)
		}
	}
	return nil
}

func (o *offer) byRules(p engine.Peer, token string) bool {
	return o.byPeer(p) || len(o.tokens) != 0 && token != "" && o.knows(token)
}

// byPeer reports whether the rules admit a peer without a token.
func (o *offer) byPeer(p engine.Peer) bool {
	switch {
	case o.Rules.Anyone:
		return true
	case o.Rules.none():
		return p.Local && p.Cred.UID == uint32(os.Geteuid())
	case p.Local && slices.Contains(o.Rules.UIDs, p.Cred.UID):
		return true
	}
	return slices.ContainsFunc(certNames(p), func(n string) bool { return slices.Contains(o.Rules.Certs, n) })
}

func (o *offer) knows(token string) bool {
	sum, found := sha256.Sum256([]byte(token)), 0
	for i := range o.tokens {
		found |= subtle.ConstantTimeCompare(sum[:], o.tokens[i][:])
	}
	return found == 1
}

// certNames returns the names in the certificate that a peer has proven to have: verified, by the transport or by what stands
// in front of the HTTP request.
func certNames(p engine.Peer) []string {
	var state *tls.ConnectionState
	switch id := p.Identity.(type) {
	case *tls.ConnectionState:
		state = id
	case *http.Request:
		state = id.TLS
	}
	if state == nil || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nil
	}
	cert := state.PeerCertificates[0]
	names := slices.Clone(cert.DNSNames)
	if cn := cert.Subject.CommonName; cn != "" {
		names = append(names, cn)
	}
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	return names
}

// identity says who a peer is, to itself.
func identity(p engine.Peer, token string) string {
	s := "a peer that is not known"
	switch names := certNames(p); {
	case len(names) != 0:
		s = fmt.Sprintf("the certificate of %q", names)
	case p.Local:
		s = fmt.Sprintf("uid %d", p.Cred.UID)
	}
	if token != "" {
		return s + " with this token"
	}
	return s + " without a token"
}
