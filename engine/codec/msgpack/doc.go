// Package msgpack is the codec for messages without generated methods: structs, maps and any, by reflection.
//
// What it writes for a type is, byte for byte but for the order of maps, what the methods say that tinylib/msgp would
// generate for it, so that one end may have generated methods and the other none. That governs the fields' names (the
// struct tag msg, with omitempty, allownil, flatten and "-"), embedded structs (a field of their type's name, unless
// flattened), time.Time (extension type 5; the timestamps of the specification, type -1, are read too), complex numbers,
// and nil slices, maps and []byte (empty ones, unless allownil). Types that have the generated methods are encoded by
// them, also within others; types with binary or else text marshaling methods, both ways, become bin or str.
//
// Decoded into any, integers are int64 or, if written as unsigned, uint64; floats are float64; str is string, bin is
// []byte; arrays are []any; maps are map[string]any, and their keys must be str; extension type 7 is a [codec.Ref],
// others are *msgp.RawExtension.
//
// A str may hold bytes that are not UTF-8, as a Go string may: they pass unchanged in both directions.
//
// # Why it is not a ready-made library
//
// The reflection here is a thin layer over tinylib/msgp's own primitives. Two libraries were considered in its place.
// ugorji/go/codec v1.3.2 can take the tag msg, but writes time.Time as type -1 always and the zero time as nil, both of
// which generated code of ours or the other end's would have to expect; drops fields of type func and drains channels
// without an error; takes bin for an extension; and adds 13 MB to a binary. shamaton/msgpack v3 takes only its own struct
// tag, and registers extension types for the whole process.
package msgpack
