package main

import "context"

//go:generate go tool corechan gen

// An Order is a request.
//
//corechan:message
type Order struct {
	ID       uint64
	Price    int64
	Quantity uint32
	Symbol   string
	Note     string
}

// A Fill is an answer.
//
//corechan:message
type Fill struct {
	ID       uint64
	Price    int64
	Quantity uint32
	Symbol   string
}

// A Book takes orders.
//
//corechan:service
type Book interface {
	Place(ctx context.Context, o *Order) (*Fill, error)
}
