package service

import (
	"fmt"
	"go/types"
	"strings"
)

// A coder writes statements for values. Those of MarshalMsg and UnmarshalMsg have b and err, those of Msgsize n, those of Carry c.
type coder struct {
	w    *world
	vars int
}

func (c *coder) fresh(letter string) string {
	c.vars++
	return fmt.Sprintf("%s%d", letter, c.vars)
}

const (
	readOrReturn = "if %s, b, err = %s(b); err != nil {\nreturn b, err\n}\n"
	orReturn     = "if b, err = %s; err != nil {\nreturn b, err\n}\n"
)

// basicName returns what msgp calls a basic type: "Int64"; and the Go type.
func basicName(t types.Type) (name, plain string) {
	b := t.Underlying().(*types.Basic)
	plain = b.Name()
	if plain == "byte" {
		plain = "uint8"
	}
	if plain == "rune" {
		plain = "int32"
	}
	return strings.ToUpper(plain[:1]) + plain[1:], plain
}

// isPlain reports whether a type is a basic one itself.
func isPlain(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.Basic)
	return ok
}

// append returns statements that append x.
func (c *coder) append(x string, t types.Type) string {
	msgp := c.w.msgp
	switch c.w.kindOf(t) {
	case scalar:
		name, plain := basicName(t)
		if !isPlain(t) {
			x = plain + "(" + x + ")"
		}
		return fmt.Sprintf("b = %s(b, %s)\n", msgp("Append"+name), x)
	case blob:
		return fmt.Sprintf("if %s == nil {\nb = %s(b)\n} else {\nb = %s(b, %s)\n}\n", x, msgp("AppendNil"), msgp("AppendBytes"), x)
	case clock:
		return fmt.Sprintf("b = %s(b, %s)\n", msgp("AppendTime"), x)
	case span:
		return fmt.Sprintf("b = %s(b, int64(%s))\n", msgp("AppendInt64"), x)
	case whatever:
		return fmt.Sprintf(orReturn, fmt.Sprintf("%s(b, %s)", msgp("AppendIntf"), x))
	case own, ref, raw, passed, packed:
		return fmt.Sprintf(orReturn, x+".MarshalMsg(b)")
	}
	null := fmt.Sprintf("if %s == nil {\nb = %s(b)\n} else {\n", x, msgp("AppendNil"))
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return null + c.append(c.deref(x, u.Elem()), u.Elem()) + "}\n"
	case *types.Slice:
		i := c.fresh("i")
		return null + fmt.Sprintf("b = %s(b, uint32(len(%s)))\nfor %s := range %s {\n%s}\n}\n", msgp("AppendArrayHeader"), x, i, x,
			c.append(x+"["+i+"]", u.Elem()))
	case *types.Array:
		i := c.fresh("i")
		return fmt.Sprintf("b = %s(b, %d)\nfor %s := range %s {\n%s}\n", msgp("AppendArrayHeader"), u.Len(), i, x, c.append(x+"["+i+"]", u.Elem()))
	case *types.Map:
		k, v := c.fresh("k"), c.fresh("v")
		return null + fmt.Sprintf("b = %s(b, uint32(len(%s)))\nfor %s, %s := range %s {\n%s%s}\n}\n", msgp("AppendMapHeader"), x, k, v, x,
			c.append(k, u.Key()), c.append(v, u.Elem()))
	}
	return ""
}

// deref returns what a pointer points to, for append, read and size: those call methods on a pointer as it is.
func (c *coder) deref(x string, elem types.Type) string {
	switch c.w.kindOf(elem) {
	case own:
		return x
	}
	return "(*" + x + ")"
}

// read returns statements that read x, a variable.
func (c *coder) read(x string, t types.Type) string {
	msgp := c.w.msgp
	null := fmt.Sprintf("if %s(b) {\nb, %s = b[1:], nil\n} else {\n", msgp("IsNil"), x)
	switch c.w.kindOf(t) {
	case scalar:
		name, _ := basicName(t)
		read := msgp("Read" + name + "Bytes")
		if isPlain(t) {
			return fmt.Sprintf(readOrReturn, x, read)
		}
		v := c.fresh("v")
		_, plain := basicName(t)
		return fmt.Sprintf("var %s %s\n", v, plain) + fmt.Sprintf(readOrReturn, v, read) + fmt.Sprintf("%s = %s(%s)\n", x, c.w.out.Type(t), v)
	case blob:
		return null + fmt.Sprintf("if %s, b, err = %s(b, nil); err != nil {\nreturn b, err\n}\n}\n", x, msgp("ReadBytesBytes"))
	case clock:
		return fmt.Sprintf(readOrReturn, x, msgp("ReadTimeBytes"))
	case span:
		v := c.fresh("v")
		return fmt.Sprintf("var %s int64\n", v) + fmt.Sprintf(readOrReturn, v, msgp("ReadInt64Bytes")) + fmt.Sprintf("%s = %s(%s)\n", x, c.w.out.Type(t), v)
	case whatever:
		return fmt.Sprintf(readOrReturn, x, msgp("ReadIntfBytes"))
	case own, ref, raw, passed, packed:
		return fmt.Sprintf(orReturn, x+".UnmarshalMsg(b)")
	}
	header := func(n, what string) string {
		return fmt.Sprintf("var %s uint32\n", n) + fmt.Sprintf(readOrReturn, n, msgp("Read"+what+"HeaderBytes"))
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return null + fmt.Sprintf("%s = new(%s)\n%s}\n", x, c.w.out.Type(u.Elem()), c.read(c.deref(x, u.Elem()), u.Elem()))
	case *types.Slice:
		n, i := c.fresh("n"), c.fresh("i")
		return null + header(n, "Array") + fmt.Sprintf("%s = make(%s, %s)\nfor %s := range %s {\n%s}\n}\n", x, c.w.out.Type(t), n, i, x,
			c.read(x+"["+i+"]", u.Elem()))
	case *types.Array:
		n, i := c.fresh("n"), c.fresh("i")
		return header(n, "Array") + fmt.Sprintf("if %s != %d {\nreturn b, %s{Wanted: %d, Got: %s}\n}\nfor %s := range %s {\n%s}\n", n, u.Len(),
			msgp("ArrayError"), u.Len(), n, i, x, c.read(x+"["+i+"]", u.Elem()))
	case *types.Map:
		n, k, v := c.fresh("n"), c.fresh("k"), c.fresh("v")
		return null + header(n, "Map") + fmt.Sprintf("%s = make(%s, %s)\nfor range %s {\nvar %s %s\n%svar %s %s\n%s%s[%s] = %s\n}\n}\n", x, c.w.out.Type(t), n, n,
			k, c.w.out.Type(u.Key()), c.read(k, u.Key()), v, c.w.out.Type(u.Elem()), c.read(v, u.Elem()), x, k, v)
	}
	return ""
}

// fixed returns the most bytes that values of a type take, if that is the same for all; else 0.
func (c *coder) fixed(t types.Type) int {
	switch c.w.kindOf(t) {
	case scalar:
		b := t.Underlying().(*types.Basic)
		if b.Info()&types.IsString == 0 {
			return 9
		}
	case clock:
		return 15
	case span:
		return 9
	}
	return 0
}

// size returns statements that add the size of x to n.
func (c *coder) size(x string, t types.Type) string {
	if k := c.fixed(t); k != 0 {
		return fmt.Sprintf("n += %d\n", k)
	}
	msgp := c.w.msgp
	switch c.w.kindOf(t) {
	case scalar:
		return fmt.Sprintf("n += %s + len(%s)\n", msgp("StringPrefixSize"), x)
	case blob:
		return fmt.Sprintf("n += %s + len(%s)\n", msgp("BytesPrefixSize"), x)
	case whatever:
		return fmt.Sprintf("n += %s(%s)\n", msgp("GuessSize"), x)
	case own, ref, raw, passed, packed:
		return fmt.Sprintf("n += %s.Msgsize()\n", x)
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return fmt.Sprintf("n++\nif %s != nil {\n%s}\n", x, c.size(c.deref(x, u.Elem()), u.Elem()))
	case *types.Slice:
		return c.repeated(x, u.Elem())
	case *types.Array:
		return c.repeated(x, u.Elem())
	case *types.Map:
		k, v := c.fresh("k"), c.fresh("v")
		ks, vs := c.size(k, u.Key()), c.size(v, u.Elem())
		if c.fixed(u.Key()) != 0 {
			k = "_"
		}
		if c.fixed(u.Elem()) != 0 {
			v = "_"
		}
		return fmt.Sprintf("n += %s\nfor %s, %s := range %s {\n%s%s}\n", msgp("MapHeaderSize"), k, v, x, ks, vs)
	}
	return ""
}

func (c *coder) repeated(x string, elem types.Type) string {
	header := fmt.Sprintf("n += %s\n", c.w.msgp("ArrayHeaderSize"))
	if k := c.fixed(elem); k != 0 {
		return header + fmt.Sprintf("n += %d * len(%s)\n", k, x)
	}
	i := c.fresh("i")
	return header + fmt.Sprintf("for %s := range %s {\n%s}\n", i, x, c.size(x+"["+i+"]", elem))
}

// carry returns statements that call Carry on what is carried of x.
func (c *coder) carry(x string, t types.Type) string {
	if !c.w.carries(t) {
		return ""
	}
	switch c.w.kindOf(t) {
	case own, ref, raw, passed, packed:
		return fmt.Sprintf("if err := %s.Carry(c); err != nil {\nreturn err\n}\n", x)
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return fmt.Sprintf("if %s != nil {\n%s}\n", x, c.carry(c.deref(x, u.Elem()), u.Elem()))
	case *types.Slice, *types.Array:
		i := c.fresh("i")
		return fmt.Sprintf("for %s := range %s {\n%s}\n", i, x, c.carry(x+"["+i+"]", u.(interface{ Elem() types.Type }).Elem()))
	case *types.Map:
		k, v := c.fresh("k"), c.fresh("v")
		return fmt.Sprintf("for %s, %s := range %s {\n%s%s[%s] = %s\n}\n", k, v, x, c.carry(v, u.Elem()), x, k, v)
	}
	return ""
}
