package dash

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const testToken = "a token that is long enough"

// get asks a Dash as somebody from an address would.
func get(d http.Handler, host, remote string, header http.Header) *http.Response {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
	r.Host, r.RemoteAddr = host, remote
	if header != nil {
		r.Header = header
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result()
}

func TestOnlyThoseMayLookWhoShould(t *testing.T) {
	const here, there = "127.0.0.1:4711", "192.0.2.7:4711"
	bearer := http.Header{"Authorization": {"Bearer " + testToken}}
	for _, test := range []struct {
		name, token, host, remote string
		header                    http.Header
		want                      int
	}{
		{"from here", "", "localhost:7070", here, nil, 200},
		{"from here, by address", "", "127.0.0.1:7070", here, nil, 200},
		{"from here, by IPv6", "", "[::1]:7070", "[::1]:4711", nil, 200},
		{"from here, by IPv6 without a port", "", "[::1]", "[::1]:4711", nil, 200},
		{"through a tunnel", "", "localhost:9999", here, nil, 200},
		{"by a name that points here", "", "evil.example:7070", here, nil, 421},
		{"by a name like localhost", "", "localhost.evil.example", here, nil, 421},
		{"by a name like an address", "", "127.0.0.1.evil.example", here, nil, 421},
		{"by no name", "", "", here, nil, 421},
		{"by a name that was given", testToken, "Dash.Example.:7070", here, bearer, 200},
		{"from elsewhere without a token", "", "192.0.2.1:7070", there, nil, 403},
		{"from another site's page", "", "localhost:7070", here, http.Header{"Origin": {"http://evil.example"}}, 403},
		{"from another port's page", "", "localhost:7070", here, http.Header{"Origin": {"http://localhost:8080"}}, 403},
		{"from a page without an origin", "", "localhost:7070", here, http.Header{"Origin": {"null"}}, 403},
		{"from its own page", "", "localhost:7070", here, http.Header{"Origin": {"http://localhost:7070"}}, 200},
		{"with a token", testToken, "192.0.2.1:7070", there, bearer, 200},
		{"with a wrong token", testToken, "192.0.2.1:7070", there, http.Header{"Authorization": {"Bearer " + testToken + "x"}}, 401},
		{"with the token as the cookie", testToken, "192.0.2.1:7070", there, http.Header{"Cookie": {cookieName + "=" + testToken}}, 401},
		{"from here without the token", testToken, "localhost:7070", here, nil, 401},
		{"with a token, by a name", testToken, "evil.example", there, bearer, 421},
	} {
		c := Config{Token: test.token}
		if test.token != "" {
			c.Hosts = []string{"dash.example"}
		}
		d := startDash(t, c, nil)
		if got := get(d, test.host, test.remote, test.header); got.StatusCode != test.want {
			t.Errorf("%s: %s, want %d", test.name, got.Status, test.want)
		}
	}
}

func TestASessionWantsWhatThePageWants(t *testing.T) {
	d := startDash(t, Config{Token: testToken}, nil)
	srv := serve(t, d)
	for name, header := range map[string]http.Header{
		"no token":     nil,
		"another site": {"Authorization": {"Bearer " + testToken}, "Origin": {"http://evil.example"}},
		"a wrong name": {"Authorization": {"Bearer " + testToken}, "Host": {"evil.example"}},
	} {
		if name == "a wrong name" {
			continue // a client sets Host otherwise; TestOnlyThoseMayLookWhoShould has it
		}
		if s, err := dial(t, srv, "", header); err == nil {
			_ = s.Close()
			t.Error(name, "is admitted")
		}
	}
	s := must(dial(t, srv, "", http.Header{"Authorization": {"Bearer " + testToken}}))
	receive[About](t, accept(t, s))
	_ = s.Close()
}

func TestTheTokenIsAskedForInAFormAndBecomesACookie(t *testing.T) {
	d := startDash(t, Config{Token: testToken}, nil)
	srv := serve(t, d)
	client := srv.Client()
	client.Jar = must(cookiejar.New(nil))
	page := func(resp *http.Response, err error) (int, string) {
		defer must(resp, err).Body.Close()
		return resp.StatusCode, string(must(io.ReadAll(resp.Body)))
	}
	if code, body := page(client.Get(srv.URL)); code != 401 || !strings.Contains(body, `action="login"`) {
		t.Errorf("%d: %s", code, body)
	}
	if code, _ := page(client.Get(srv.URL + "/recording")); code != 401 {
		t.Errorf("a recording without the token: %d", code)
	}
	wrong := must(client.PostForm(srv.URL+"/login", url.Values{"token": {"wrong"}}))
	_ = wrong.Body.Close()
	if wrong.Request.URL.String() != srv.URL+"/login.html#wrong" {
		t.Error(wrong.Request.URL)
	}
	if code, body := page(client.PostForm(srv.URL+"/login", url.Values{"token": {testToken + "\n"}})); code != 200 || !strings.Contains(body, "main.js") {
		t.Errorf("%d: %s", code, body)
	}
	for _, c := range client.Jar.Cookies(must(url.Parse(srv.URL))) {
		if strings.Contains(c.Value, testToken) {
			t.Error("the cookie has the token itself")
		}
	}
	if code, _ := page(client.Get(srv.URL + "/recording")); code != 200 {
		t.Errorf("a recording with the cookie: %d", code)
	}
	// A server that has started anew with the same token knows the cookie.
	again := startDash(t, Config{Token: testToken}, nil)
	srv.Config.Handler = again
	if code, _ := page(client.Get(srv.URL)); code != 200 {
		t.Errorf("after a restart: %d", code)
	}
}

func TestALoginThatIsTooLargeIsRefused(t *testing.T) {
	d := startDash(t, Config{Token: testToken}, nil)
	resp := must(serve(t, d).Client().PostForm(serve(t, d).URL+"/login", url.Values{"token": {strings.Repeat("x", 1<<20)}}))
	_ = resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Error(resp.Status)
	}
}
