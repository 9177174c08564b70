package browsertest

import (
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func TestLook(t *testing.T) {
	victim := startSpinner(t, 1)
	s := startServer(t, freeAddr(), nil, "--pid", strconv.Itoa(victim.Process.Pid), "--pinned", "--interval", "250ms")
	b := openTab(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url))
	b.says("state", "live")
	time.Sleep(3 * time.Second)
	startSpinner(t, 1)
	time.Sleep(9 * time.Second)
	t.Log(b.text("headline"))
	t.Log(b.text("details"))
	b.shoot("dash")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	time.Sleep(time.Second)
	b.shoot("dash-dark")
	b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)))
	time.Sleep(time.Second)
	b.shoot("dash-phone")
}
