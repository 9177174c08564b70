package fd_test

import (
	"io"
	"net"
	"os"
	"testing"

	"github.com/corechan/corechan/fd"
)

// What a descriptor costs on top of sending it: made of a value, looked at, and made a value again.
func BenchmarkValues(b *testing.B) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	tcp, _ := pairOf(b, "tcp", "127.0.0.1:0")
	unix, _ := pairOf(b, "unix", "@corechan-test-bench")
	udp := must[net.PacketConn](b)(net.ListenPacket("udp", "127.0.0.1:0"))
	l := must[net.Listener](b)(net.Listen("tcp", "127.0.0.1:0"))
	file := must[*os.File](b)(os.Create(b.TempDir() + "/f"))
	toFile := func(f *fd.FD) (io.Closer, error) { return f.File("") }
	toConn := func(f *fd.FD) (io.Closer, error) { return f.Conn() }
	for _, c := range []struct {
		name string
		v    any
		back func(*fd.FD) (io.Closer, error)
	}{
		{"File", file, toFile},
		{"Pipe", r, toFile},
		{"TCP", tcp, toConn},
		{"Unix", unix, toConn},
		{"UDP", udp, func(f *fd.FD) (io.Closer, error) { return f.PacketConn() }},
		{"Listener", l, func(f *fd.FD) (io.Closer, error) { return f.Listener() }},
	} {
		b.Run(c.name+"/Of", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := fd.Of(c.v)
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
		b.Run(c.name+"/Kind", func(b *testing.B) {
			b.ReportAllocs()
			f := must[*fd.FD](b)(fd.Of(c.v))
			for b.Loop() {
				if _, err := f.Kind(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/Back", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := fd.Of(c.v)
				if err != nil {
					b.Fatal(err)
				}
				v, err := c.back(f)
				if err != nil {
					b.Fatal(err)
				}
				v.Close()
			}
		})
	}
}
