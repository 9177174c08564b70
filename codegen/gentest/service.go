package gentest

import (
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/rpc"
)

// FuzzService is a fuzz target for a service's requests: no bytes make a callee panic, or take more memory than they have room for.
func FuzzService(f *testing.F, s rpc.Service) {
	f.Helper()
	for i := range s.Desc.Methods {
		head := msgp.AppendUint32(msgp.AppendUint32([]byte{0x94}, 1), uint32(i)) // behind it: reply, arguments
		for _, rest := range [][]byte{
			{0xc0, 0x90},
			{7, 0x90},
			{0x92, 7, 9, 0x91, 0x81, 0xa2, 'I', 'D', 7},
			{0xc0, 0x91, 0x81, 0xa2, 'I', 'D', 7},
			{0xc0, 0x92, 0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0},
		} {
			f.Add(append(head[:len(head):len(head)], rest...))
		}
	}
	f.Add([]byte{0x94, 0, 0, 0xc0, 0x93, 1, 0xa1, 'S', 0x91, 0xa1, 'M'})
	f.Add([]byte{0x94, 0, 1, 0xd6, 7, 0, 0, 0, 1, 0x90})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := rpc.DecodeRequest(b, s); err != nil {
			t.Fatal(err)
		}
	})
}
