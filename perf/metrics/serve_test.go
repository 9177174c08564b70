package metrics

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/perf/probe"
)

// serve serves a collector until the test ends, or stop is called, which returns what Serve does.
func serve(t *testing.T, c *Collector) (addr string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, c) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return ln.Addr().String(), stop
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(watchdog(t), "GET", url, nil)
	check(t, err)
	r, err := client.Do(req)
	check(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	check(t, err)
	return r.StatusCode, string(b)
}

func TestMetricsAreServedToSeveralAtOnce(t *testing.T) {
	fdtest.Snapshot(t)
	addr, stop := serve(t, collector(t, 3))
	var all sync.WaitGroup
	for range maxScrapes {
		all.Go(func() {
			status, body := fetch(t, "http://"+addr+"/metrics")
			if status != 200 && status != 503 || status == 200 && !strings.Contains(body, `corechan_sessions{transport="inmem"} 2`) {
				t.Errorf("%d, %s", status, body)
			}
		})
	}
	all.Wait()
	if status, body := fetch(t, "http://"+addr+"/"); status != 200 || !strings.Contains(body, "/metrics") {
		t.Errorf("%d, %s", status, body)
	}
	if status, _ := fetch(t, "http://"+addr+"/other"); status != 404 {
		t.Error(status)
	}
	check(t, stop())
}

// Clients that ask and never read, or never ask, hold up neither a scrape nor the end.
func TestClientsThatNeverReadHoldUpNobody(t *testing.T) {
	fdtest.Snapshot(t)
	addr, stop := serve(t, collector(t, 3))
	for i := range 20 {
		c, err := net.Dial("tcp", addr)
		check(t, err)
		defer c.Close()
		check(t, c.(*net.TCPConn).SetReadBuffer(1))
		if i%2 == 0 {
			_, err = io.WriteString(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100))
			check(t, err)
		}
	}
	for {
		status, body := fetch(t, "http://"+addr+"/metrics")
		if status == 503 { // too many are being answered
			continue
		}
		if status != 200 || !strings.Contains(body, "corechan_sessions") {
			t.Errorf("%d, %s", status, body)
		}
		break
	}
	check(t, stop())
}

// prom is a Prometheus that scrapes addr.
type prom struct {
	t   *testing.T
	url string
}

const promConfig = `global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs:
- job_name: corechan
  static_configs: [{targets: [%q]}]
`

// startProm starts a Prometheus, and ends it with the test.
func startProm(t *testing.T, addr string, options ...string) *prom {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("needs prometheus, of Debian's package of that name: .ci/need prometheus")
	}
	check(t, err)
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	check(t, os.WriteFile(config, fmt.Appendf(nil, promConfig, addr), 0o600))
	cmd := exec.Command(path, append([]string{
		"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0", "--log.format=json",
	}, options...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	read := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
	})
	found := make(chan string, 1)
	go func() {
		defer close(read)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "Listening on" {
				found <- line.Address
			}
		}
		close(found)
	}()
	select {
	case at, ok := <-found:
		if !ok {
			t.Fatal("prometheus ended")
		}
		return &prom{t, "http://" + at}
	case <-watchdog(t).Done():
		t.Fatal("prometheus does not start")
	}
	return nil
}

// query returns the values of an expression, by their labels as JSON.
func (p *prom) query(expr string) map[string]float64 {
	p.t.Helper()
	status, body := fetch(p.t, p.url+"/api/v1/query?query="+url.QueryEscape(expr))
	var answer struct {
		Status string
		Data   struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
		if status == 503 { // not ready yet
			return nil
		}
		p.t.Fatalf("%s: %d, %s", expr, status, body)
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		key, _ := json.Marshal(r.Metric)
		s, _ := r.Value[1].(string)
		values[string(key)], _ = strconv.ParseFloat(s, 64)
	}
	return values
}

// await queries until ok.
func (p *prom) await(expr string, ok func(map[string]float64) bool) {
	p.t.Helper()
	var got map[string]float64
	for ctx := watchdog(p.t); ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		if got = p.query(expr); ok(got) {
			return
		}
	}
	p.t.Fatalf("%s is %v", expr, got)
}

// A real Prometheus takes the metrics in, in both forms of histograms, and understands every query of the dashboard.
func TestPrometheusTakesTheMetricsAndTheDashboardsQueries(t *testing.T) {
	fdtest.Snapshot(t)
	c := collector(t, 50)
	addr, _ := serve(t, c)
	board, err := Dashboard()
	check(t, err)
	for name, options := range map[string][]string{"classic": nil, "native": {"--enable-feature=native-histograms"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProm(t, addr, options...)
			p.await(`corechan_sessions`, func(v map[string]float64) bool {
				for key, n := range v {
					return strings.Contains(key, `"transport":"inmem"`) && n == 2
				}
				return false
			})
			p.await(`sum(corechan_frames_sent_total)`, func(v map[string]float64) bool { return v["{}"] >= 51 })
			stop := make(chan struct{}) // the scheduler has to be at work for there to be a rate
			defer close(stop)
			go func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			quantile := strings.ReplaceAll(queries(&schedulerLatency)[1].expr, "$__rate_interval", "5s")
			p.await(quantile, func(v map[string]float64) bool { return v["{}"] > 0 && v["{}"] < 10 })
			hasBuckets := len(p.query("corechan_go_scheduler_latency_seconds_bucket")) != 0
			if native := name == "native"; native == hasBuckets {
				t.Errorf("native histograms are on: %v; there are classic buckets: %v", native, hasBuckets)
			}
			exprs := regexp.MustCompile(`"expr": (".*")`).FindAllStringSubmatch(string(board), -1)
			if len(exprs) < len(definitions()) {
				t.Errorf("%d queries", len(exprs))
			}
			for _, e := range exprs {
				var expr string
				check(t, json.Unmarshal([]byte(e[1]), &expr))
				p.query(strings.ReplaceAll(expr, "$__rate_interval", "5s")) // fails if it is not understood
			}
		})
	}
}

// Scraping a probe that follows a process that is gone says so.
func TestAProcessThatEndedIsShownAsEnded(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	check(t, cmd.Start())
	p, err := probe.Start(probe.Config{PIDs: []int{cmd.Process.Pid}, Groups: []probe.Group{probe.Steal}})
	check(t, err)
	defer p.Close()
	ended := func() float64 {
		return gather(t, New(Config{Probe: p}))["corechan_probe_processes_ended"].Metric[0].GetGauge().GetValue()
	}
	if ended() != 0 {
		t.Error("ended at once")
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if ended() != 1 {
		t.Error("not ended")
	}
}
