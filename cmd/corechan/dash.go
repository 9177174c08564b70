package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/dash"
	"github.com/corechan/corechan/perf/probe"
	"github.com/corechan/corechan/transports/gateway"
)

type dashCmd struct {
	probeFlags
	Interval  time.Duration `default:"1s" placeholder:"DURATION" help:"How long each sample counts, 100ms to 1m. Default: 1s."`
	Keep      time.Duration `placeholder:"DURATION" help:"How far back one can look, 7200 samples at most. Default: 15m, or 7200 samples."`
	Poll      string        `placeholder:"LIST" help:"Spin on these cores, to find gaps that nothing explains. Takes all of a core that nobody else does: for cores that are to be quiet."`
	Listen    string        `default:"127.0.0.1:7070" placeholder:"HOST:PORT" help:"Where the page is. Elsewhere than on this machine's loopback, --token-file is required. Port 0: any. Default: 127.0.0.1:7070."`
	TokenFile string        `placeholder:"FILE" help:"A file with the token that viewers need, of 16 bytes or more, in its first line that has one."`
	Host      []string      `placeholder:"NAME" help:"A name by which browsers may ask for the page, beside addresses and localhost. May be given more than once."`
	NoOpen    bool          `help:"Do not open a browser."`
}

// Help is the long help.
func (dashCmd) Help() string {
	return `Serves a web page that says which core lost most time to what, live and for as far back as --keep: a heatmap of the cores, stolen time by
source, percentile curves, who ran instead of a preempted thread, and what could not be measured and why. What is seen can be saved
to a file, opened again and compared. Nothing is fetched from elsewhere. It ends with Ctrl-C.

On loopback, any user of this machine may look; with --token-file only who has the token. The page is not encrypted: to look from
elsewhere, ssh -L 7070:localhost:7070 is the simplest way, or a proxy with TLS in front, whose name is given with --host.

Groups and privileges are those of "corechan trace": without CAP_BPF and CAP_PERFMON the page shows what can be had without, and says so.
They are given up once all is attached.

Examples:

  sudo corechan dash                                              every process
  sudo corechan dash --pid $(pidof orders) --pinned --keep 1h --interval 2s
  sudo corechan dash --listen :7070 --token-file /etc/corechan/token --host build7.example
  curl -o night.jsonl http://localhost:7070/recording             what is kept, as a file that the page opens`
}

// Run serves until it is interrupted.
func (c *dashCmd) Run(a *app) error {
	probing, err := c.config()
	if err != nil {
		return err
	}
	if slices.Contains(probing.Groups, probe.Marks) {
		return fmt.Errorf("%w: group marks is not shown here: see corechan trace --messages --groups marks", errUsage)
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	config := dash.Config{Interval: c.Interval, Keep: c.Keep, Token: token, Hosts: c.Host, PIDs: c.Pid, Follows: c.follows(), Logger: log}
	if err := config.Check(); err != nil {
		return err
	}
	polled, err := c.polled()
	if err != nil {
		return err
	}
	ln, err := c.listen(a.ctx, token)
	if err != nil {
		return err
	}
	defer ln.Close()
	avoidPinnedCores(c.Pid)
	if len(probing.Groups) == 0 || slices.Contains(probing.Groups, probe.Vectors) || len(polled) > 0 {
		if cost, err := probe.InterruptCost(); err == nil {
			probing.InterruptCost, config.InterruptCost = cost, cost
		}
	}
	p, err := probe.Start(probing)
	if errors.Is(err, probe.ErrConfig) {
		return fmt.Errorf("%w: %w", perf.ErrConfig, err)
	}
	if err != nil {
		return err
	}
	defer p.Close()
	pollers, stop, err := startPollers(a.ctx, polled, config.InterruptCost)
	if err != nil {
		return err
	}
	defer stop()
	if err := probe.DropCapabilities(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	config.Probe, config.Pollers, config.Watcher = p, pollers, watch.New()
	defer config.Watcher.Close()
	d, err := dash.New(config)
	if err != nil {
		return err
	}
	defer d.Close()
	c.announce(a, ln.Addr().(*net.TCPAddr), p.Status())
	return serveDash(a.ctx, ln, d, log)
}

func (c *dashCmd) token() (string, error) {
	if c.TokenFile == "" {
		return "", nil
	}
	tokens, err := gateway.ReadTokens(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return tokens[0], nil
}

// listen listens, if that is safe.
func (c *dashCmd) listen(ctx context.Context, token string) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w: --listen %s: %w", errUsage, c.Listen, err)
	}
	if token == "" && !at.IP.IsLoopback() {
		return nil, fmt.Errorf("%w: --listen %s can be reached from other machines, and the page names processes and what they do: "+
			"give --token-file, or listen on 127.0.0.1 and look through ssh -L", errUsage, c.Listen)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("%w; give another port with --listen", err)
	}
	return ln, nil
}

// announce says where the page is, and what it lacks.
func (c *dashCmd) announce(a *app, at *net.TCPAddr, status []probe.Status) {
	host := "localhost"
	if !at.IP.IsLoopback() {
		if host = at.IP.String(); at.IP.IsUnspecified() {
			host, _ = os.Hostname()
			if len(c.Host) > 0 {
				host = c.Host[0]
			} else if addresses := ownAddresses(); len(addresses) > 0 {
				host = addresses[0]
			}
		}
	}
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(at.Port)) + "/"
	fmt.Fprintf(a.stdout, "%s shows %s. Ctrl-C ends it.\n", url, c.follows())
	for _, note := range traceNotes(&probe.Snapshot{}, 0, status) {
		fmt.Fprintln(a.stdout, note)
	}
	if !c.NoOpen && (os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "") {
		cmd := exec.CommandContext(a.ctx, "xdg-open", url)
		if cmd.Start() == nil {
			go cmd.Wait() //nolint:errcheck // a courtesy
		}
	}
}

// ownAddresses are addresses of this machine by which others may reach it.
func ownAddresses() (list []string) {
	all, _ := net.InterfaceAddrs()
	for _, one := range all {
		if n, ok := one.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			list = append(list, n.IP.String())
		}
	}
	return list
}

// Bounds of the server.
const (
	dashConns   = 128
	dashTimeout = 10 * time.Second
)

// serveDash serves until ctx is done.
func serveDash(ctx context.Context, ln net.Listener, d *dash.Dash, log *slog.Logger) error {
	var conns atomic.Int64 // but those that have become sessions, of which the Dash has a bound
	srv := &http.Server{
		Handler: d, ReadHeaderTimeout: dashTimeout, ReadTimeout: dashTimeout, WriteTimeout: 2 * dashTimeout, IdleTimeout: time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState: func(conn net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if conns.Add(1) > dashConns {
					conn.Close()
				}
			case http.StateClosed, http.StateHijacked:
				conns.Add(-1)
			}
		},
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	_ = d.Close() // sessions are told; the server waits for their handlers
	inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if srv.Shutdown(inner) != nil {
		_ = srv.Close()
	}
	<-failed
	return nil
}

// follows says in words what is counted.
func (c *dashCmd) follows() string {
	what := "every process"
	if len(c.Pid) > 0 {
		names := make([]string, 0, len(c.Pid))
		for _, pid := range c.Pid {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			names = append(names, strings.TrimSpace(fmt.Sprintf("%s %d", printable(strings.TrimSpace(string(b))), pid)))
		}
		what = strings.Join(names, ", ")
	}
	if c.Pinned {
		what = "the pinned threads of " + what
	}
	return what
}
