package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"
)

func TestThePageSurvivesARestartOfTheServer(t *testing.T) {
	for name, end := range map[string]func(s *server){
		"in order": func(s *server) {
			_ = s.cmd.Process.Signal(unix.SIGTERM)
			if err := s.cmd.Wait(); err != nil {
				t.Error("the server's end:", err)
			}
		},
		"killed": func(s *server) { s.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--interval", "100ms", "--groups", "steal,runtime"}
			addr := freeAddr()
			s := startServer(t, addr, nil, args...)
			b := openTab(t)
			b.do(chromedp.Navigate(s.url))
			b.until("health", "has samples", func(string) bool { return b.samples() > 5 })
			before := b.samples()
			end(s)
			b.says("state", "server gone")
			b.says("trouble-text", "The server is gone: ", "Trying again in", "What is shown of it is from ")
			b.shoot("dash-restart")
			if name == "in order" && !strings.Contains(b.text("trouble-text"), "the dashboard has ended") {
				t.Errorf("it is not told why: %s", b.text("trouble-text"))
			}
			startServer(t, addr, nil, args...)
			b.says("state", "live")
			b.until("health", "has more samples", func(string) bool { return b.samples() > before+3 })
			if b.text("trouble-text") != "" {
				t.Errorf("it still says %q", b.text("trouble-text"))
			}
		})
	}
}
