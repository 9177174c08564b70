package h2

import "io"

var ErrChunk = errChunk

func Joined(bodies ...io.Reader) io.Reader { return &joined{bodies: bodies} }
