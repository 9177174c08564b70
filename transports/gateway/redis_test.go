package gateway_test

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/transports/gateway"
)

// need skips the test if a program is missing, and says where Debian has it.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is missing: apt-get install %s, or make test as root", program, debian)
	}
	return path
}

// run runs a program and returns what it prints.
func run(t *testing.T, input, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(watchdog(t), program, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// freePort returns a port of 127.0.0.1 at which nobody listens.
func freePort() int {
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// startServer starts a program that is to listen at an address, and ends it with the test.
func startServer(t *testing.T, cmd *exec.Cmd, network, addr string, stop syscall.Signal) {
	t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	check(t, cmd.Start())
	ended := result(cmd.Wait)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(stop)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	eventually(t, cmd.Path+" listens", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("%s: %v\n%s", cmd.Path, err, out.String())
		default:
		}
		c, err := net.Dial(network, addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// startRedis returns the address of a Redis server without persistence.
func startRedis(t *testing.T) *net.TCPAddr {
	t.Helper()
	server := need(t, "redis-server", "redis-server")
	need(t, "redis-cli", "redis-tools")
	need(t, "redis-benchmark", "redis-tools")
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: freePort()}
	cmd := exec.Command(server, "--bind", "127.0.0.1", "--port", fmt.Sprint(addr.Port), "--save", "", "--dir", t.TempDir())
	startServer(t, cmd, "tcp", addr.String(), syscall.SIGTERM)
	return addr
}

// redisScript has all kinds of values and sizes.
func redisScript() string {
	var b strings.Builder
	fmt.Fprintln(&b, "FLUSHALL")
	for i := range 200 {
		fmt.Fprintf(&b, "SET key:%d %s\nGET key:%d\nINCRBY count %d\nRPUSH list %d\nZADD set %d member:%d\n",
			i, strings.Repeat("v", i*i), i, i, i, i*7%13, i)
	}
	big := strings.Repeat("0123456789", 100_000)
	fmt.Fprintf(&b, "SET big %s\nSTRLEN big\nGET big\nLRANGE list 0 -1\nZRANGE set 0 -1 WITHSCORES\nGET count\nDBSIZE\nNONSENSE\n", big)
	return b.String()
}

func TestRedisAnswersThroughTheGatewayAsWithout(t *testing.T) {
	addr := startRedis(t)
	direct := redisResults(t, addr)
	if !strings.Contains(direct, "19900") || len(direct) < 1_000_000 {
		t.Fatalf("Redis itself says %.1000q", direct)
	}
	onServerWays(t, func(t *testing.T, l link, proxied bool) {
		o := must(gateway.ParseOffer("redis=" + addr.String()))
		o.Proxied = proxied
		s := serve(t, l, o)
		for _, network := range []string{"tcp", "unix"} {
			if through := redisResults(t, s.listen(s.connector(), network, "redis")); through != direct {
				t.Errorf("%s: %d bytes of answers, %d without the gateway", network, len(through), len(direct))
			}
		}
	})
}

func redisArgs(to net.Addr) []string {
	if a, ok := to.(*net.TCPAddr); ok {
		return []string{"-h", a.IP.String(), "-p", fmt.Sprint(a.Port)}
	}
	return []string{"-s", to.String()}
}

func redisResults(t *testing.T, to net.Addr) string {
	t.Helper()
	return run(t, redisScript(), "redis-cli", redisArgs(to)...)
}

// TestRedisBenchmarkRunsThroughTheGateway checks that each of its requests was served, and not how fast.
func TestRedisBenchmarkRunsThroughTheGateway(t *testing.T) {
	addr := startRedis(t)
	onServerWays(t, func(t *testing.T, l link, proxied bool) {
		o := must(gateway.ParseOffer("redis=" + addr.String()))
		o.Proxied = proxied
		s := serve(t, l, o)
		to := s.listen(s.connector(), "tcp", "redis")
		for how, tests := range map[string]string{
			"-c 20":           "ping,set,get,incr,lpush,mset,lrange_100",
			"-c 5 -P 32":      "ping,set,get,incr,lpush,mset",
			"-c 2 -d 100000":  "set,get,incr",
			"-c 50 -k 0":      "incr", // a connection for each request
			"-c 20 -P 4 -r 9": "set,get",
		} {
			run(t, "FLUSHALL\n", "redis-cli", redisArgs(addr)...)
			args := append(append(redisArgs(to), "-n", "320", "-t", tests, "--csv"), strings.Fields(how)...)
			out := run(t, "", "redis-benchmark", args...)
			for name := range strings.SplitSeq(tests, ",") {
				if !strings.Contains(out, `"`+strings.ToUpper(name)) {
					t.Errorf("%s: no results of %s:\n%s", how, name, out)
				}
			}
			// What is in the server is what came through.
			count := run(t, "GET counter:__rand_int__\n", "redis-cli", redisArgs(addr)...)
			if strings.Contains(tests, "incr") && count != "320\n" {
				t.Errorf("%s: the counter is at %q", how, count)
			}
		}
	})
}
