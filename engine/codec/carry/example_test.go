package carry_test

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/carry"
	"github.com/corechan/corechan/engine/codec/json"
)

// readers are all that this example carries.
type readers struct{}

func (readers) Carried(t reflect.Type) bool { return t == reflect.TypeFor[io.Reader]() }

// A message is encoded with a reference where its reader is, and the other side puts a reader there again.
func ExamplePlan() {
	type job struct {
		Name  string    `json:"name"`
		Input io.Reader `json:"input"`
	}
	plan, err := carry.PlanFor(reflect.TypeFor[job](), readers{})
	if err != nil {
		fmt.Println(err)
		return
	}

	shadow, err := plan.Out(&job{"sort", strings.NewReader("b\na\n")}, func(reflect.Value) (codec.Ref, error) {
		return 1, nil // the frame's first attachment
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := json.Codec{}.Append(nil, shadow)
	fmt.Println(string(payload), err)

	arrived, received := plan.NewShadow(), job{}
	if err := (json.Codec{}).Decode(payload, arrived); err != nil {
		fmt.Println(err)
		return
	}
	err = plan.In(arrived, &received, func(r codec.Ref, _ reflect.Type) (reflect.Value, error) {
		return reflect.ValueOf(strings.NewReader(fmt.Sprint("attachment ", r))), nil
	})
	input, _ := io.ReadAll(received.Input)
	fmt.Println(received.Name, string(input), err)
	// Output:
	// {"name":"sort","input":{"@ref":1}} <nil>
	// sort attachment 1 <nil>
}
