// Package golden has messages of all kinds, and what corechan gen makes of them: the files corechan_*_gen.go are what they have to be,
// and the tests beside them send each type through its methods.
package golden

//go:generate go run github.com/corechan/corechan/cmd/corechan gen
