package rpc_test

import (
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/gentest"
	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/internal/shop"
)

func FuzzRequest(f *testing.F) { gentest.FuzzService(f, shop.ShopService(&shop.FakeShop{})) }

func TestRequestsOfEveryMethodAreFound(t *testing.T) {
	service := shop.ShopService(&shop.FakeShop{})
	for i, m := range service.Desc.Methods {
		b := append(msgp.AppendNil(msgp.AppendUint32(msgp.AppendUint32([]byte{0x94}, 1), uint32(i))), 0x90)
		if found, err := rpc.DecodeRequest(b, service); !found || err != nil {
			t.Errorf("%s: %v, %v", m.Name, found, err)
		}
	}
}

// FuzzResponse: no bytes make a caller panic, or wait for ever.
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
