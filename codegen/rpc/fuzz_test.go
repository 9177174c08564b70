package rpc_test

import (
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/internal/shop"
)

// FuzzRequest: no bytes make a callee panic, or take more memory than they have room for.
func FuzzRequest(f *testing.F) {
	service := shop.ShopService(&shop.FakeShop{})
	for i := range service.Desc.Methods {
		head := msgp.AppendUint32(msgp.AppendUint32([]byte{0x94}, 1), uint32(i))
		f.Add(append(msgp.AppendNil(head), 0x90))
		f.Add(append(msgp.AppendNil(head), 0x91, 0x81, 0xa2, 'I', 'D', 7))
		f.Add(append(head[:len(head):len(head)], 7, 0x90))
		f.Add(append(head[:len(head):len(head)], 0x92, 7, 9, 0x91, 0x81, 0xa2, 'I', 'D', 7))
		f.Add(append(msgp.AppendNil(head), 0x92, 0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0))
	}
	f.Add([]byte{0x94, 0, 0, 0xc0, 0x93, 1, 0xa1, 'S', 0x91, 0xa1, 'M'})
	f.Add([]byte{0x94, 0, 1, 0xd6, 7, 0, 0, 0, 1, 0x90})
	f.Fuzz(func(_ *testing.T, b []byte) {
		if _, err := rpc.DecodeRequest(b, service); err != nil {
			panic(err) // of the test's own
		}
	})
}

func TestRequestsOfEveryMethodAreFound(t *testing.T) {
	service := shop.ShopService(&shop.FakeShop{})
	for i, m := range service.Desc.Methods {
		b := append(msgp.AppendNil(msgp.AppendUint32(msgp.AppendUint32([]byte{0x94}, 1), uint32(i))), 0x90)
		if found, err := rpc.DecodeRequest(b, service); !found || err != nil {
			t.Errorf("%s: %v, %v", m.Name, found, err)
		}
	}
}

// FuzzResponse is the same for a caller.
func FuzzResponse(f *testing.F) {
	errors := shop.ShopService(nil).Desc.Errors
	f.Add([]byte{0x91, 0x90})
	f.Add(append([]byte{0x94, 1, 0xa1, 'x', 0xae}, append([]byte("*shop.Rejected"), 0x81, 0xa2, 'I', 'D', 7)...))
	f.Add(append([]byte{0x94, 1, 0xa1, 'x', 0xab}, append([]byte("shop.Closed"), 0x80)...))
	f.Add([]byte{0x92, 1, 0x90})
	f.Add([]byte{0x95, 1, 1, 0xa1, 'x', 0xa0, 0xc0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = rpc.DecodeResponse(b, new(rpc.Nothing), errors)
		rpc.DecodeAnswer(b, new(rpc.Nothing), errors)
	})
}
