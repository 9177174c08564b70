package dash_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/corechan/corechan/perf/dash"
	"github.com/corechan/corechan/perf/probe"
)

// A service shows where its cores' time goes, in the server that it has.
func ExampleNew() {
	p, err := probe.Start(probe.Config{Groups: []probe.Group{probe.Steal, probe.Runtime}}) // no groups: all that are on by default
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	d, err := dash.New(dash.Config{Probe: p})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/dash/", http.StripPrefix("/debug/dash", d))
	server := httptest.NewServer(mux)
	defer server.Close()

	resp, err := http.Get(server.URL + "/debug/dash/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, resp.Header.Get("Content-Type"))
	// Output: 200 OK text/html; charset=utf-8
}
