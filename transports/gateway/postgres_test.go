package gateway_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/transports/gateway"
)

// A postgres is a PostgreSQL server of the test's.
type postgres struct {
	bin string // where its programs are
	tcp *net.TCPAddr
	dir string // of its unix socket
}

func (p *postgres) socket() string {
	return filepath.Join(p.dir, fmt.Sprintf(".s.PGSQL.%d", p.tcp.Port))
}

func (p *postgres) program(name string) string { return filepath.Join(p.bin, name) }

// startPostgres starts a PostgreSQL server with a fresh database. As root it runs as the user postgres, as it has to.
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if path, err := exec.LookPath("pgbench"); len(bins) == 0 && err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			bins = []string{path}
		}
	}
	if len(bins) == 0 {
		t.Skip("PostgreSQL is missing: apt-get install postgresql, or make test as root")
	}
	slices.Sort(bins)
	p := &postgres{bin: filepath.Dir(bins[len(bins)-1]), tcp: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: freePort()}}
	dir, err := os.MkdirTemp("", "gateway-pg") // short, for the socket's path, and entered by another user
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p.dir = dir
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skipf("root may not run PostgreSQL, and %v", err)
		}
		uid, gid := must(strconv.Atoi(u.Uid)), must(strconv.Atoi(u.Gid))
		check(t, os.Chown(dir, uid, gid))
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(p.program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	cmd := exec.Command(p.program("postgres"), "-D", data, "-k", dir, "-h", "127.0.0.1", "-p", fmt.Sprint(p.tcp.Port),
		"-c", "fsync=off", "-c", "shared_buffers=16MB")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	startServer(t, cmd, "unix", p.socket(), syscall.SIGINT)
	eventually(t, "PostgreSQL takes connections", func() bool {
		return exec.Command(p.program("pg_isready"), "-q", "-h", dir, "-p", fmt.Sprint(p.tcp.Port)).Run() == nil
	})
	return p
}

// psql runs statements at an address: of a local port.
func (p *postgres) psql(t *testing.T, to net.Addr, sql string) string {
	t.Helper()
	return run(t, sql, p.program("psql"), append(pgArgs(to), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "postgres")...)
}

func pgArgs(to net.Addr) []string {
	a := to.(*net.TCPAddr)
	return []string{"-h", a.IP.String(), "-p", fmt.Sprint(a.Port), "-U", "postgres"}
}

// sqlScript asks for much, sends much, and has an error in between.
const sqlScript = `
\set ON_ERROR_STOP 0
CREATE TEMP TABLE t AS SELECT i, md5(i::text) AS h, repeat(md5(i::text), i % 50) AS long FROM generate_series(1, 5000) i;
SELECT count(*), sum(length(long)), md5(string_agg(h, '' ORDER BY i)) FROM t;
SELECT * FROM t ORDER BY i;
SELECT 1/0;
SELECT repeat('x', 5000000);
COPY t TO STDOUT;
LISTEN n; NOTIFY n, 'said'; SELECT 'after';
`

func TestPostgresAnswersThroughTheGatewayAsWithout(t *testing.T) {
	p := startPostgres(t)
	withoutPID := func(s string) string { // a notification names the server's process
		before, _, found := strings.Cut(s, "Asynchronous notification")
		return before + fmt.Sprint(found)
	}
	direct := withoutPID(p.psql(t, p.tcp, sqlScript))
	if len(direct) < 8_000_000 || !strings.Contains(direct, "division by zero") {
		t.Fatalf("PostgreSQL itself says %d bytes: %.1000q", len(direct), direct)
	}
	p.onWays(t, func(t *testing.T, to net.Addr) {
		if through := withoutPID(p.psql(t, to, sqlScript)); through != direct {
			t.Errorf("%d bytes of answers, %d without the gateway", len(through), len(direct))
		}
	})
}

// TestPgbenchRunsThroughTheGateway checks that each of its transactions was done, and done once, and not how fast.
func TestPgbenchRunsThroughTheGateway(t *testing.T) {
	p := startPostgres(t)
	p.onWays(t, func(t *testing.T, to net.Addr) {
		run(t, "", p.program("pgbench"), append(pgArgs(to), "-i", "-q", "-s", "1", "postgres")...)
		const clients, each = 4, 50
		for _, protocol := range []string{"simple", "prepared"} {
			out := run(t, "", p.program("pgbench"), append(pgArgs(to), "-n", "-M", protocol, "-c", fmt.Sprint(clients), "-t", fmt.Sprint(each), "postgres")...)
			if says := fmt.Sprintf("%d/%d", clients*each, clients*each); !strings.Contains(out, says) {
				t.Errorf("%s: it does not say %s:\n%s", protocol, says, out)
			}
		}
		state := p.psql(t, p.tcp, `
			SELECT (SELECT count(*) FROM pgbench_history),
				(SELECT sum(delta) FROM pgbench_history) = (SELECT sum(abalance) FROM pgbench_accounts),
				(SELECT sum(delta) FROM pgbench_history) = (SELECT sum(bbalance) FROM pgbench_branches);`)
		if want := fmt.Sprintf("%d|t|t\n", 2*clients*each); state != want {
			t.Errorf("the database has %q, and not %q", state, want)
		}
	})
}

// onWays calls f with the address of a local port that leads to the server, by its unix socket and its port.
func (p *postgres) onWays(t *testing.T, f func(t *testing.T, to net.Addr)) {
	for _, test := range []struct {
		name, endpoint string
		over           link
	}{{"unix", "unix:" + p.socket(), overShm}, {"unix", "unix:" + p.socket(), overTLS}, {"tcp", p.tcp.String(), overTCP}} {
		t.Run(test.name, func(t *testing.T) {
			onWaysOf(t, []link{test.over}, func(t *testing.T, l link, proxied bool) {
				o := must(gateway.ParseOffer("pg=" + test.endpoint))
				o.Proxied = proxied
				s := serve(t, l, o)
				f(t, s.listen(s.connector(), "tcp", "pg"))
			})
		})
	}
}
