// Package other has types that messages of another package use.
package other

//go:generate go run github.com/corechan/corechan/cmd/corechan gen --tests

import (
	"io"

	"github.com/corechan/corechan/engine"
)

// Money is a message of its own.
//
//corechan:message
//corechan:view
type Money struct {
	Units    int64
	Currency Currency
}

// Currency has a name and no methods.
type Currency string

// Flags have a name and no methods.
type Flags uint16

// Labels have a name and no methods.
type Labels map[string][]string

// A Parcel has values that keep no number.
//
//corechan:message
type Parcel struct {
	Body  io.Reader
	Reply engine.Sender[Money]
}
