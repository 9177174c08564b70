package dash

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// MinToken is how many bytes a token has at least.
const MinToken = 16

const (
	cookieName = "corechan_dash"
	mostForm   = 4 << 10
)

// guard says who may look.
type guard struct {
	token string   // empty: who connects from this machine
	hosts []string // names by which the page may be asked for, beside addresses and localhost
}

// refusal is what is said to who may not.
type refusal struct {
	code int
	text string
}

// check looks at what every request has, of the page too.
func (g *guard) check(r *http.Request) *refusal {
	if !g.knows(r.Host) {
		return &refusal{http.StatusMisdirectedRequest, "this dashboard is not asked for by that name, which may be another site's: use an " +
			"address, localhost, or a name that was given with --host"}
	}
	if g.token == "" && !fromHere(r.RemoteAddr) {
		return &refusal{http.StatusForbidden, "without a token this dashboard is for this machine only"}
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return &refusal{http.StatusForbidden, "this comes from a page of another site"}
		}
	}
	return nil
}

// knows says whether a Host names this dashboard: what a page of elsewhere can make a name of is not an address.
func (g *guard) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || slices.Contains(g.hosts, name)
}

func fromHere(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// admits says whether a request has the token: as a bearer's, for programs, or as the cookie that login gave.
func (g *guard) admits(r *http.Request) bool {
	if g.token == "" {
		return true
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && g.is(bearer) {
		return true
	}
	c, err := r.Cookie(cookieName)
	return err == nil && same(c.Value, g.ticket())
}

func (g *guard) is(token string) bool { return same(token, g.token) }

// ticket is what the cookie has instead of the token: it is good for as long as the token, also at a server that has started anew.
func (g *guard) ticket() string {
	mac := hmac.New(sha256.New, []byte(g.token))
	mac.Write([]byte("corechan dash"))
	return hex.EncodeToString(mac.Sum(nil))
}

// same compares in a time that depends on neither.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// login takes the token from the form, and gives the cookie.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "corechan: "+err.Error(), http.StatusBadRequest)
		return
	}
	if g.token != "" && !g.is(strings.TrimSpace(r.PostForm.Get("token"))) {
		http.Redirect(w, r, "login.html#wrong", http.StatusSeeOther)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: g.ticket(), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, "./", http.StatusSeeOther)
}
