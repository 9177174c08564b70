package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
)

const secret, other = "a secret of enough bytes", "another secret of the peer"

func TestRulesAdmitAndRefuse(t *testing.T) {
	own := uint32(os.Geteuid())
	for _, test := range []struct {
		name  string
		l     link
		offer gateway.Offer
		token string
		says  string // empty: it is admitted
	}{
		{"ownUser", overShm, gateway.Offer{}, "", ""},
		{"noRulesNorUser", overRemote, gateway.Offer{}, "", "not for a peer that is not known without a token"},
		{"anyone", overRemote, gateway.Offer{Rules: gateway.Rules{Anyone: true}}, "", ""},
		{"uid", overShm, gateway.Offer{Rules: gateway.Rules{UIDs: []uint32{own + 1, own}}}, "", ""},
		{"otherUID", overShm, gateway.Offer{Rules: gateway.Rules{UIDs: []uint32{own + 1}}}, "", fmt.Sprintf("not for uid %d without a token", own)},
		{"uidThatIsNotKnown", overRemote, gateway.Offer{Rules: gateway.Rules{UIDs: []uint32{0}}}, "", "not known"},
		{"cert", overRemote, gateway.Offer{Rules: gateway.Rules{Certs: []string{"web"}}}, "", "not known"},
		{"certOverTLS", overTLS, gateway.Offer{Rules: gateway.Rules{Certs: []string{"db", "web"}}}, "", ""},
		{"otherCertOverTLS", overTLS, gateway.Offer{Rules: gateway.Rules{Certs: []string{"db"}}}, "", `not for the certificate of ["web"`},
		{"certOverH2", overH2, gateway.Offer{Rules: gateway.Rules{Certs: []string{"db", "web"}}}, "", ""},
		{"certOverWS", overWS, gateway.Offer{Rules: gateway.Rules{Certs: []string{"db", "web"}}}, "", ""},
		{"otherCertOverH2", overH2, gateway.Offer{Rules: gateway.Rules{Certs: []string{"db"}}}, "", `not for the certificate of ["web"`},
		{"certNotAsked", overTLS, gateway.Offer{}, "", "not for the certificate"},
		{"unixUID", overUnix, gateway.Offer{Rules: gateway.Rules{UIDs: []uint32{own}}}, "", ""},
		{"tcp", overTCP, gateway.Offer{Rules: gateway.Rules{UIDs: []uint32{own}, Certs: []string{"web"}}}, "", "not known"},
		{"tokenOverTCP", overTCP, gateway.Offer{Rules: gateway.Rules{Tokens: []string{secret}}}, secret, ""},
		{"tokenOfTheHTTPRequest", overHTTP("Bearer " + secret), gateway.Offer{Rules: gateway.Rules{Tokens: []string{secret}}}, "", ""},
		{"noTokenOfTheHTTPRequest", overHTTP(""), gateway.Offer{Rules: gateway.Rules{Tokens: []string{secret}}}, "", "without a token"},
		{"otherSchemeOfTheHTTPRequest", overHTTP("Basic " + secret), gateway.Offer{Rules: gateway.Rules{Tokens: []string{secret}}}, "", "without a token"},
		{"tokenBesideTheHTTPRequests", overHTTP("Bearer " + secret), gateway.Offer{Rules: gateway.Rules{Tokens: []string{secret}}}, other, "with this token"},
		{"token", overRemote, gateway.Offer{Rules: gateway.Rules{Tokens: []string{other, secret}}}, secret, ""},
		{"noToken", overRemote, gateway.Offer{Rules: gateway.Rules{Tokens: []string{secret}}}, "", "without a token"},
		{"wrongToken", overRemote, gateway.Offer{Rules: gateway.Rules{Tokens: []string{secret}}}, other, "with this token"},
		{"tokenInsteadOfUID", overShm, gateway.Offer{Rules: gateway.Rules{UIDs: []uint32{own + 1}, Tokens: []string{secret}}}, secret, ""},
		{"tokenWithoutRules", overRemote, gateway.Offer{}, secret, "with this token"},
		{"authorized", overShm, gateway.Offer{Authorize: func(p engine.Peer) error {
			if p.Cred.UID != own {
				return errors.New("who is that")
			}
			return nil
		}}, "", ""},
		{"notAuthorized", overRemote, gateway.Offer{Rules: gateway.Rules{Anyone: true}, Authorize: func(engine.Peer) error {
			return errors.New("closed on Mondays")
		}}, "", "closed on Mondays"},
		{"authorizedButNotByRules", overRemote, gateway.Offer{Authorize: func(engine.Peer) error { return nil }}, "", "not known"},
	} {
		t.Run(test.name, func(t *testing.T) {
			residue(t)
			b := upstream(t, "tcp", echo)
			test.offer.Name, test.offer.Upstream = "x", b.ln.Addr().String()
			s := serveExactly(t, test.l, test.offer)
			c, err := gateway.DialWith(s.ctx, s.sess, "x", &gateway.DialOptions{Token: test.token})
			list, lerr := gateway.List(s.ctx, s.sess, &gateway.DialOptions{Token: test.token})
			check(t, lerr)
			if test.says == "" {
				check(t, err)
				roundTrip(t, c, "hello")
				check(t, c.Close())
				if len(list) != 1 {
					t.Error(list)
				}
				return
			}
			want(t, err, gateway.ErrForbidden)
			if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), other) {
				t.Error(err)
			}
			s.log.line(t, lineRefused, "offer=x", "forbidden by the offer's rules", test.says)
			eventually(t, "its place is free", func() bool { return s.stats().Open == 0 })
			if st := s.stats(); st.Refused != 1 || b.accepted() != 0 {
				t.Errorf("%+v", st)
			}
			if len(list) != 0 {
				t.Error(list)
			}
		})
	}
}

// overHTTP is a link as an HTTP request makes it.
func overHTTP(authorization string) link {
	r := must(http.NewRequest(http.MethodGet, "https://gateway.test/", nil))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return link{"http", false, false, func(t testing.TB) (a, b *engine.Session, cut func()) {
		return remotePairOf(t, engine.Peer{Addr: "https://gateway.test/", Identity: r})
	}}
}

// TestWhoIsAdmittedToTheSession is for a listener's Authorize.
func TestWhoIsAdmittedToTheSession(t *testing.T) {
	own := uint32(os.Geteuid())
	peer := func(uid uint32) engine.Peer { return engine.Peer{Local: true, Cred: fd.Cred{UID: uid}} }
	for _, test := range []struct {
		name  string
		rules gateway.Rules
		peer  engine.Peer
		ok    bool
	}{
		{"own", gateway.Rules{}, peer(own), true},
		{"other", gateway.Rules{}, peer(own + 1), false},
		{"uid", gateway.Rules{UIDs: []uint32{own + 1}}, peer(own + 1), true},
		{"ownIfOthersAreNamed", gateway.Rules{UIDs: []uint32{own + 1}}, peer(own), false},
		{"remote", gateway.Rules{}, engine.Peer{}, false},
		{"remoteAsUser", gateway.Rules{UIDs: []uint32{0}}, engine.Peer{}, false},
		{"token", gateway.Rules{Tokens: []string{secret}}, engine.Peer{}, true},
		{"anyone", gateway.Rules{Anyone: true}, engine.Peer{}, true},
	} {
		g := must(gateway.New(&gateway.Config{Offers: []gateway.Offer{{Name: "x", Upstream: "localhost:1", Rules: test.rules}}}))
		if err := g.Admits(test.peer); (err == nil) != test.ok || err != nil && !errors.Is(err, gateway.ErrForbidden) {
			t.Errorf("%s: %v", test.name, err)
		}
		check(t, g.Close())
	}
}

// TestTheListenerRefusesWhomNoOfferIsFor puts it into a transport.
func TestTheListenerRefusesWhomNoOfferIsFor(t *testing.T) {
	residue(t)
	ctx, u := watchdog(t), url("shm")
	g := must(gateway.New(&gateway.Config{Offers: []gateway.Offer{
		{Name: "x", Upstream: "localhost:1", Rules: gateway.Rules{UIDs: []uint32{uint32(os.Geteuid()) + 1}}},
	}}))
	defer g.Close()
	eng := newEngine(t, engine.Config{})
	ln := must(transports.Listen(ctx, u, &transports.Options{Engine: eng, Authorize: g.Admits}))
	defer ln.Close()
	_, err := transports.Dial(ctx, u, &transports.Options{Engine: eng})
	if err == nil || !strings.Contains(err.Error(), "no offer is for uid") {
		t.Error(err)
	}
}

func TestOffersAreReadFromText(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	check(t, os.WriteFile(tokens, []byte("# for the web\n"+secret+"\n\n  "+other+"\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	check(t, os.WriteFile(empty, []byte("# none\n"), 0o600))
	short := filepath.Join(t.TempDir(), "short")
	check(t, os.WriteFile(short, []byte("1234\n"), 0o600))
	for text, says := range map[string]string{
		"redis=127.0.0.1:6379":                           "",
		"pg=unix:/run/postgresql/.s.PGSQL.5432":          "",
		"x=unix:@abstract,anyone,proxied":                "",
		"x=[::1]:1,uid=1000,uid=0,cert=web,max-conns=50": "",
		"x=h:1,dial-timeout=1s,idle-timeout=1h":          "",
		"x=h:1,token-file=" + tokens:                     "",
		"":                                               "write name=host:port",
		"redis":                                          "write name=host:port",
		"redis=":                                         "write host:port",
		"redis=6379":                                     "write host:port",
		"redis=localhost:":                               "write host:port",
		"x=unix:":                                        "unix:/absolute/path",
		"x=unix:relative":                                "unix:/absolute/path",
		"=h:1":                                           "1 to 64 bytes",
		"a b=h:1":                                        "without blanks",
		strings.Repeat("x", 65) + "=h:1":                 "1 to 64 bytes",
		"x=h:1,":                                         "write one",
		"x=h:1,uid":                                      "uid",
		"x=h:1,uid=":                                     "uid",
		"x=h:1,uid=root":                                 "invalid syntax",
		"x=h:1,uid=-1":                                   "invalid syntax",
		"x=h:1,max-conns=0":                              "at least 1",
		"x=h:1,max-conns=many":                           "invalid syntax",
		"x=h:1,dial-timeout=5":                           "missing unit",
		"x=h:1,idle-timeout=0s":                          "more than 0",
		"x=h:1,colour=red":                               "no option \"colour\"",
		"x=h:1,token-file=" + empty:                      "has no token",
		"x=h:1,token-file=" + short:                      "at least 16 bytes",
		"x=h:1,token-file=" + filepath.Join(tokens, "not"): "not a directory",
	} {
		o, err := gateway.ParseOffer(text)
		switch {
		case says == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case says == "":
			if name, _, _ := strings.Cut(text, "="); o.Name != name {
				t.Errorf("%q: %+v", text, o)
			}
		case !errors.Is(err, gateway.ErrOffer) || !strings.Contains(err.Error(), says):
			t.Errorf("%q: %v does not say %q", text, err, says)
		}
	}
	o := must(gateway.ParseOffer("x=h:1,token-file=" + tokens + ",uid=7,cert=a,cert=b,max-conns=3,proxied"))
	if fmt.Sprint(o.Rules) != fmt.Sprint(gateway.Rules{UIDs: []uint32{7}, Certs: []string{"a", "b"}, Tokens: []string{secret, other}}) ||
		o.MaxConns != 3 || !o.Proxied {
		t.Errorf("%+v", o)
	}
}

func TestAGatewayThatCannotServeSaysSo(t *testing.T) {
	ok := gateway.Offer{Name: "x", Upstream: "h:1"}
	for says, offers := range map[string][]gateway.Offer{
		"there is none":           nil,
		"two offers are called x": {ok, ok},
		"host:port":               {{Name: "x"}},
		"not negative":            {{Name: "x", Upstream: "h:1", MaxConns: -1}},
		"at least 16 bytes":       {{Name: "x", Upstream: "h:1", Rules: gateway.Rules{Tokens: []string{""}}}},
	} {
		if _, err := gateway.New(&gateway.Config{Offers: offers}); !errors.Is(err, gateway.ErrOffer) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
	if _, err := gateway.NewConnector(&gateway.ConnectorConfig{}); err == nil {
		t.Error("a Connector without sessions")
	}
}
