// Package message generates what a message needs: the methods that tinylib/msgp has for MessagePack, by msgp's own parser and
// generator; Carry, Pack and Unpack for what is carried beside a message; sizes that hold; views; tests.
//
//	shape.go    what a type is on the wire
//	world.go    which types get methods
//	trait.go    what types contain: what is carried, themselves
//	generic.go  type parameters
//	fields.go   fields and their tags
//	check.go    what cannot be encoded, by name
//	synth.go    the source that msgp's parser gets
//	msgp.go     runs msgp's parser and generator
//	edit.go     what is changed in what msgp writes
//	size.go     Msgsize
//	carry.go    Carry
//	view.go     views
//	tests.go    tests and fuzz targets
//
// # What is changed in msgp's code
//
// Types that contain themselves get methods with a depth, so that neither a message nor a payload can exhaust the stack. A slice or
// map is made only if the payload has at least one byte for each of its elements. Elements of a slice that is used again are
// cleared first: a field that is not in the payload would have what another message had there. Msgsize is our own: msgp's is
// an estimate, and too small for arrays in slices.
package message
